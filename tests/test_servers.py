"""The table of servers: how one is asked for, and that its rows are whole."""

import pytest
from csplade.integration.servers import (
    ELASTICSEARCH_7,
    ELASTICSEARCH_9,
    ICU,
    OPENSEARCH_2,
    OPENSEARCH_3,
    OPENSEARCH_NEURAL,
    SERVERS,
    Server,
    find_server,
)
from csplade.pipelines.errors import UsageError


@pytest.mark.parametrize(
    ("flavor", "version", "server"),
    [
        (None, None, OPENSEARCH_3),
        ("opensearch", None, OPENSEARCH_3),
        ("elasticsearch", None, ELASTICSEARCH_9),
        (None, "3", OPENSEARCH_3),
        (None, "3.6", OPENSEARCH_NEURAL),
        (None, "2.19", OPENSEARCH_2),
        ("opensearch", "2.19.0", OPENSEARCH_2),
        (None, "9.2", ELASTICSEARCH_9),
        ("elasticsearch", "7", ELASTICSEARCH_7),
    ],
)
def test_a_server_is_asked_for_by_flavor_or_the_beginning_of_its_version(
    flavor: str | None, version: str | None, server: Server
) -> None:
    assert find_server(flavor, version) is server


@pytest.mark.parametrize(("flavor", "version"), [(None, "2.1"), (None, "1"), ("opensearch", "9.2"), (None, "3.8.0.1")])
def test_a_server_that_is_not_in_the_table_is_refused_with_those_that_are(flavor: str | None, version: str) -> None:
    with pytest.raises(UsageError, match=rf"there is no .*{version} to start: choose one of OpenSearch 3\.8\.0, "):
        find_server(flavor, version)


def test_every_file_is_pinned() -> None:
    modules = [module.jar for server in SERVERS for module in server.modules]
    plugins = [plugin for server in SERVERS for plugin in server.plugins]
    digests = [artifact.sha256 for artifact in (*(server.archive for server in SERVERS), *modules, *plugins, *ICU)]
    assert {len(digest) for digest in digests} == {64}
    assert len(set(digests)) == len(digests)
    assert {server.flavor for server in SERVERS} == {"opensearch", "elasticsearch"}


def test_the_official_image_is_named_for_who_cannot_run_the_archive() -> None:
    assert OPENSEARCH_2.container == (
        "docker run --rm -p 127.0.0.1:9200:9200 -e discovery.type=single-node -e DISABLE_SECURITY_PLUGIN=true "
        "-e DISABLE_INSTALL_DEMO_CONFIG=true opensearchproject/opensearch:2.19.0"
    )
