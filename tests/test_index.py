"""Indexes: missing, ours, somebody else's, made with another encoder; on a real server."""

import pytest
from csplade.integration.client import connect
from csplade.integration.errors import IndexConflictError, RequestError
from csplade.integration.index import IndexState, check_index, check_name, create_index, require_index
from csplade.integration.templates import IndexOptions
from csplade.pipelines.errors import UsageError
from csplade.tests.word_encoder import word_contract
from opensearchpy import OpenSearch

CONTRACT = word_contract()


@pytest.fixture
def client(opensearch: str) -> OpenSearch:
    return connect(opensearch)


@pytest.mark.parametrize("name", ["articles", "a-1_b", "größe", "9"])
def test_names_that_a_server_takes(name: str) -> None:
    check_name(name)


@pytest.mark.parametrize(
    "name", ["", "Articles", "a*", "a,b", "-a", "_all", "+a", ".hidden", "a b", "a/b", "a:b", "a#", "ä" * 128, "\udcff"]
)
def test_names_that_no_server_takes(name: str) -> None:
    with pytest.raises(UsageError, match="cannot be the name of an index"):
        check_name(name)


@pytest.mark.cluster
def test_an_index_is_missing_then_ready(client: OpenSearch, index_name: str) -> None:
    assert check_index(client, index_name, CONTRACT) is IndexState.MISSING
    with pytest.raises(IndexConflictError, match=f"csplade ingest SOURCE --index {index_name}"):
        require_index(client, index_name, CONTRACT)
    create_index(client, index_name, CONTRACT, IndexOptions(replicas=0))
    assert check_index(client, index_name, CONTRACT) is IndexState.READY
    require_index(client, index_name, CONTRACT)


@pytest.mark.cluster
@pytest.mark.parametrize(("asked", "number", "expand"), [(None, "0", "0-1"), (2, "2", "false")])
def test_an_index_has_the_replicas_that_the_nodes_can_hold_or_those_asked_for(
    client: OpenSearch, index_name: str, asked: int | None, number: str, expand: str
) -> None:
    if client.cluster.health()["number_of_data_nodes"] != 1:
        pytest.skip("the cluster has more than one node")
    create_index(client, index_name, CONTRACT, IndexOptions(replicas=asked))
    settings = client.indices.get_settings(index=index_name)[index_name]["settings"]["index"]
    assert (settings["number_of_replicas"], settings["auto_expand_replicas"]) == (number, expand)
    health = client.cluster.health(index=index_name, params={"wait_for_no_initializing_shards": "true"})
    assert health["status"] == ("green" if asked is None else "yellow")


@pytest.mark.cluster
def test_creating_twice_is_the_work_of_two_ingests_at_once(client: OpenSearch, index_name: str) -> None:
    create_index(client, index_name, CONTRACT, IndexOptions())
    create_index(client, index_name, CONTRACT, IndexOptions())
    with pytest.raises(IndexConflictError):
        create_index(client, index_name, word_contract(opset=2), IndexOptions())


@pytest.mark.cluster
def test_another_encoder_is_refused_with_both_fingerprints_and_the_way_out(client: OpenSearch, index_name: str) -> None:
    other = word_contract("others", opset=2)
    create_index(client, index_name, other, IndexOptions())
    with pytest.raises(IndexConflictError) as caught:
        check_index(client, index_name, CONTRACT)
    for part in (CONTRACT.fingerprint, other.fingerprint, "'words'", "'others'", "--encoder", "a new index"):
        assert part in str(caught.value)


@pytest.mark.cluster
@pytest.mark.parametrize(
    "body",
    [
        {},
        {"mappings": {"properties": {"csplade_terms": {"type": "rank_features"}}}},
        {"mappings": {"_meta": {"csplade": {"fingerprint": CONTRACT.fingerprint, "format": 1}}}},
        {"mappings": {"_meta": {"csplade": "x"}, "properties": {"csplade_terms": {"type": "rank_features"}}}},
    ],
)
def test_an_index_that_is_not_ours_is_refused_and_stays(
    client: OpenSearch, index_name: str, body: dict[str, object]
) -> None:
    client.indices.create(index=index_name, body=body)
    before = client.indices.get_mapping(index=index_name)
    with pytest.raises(IndexConflictError, match="was not made by csplade"):
        check_index(client, index_name, CONTRACT)
    assert client.indices.get_mapping(index=index_name) == before


@pytest.mark.cluster
def test_an_index_of_another_format_is_refused(client: OpenSearch, index_name: str) -> None:
    create_index(client, index_name, CONTRACT, IndexOptions())
    meta = {"csplade": {"fingerprint": CONTRACT.fingerprint, "encoder": "words", "format": 2}}
    client.indices.put_mapping(index=index_name, body={"_meta": meta})
    with pytest.raises(IndexConflictError, match="has format 2, this csplade writes 1"):
        check_index(client, index_name, CONTRACT)


@pytest.mark.cluster
def test_an_alias_stands_for_its_one_index(client: OpenSearch, index_name: str) -> None:
    alias = f"{index_name}-alias"
    create_index(client, index_name, CONTRACT, IndexOptions())
    client.indices.put_alias(index=index_name, name=alias)
    assert check_index(client, alias, CONTRACT) is IndexState.READY
    create_index(client, f"{index_name}-2", CONTRACT, IndexOptions())
    try:
        client.indices.put_alias(index=f"{index_name}-2", name=alias)
        with pytest.raises(IndexConflictError, match="is an alias of 2 indexes"):
            check_index(client, alias, CONTRACT)
    finally:
        client.indices.delete(index=f"{index_name}-2")


@pytest.mark.cluster
def test_an_unknown_analyzer_creates_nothing(client: OpenSearch, index_name: str) -> None:
    with pytest.raises(RequestError, match=r"analyzer \[klingon\]"):
        create_index(client, index_name, CONTRACT, IndexOptions(analyzer="klingon"))
    assert check_index(client, index_name, CONTRACT) is IndexState.MISSING
