"""Stock clients of several languages: the same program against the cluster, and through the gateway."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache

import pytest
from csplade.integration.client import connect
from csplade.integration.detect import read_dialect
from csplade.tests.cluster_lines import MARK, USUAL, LineServers
from csplade.tests.gateway_installs import java_packages, javascript_packages, python_packages
from csplade.tests.gateway_programs import Program, compare, weighed_hits
from csplade.tests.gateway_searches import DOCUMENTS, Json, Stage, stage
from csplade.tests.rewrite_index import mapping, stored_weights

pytestmark = pytest.mark.cluster

PROGRAMS = {
    "javascript": Program("search.mjs", "opensearch-3.8", javascript_packages, ("@opensearch-project/opensearch@3",)),
    "java": Program("Search.java", "opensearch-3.8", java_packages, ("org.opensearch.client:opensearch-java:3.2.0",)),
    "dsl": Program("dsl.py", "opensearch-3.8"),
    "elasticsearch-9": Program("elasticsearch_9.py", "elasticsearch-9.2", python_packages, ("elasticsearch>=9,<10",)),
    "elasticsearch-7": Program(
        "elasticsearch_7.py", "elasticsearch-7.17", python_packages, ("elasticsearch>=7.17,<7.18",)
    ),
}


def _marks(program: Program) -> list[pytest.MarkDecorator]:
    return [] if program.line in USUAL else [getattr(pytest.mark, MARK)]


JAVASCRIPT = PROGRAMS["javascript"]
WEIGHTS = ("csplade_terms", "summary_terms", "note_terms")


@pytest.fixture(scope="module")
def stages(line_servers: LineServers) -> Iterator[Callable[[str], Stage]]:
    """Give what stands before the servers of a line; which kind of cluster that is, the gateway asks."""
    with ExitStack() as stack:

        @cache
        def staged(line: str) -> Stage:
            url = line_servers.url(line)
            dialect = read_dialect(connect(url))
            # The archives of Elasticsearch lack analyzers of languages, and joins.
            whole = dialect.distribution == "opensearch"
            mapped = mapping(dialect.field_type, "english" if whole else "standard", joins=whole)
            return stack.enter_context(stage(url, "anchored", gateway={"deadline_ms": 10_000}, mapped=mapped))

        yield staged


@pytest.mark.parametrize("name", [pytest.param(name, marks=_marks(each)) for name, each in PROGRAMS.items()])
def test_a_program_needs_no_change(stages: Callable[[str], Stage], name: str) -> None:
    program = PROGRAMS[name]
    staged = stages(program.line)
    index = staged.index("anchored")
    direct, through = (program.run(url, index) for url in (staged.url, staged.gateway.url))
    compare(direct, through, stored_weights(DOCUMENTS))
    assert weighed_hits(staged.direct, index, read_dialect(staged.direct)) == ["stock"]


def test_a_program_finds_whole_documents_as_if_there_were_no_weights(line_servers: LineServers) -> None:
    url = line_servers.url(JAVASCRIPT.line)
    with stage(url, "anchored", gateway={"deadline_ms": 10_000}, more={"hide_weights": True}) as staged:
        index, client = staged.index("anchored"), staged.direct
        bare = f"{index}-bare"
        client.indices.create(index=bare, body={"mappings": mapping()})
        for hit in client.search(index=index, body={"size": 1000})["hits"]["hits"]:
            source = bared(hit["_source"])
            client.index(index=bare, id=hit["_id"], routing=hit.get("_routing"), body=source)
        client.indices.refresh(index=bare)
        weighed, direct = (JAVASCRIPT.run(staged.url, each)["sources"] for each in (index, bare))
        through = JAVASCRIPT.run(staged.gateway.url, index)["sources"]
    assert len(through) > 50
    assert through == direct
    assert weighed.keys() == direct.keys()
    assert sum("csplade_terms" in source for source in weighed.values()) > 50


def bared(source: Json) -> Json:
    """Return a document as it would be without weights."""
    kept = {name: value for name, value in source.items() if name not in WEIGHTS}
    if "passages" in kept:
        kept["passages"] = [{"text": each["text"]} for each in kept["passages"]]
    return kept
