"""Searching and ingesting from Python, over opensearch-py's own client, its errors and an alias that moves."""

from pathlib import Path

import pytest
from csplade.integration.borrowed_client import borrowed
from csplade.integration.client import address, connect
from csplade.integration.documents import Document
from csplade.integration.errors import IndexConflictError, RequestError, UnreachableError
from csplade.integration.index import create_index
from csplade.integration.missing import Reason
from csplade.integration.planner import Fusion, PlanOptions
from csplade.integration.query import Mode, QueryOptions
from csplade.integration.sparse_search import BulkOptions, SparseSearch
from csplade.integration.templates import IndexOptions
from csplade.pipelines.errors import UsageError
from csplade.tests.cluster_lines import ClusterLine
from csplade.tests.word_encoder import WordEncoder, word_contract
from opensearchpy import OpenSearch, Transport

RECORDS = [
    {"id": "a", "title": "Loaf", "text": "bread in an oven", "lang": "en"},
    {"id": "b", "text": "bread bread", "lang": "en"},
    {"id": "c", "text": "bread brot", "lang": "de"},
    {"id": "d", "text": "salt"},
]


@pytest.fixture
def client(line: ClusterLine) -> OpenSearch:
    """Return a client as opensearch-py makes it, with nothing of ours."""
    return OpenSearch(line.url, timeout=60)


@pytest.fixture
def search(line: ClusterLine, client: OpenSearch, tmp_path: Path) -> SparseSearch:
    search = SparseSearch(client, WordEncoder(), line.index)
    made = IndexOptions(analyzer=line.analyzer, shards=2)
    report = search.bulk(RECORDS, BulkOptions(index=made, dead_letters=tmp_path / "dead.jsonl"))
    assert (report.read, report.indexed, report.failed) == (4, 4, 0)
    return search


@pytest.mark.cluster
def test_hits_come_with_their_documents_and_without_weights(search: SparseSearch) -> None:
    page = search.search("bread oven", size=2)
    # Letters times count, on both sides.
    assert [(hit.rank, hit.id, hit.score) for hit in page.hits] == [(1, "b", 50.0), (2, "a", 41.0)]
    assert page.hits[1].source == {"id": "a", "title": "Loaf", "text": "Loaf\nbread in an oven", "lang": "en"}
    assert page.hits[0].contributions is None
    (explained,) = search.search("oven", explain=True).hits
    assert [(part.term, part.value) for part in explained.contributions or ()] == [("oven", 16.0)]


@pytest.mark.cluster
def test_filters_are_one_clause_or_several_and_stand_beside_those_of_the_options(
    search: SparseSearch, line: ClusterLine
) -> None:
    german = {"term": {"lang": "de"}}
    assert [hit.id for hit in search.search("bread", filters=german).hits] == ["c"]
    assert [hit.id for hit in search.search("bread", filters=[german]).hits] == ["c"]
    english = QueryOptions(filters=({"term": {"lang": "en"}},))
    assert search.search("bread", filters=german, options=english).hits == ()
    by_words = search.search("breads" if line.stems else "bread", options=QueryOptions(Mode.BM25))
    assert {hit.id for hit in by_words.hits} == {"a", "b", "c"}


@pytest.mark.cluster
def test_many_texts_are_answered_in_order(search: SparseSearch) -> None:
    found = list(search.msearch(["salt", "nothing", "oven bread"] * 40, size=1))
    assert [[(hit.id, hit.score) for hit in hits] for hits in found] == [[("d", 16.0)], [], [("b", 50.0)]] * 40


@pytest.mark.cluster
def test_a_document_is_explained_that_is_found_or_not(search: SparseSearch) -> None:
    found = search.explain("bread oven", "a")
    assert (found.rank, found.score, found.reasons) == (2, 41.0, ())
    assert search.explain("bread", "d").reasons == (Reason.NO_COMMON_TERM,)
    assert search.explain("bread", "nobody").reasons == (Reason.NOT_INDEXED,)


@pytest.mark.cluster
def test_a_body_is_for_the_owners_own_client(search: SparseSearch, client: OpenSearch, line: ClusterLine) -> None:
    body = search.body("bread", size=1)
    languages = {"languages": {"terms": {"field": "lang"}}}
    answer = client.search(index=line.index, body={**body, "aggs": languages})
    assert [hit["_id"] for hit in answer["hits"]["hits"]] == ["b"]
    buckets = {one["key"]: one["doc_count"] for one in answer["aggregations"]["languages"]["buckets"]}
    assert buckets == {"en": 2, "de": 1}
    assert client.search(index=line.index, body=search.body(" "))["hits"]["hits"] == []
    ranks = QueryOptions(Mode.HYBRID, plan=PlanOptions(fusion=Fusion.RRF))
    with pytest.raises(UsageError, match="no single search: choose another fusion"):
        search.body("bread", options=ranks)
    assert search.search("bread", options=ranks).hits[0].source


@pytest.mark.cluster
def test_what_cannot_be_indexed_is_told_with_its_place_and_kept(
    search: SparseSearch, line: ClusterLine, tmp_path: Path
) -> None:
    records = [
        {"id": "e", "text": "butter"},
        {"text": "no id"},
        "a text",
        Document("f", "butter", fields={"lang": {"an": "object"}}),
    ]
    letters = tmp_path / "failed.jsonl"
    report = search.bulk(records, BulkOptions(dead_letters=letters))  # type: ignore[arg-type]
    assert (report.read, report.indexed, report.failed, report.dead_letters) == (4, 1, 3, letters)
    told = letters.read_text()
    assert "record 2 has no id in _id or id" in told
    assert "record 3 is a string, where an object belongs" in told
    assert [hit.id for hit in search.search("butter").hits] == ["e"]
    with pytest.raises(UsageError, match="name another"):
        search.bulk([], BulkOptions(dead_letters=letters))


@pytest.mark.cluster
def test_an_index_of_another_encoder_or_none_is_refused(search: SparseSearch, client: OpenSearch) -> None:
    other = SparseSearch(client, WordEncoder(word_contract("others", opset=2)), search.index)
    for use in (lambda: other.search("bread"), lambda: other.bulk([]), lambda: other.explain("bread", "a")):
        with pytest.raises(IndexConflictError, match="made with the encoder 'words'"):
            use()
    with pytest.raises(IndexConflictError, match="there is no index 'nothing-here'"):
        SparseSearch(client, WordEncoder(), "nothing-here").search("bread")


@pytest.mark.cluster
def test_an_alias_that_moves_to_another_encoder_is_noticed(
    search: SparseSearch, line: ClusterLine, client: OpenSearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    alias, second = f"{search.index}-alias", f"{search.index}-2"
    client.indices.put_alias(index=search.index, name=alias)
    by_alias = SparseSearch(client, WordEncoder(), alias)
    assert by_alias.search("salt").hits
    create_index(
        connect(address(borrowed(client))),
        second,
        word_contract("others", opset=2),
        IndexOptions(analyzer=line.analyzer),
    )
    move = [{"remove": {"index": search.index, "alias": alias}}, {"add": {"index": second, "alias": alias}}]
    client.indices.update_aliases(body={"actions": move})
    try:
        monkeypatch.setattr("csplade.integration.index_facts.KEPT_SECONDS", 0.0)
        with pytest.raises(IndexConflictError, match="made with the encoder 'others'"):
            by_alias.search("salt")
    finally:
        client.indices.delete(index=second)


@pytest.mark.cluster
def test_what_is_known_of_an_index_is_not_asked_for_each_time(search: SparseSearch, line: ClusterLine) -> None:
    asked: list[str] = []

    class Noting(Transport):
        def perform_request(self, method: str, url: str, *more: object) -> object:
            asked.append(url)
            return super().perform_request(method, url, *more)  # type: ignore[arg-type]

    client = OpenSearch(line.url, transport_class=Noting, timeout=60)
    counted = search.over(client)
    search.search("bread")
    for _ in range(3):
        counted.search("bread")
    assert asked == [f"/{search.index}/_search"] * 3


@pytest.mark.cluster
def test_errors_of_the_owners_client_are_told_as_ours(search: SparseSearch, client: OpenSearch) -> None:
    with pytest.raises(RequestError, match=r"unknown query \[nonsense\]"):
        search.search("bread", filters={"nonsense": {}})
    nobody = SparseSearch(OpenSearch("http://someone:secret@127.0.0.1:9", max_retries=0), WordEncoder(), "articles")
    with pytest.raises(UnreachableError, match=r"no cluster answers at http://127\.0\.0\.1:9 ") as caught:
        nobody.search("bread")
    assert "secret" not in str(caught.value)
    # The owner's client still has its own.
    from opensearchpy.exceptions import NotFoundError

    with pytest.raises(NotFoundError):
        client.get(index=search.index, id="nobody")


@pytest.mark.parametrize(
    ("hosts", "expected"),
    [
        ("https://u:p@h:9201/x", "https://h:9201/x"),
        (["a", "http://b:1"], "http://a:9200,http://b:1"),
        ([{"host": "c", "port": 443, "use_ssl": True}], "https://c:443"),
        (None, "http://localhost:9200"),
    ],
)
def test_a_borrowed_client_tells_where_its_cluster_is_without_credentials(hosts: object, expected: str) -> None:
    client = OpenSearch(hosts)
    assert address(borrowed(client)) == expected
    assert borrowed(borrowed(client)).transport is not client.transport
    assert address(borrowed(connect("http://h:1"))) == "http://h:1"


def test_wrong_use_is_told_before_anything_is_asked() -> None:
    client = connect("http://127.0.0.1:9")
    search = SparseSearch(client, WordEncoder(), "articles")
    with pytest.raises(UsageError, match="cannot be the name of an index"):
        SparseSearch(client, WordEncoder(), "Articles*")
    for size in (0, 10_001):
        with pytest.raises(UsageError, match=f"{size} hits cannot be asked for: give a size from 1 to 10000"):
            search.search("bread", size)
    with pytest.raises(TypeError, match="dict is no OpenSearch client"):
        SparseSearch({}, WordEncoder(), "articles")  # type: ignore[arg-type]


@pytest.mark.cluster
def test_what_is_no_text_is_told(search: SparseSearch) -> None:
    for mode in Mode:
        with pytest.raises(UsageError, match=r"a number where the text of a query belongs \(7\)"):
            search.search(7, options=QueryOptions(mode))  # type: ignore[arg-type]
