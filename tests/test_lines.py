"""What a cluster must do, the same against every line of servers: ingest, each mode, filters, explanations, limits.

Vectors that are dot products to the last bit of the field are in `test_round_trip`, plans in `test_plans`.
"""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from csplade.commands.demo_index import INDEX as DEMO
from csplade.integration.dialect import SPARSE_VECTOR
from csplade.integration.documents import Document, bulk_lines
from csplade.integration.errors import IndexConflictError
from csplade.integration.explain import Origin
from csplade.integration.index import create_index, require_index
from csplade.integration.ingest import IngestOptions, ingest
from csplade.integration.mine import MineOptions, mine
from csplade.integration.planner import PlanOptions
from csplade.integration.query import Mode, QueryOptions, Question
from csplade.integration.search import Hit, count_known, search, search_many, texts_of
from csplade.integration.templates import WEIGHTS_FIELD, IndexOptions
from csplade.pipelines import standard_library
from csplade.pipelines.docstrings import Entry
from csplade.pipelines.errors import UsageError
from csplade.pipelines.sparse import SparseVector
from csplade.pipelines.standard_library import read_standard_library
from csplade.pipelines.training_data import Example
from csplade.tests.cluster_lines import ClusterLine
from csplade.tests.command_run import Run, run
from csplade.tests.plain_measures import plain_measures
from csplade.tests.word_encoder import WordEncoder, word_contract, word_vector

__all__ = ["run"]

pytestmark = pytest.mark.cluster

DOCUMENTS = [
    Document("loaf", "Keep the loaf of bread in a cloth", "A loaf", {"lang": "en", "year": 2001}),
    Document("bread", "bread bread", "Bread", {"lang": "en", "year": 1999}),
    Document("breads", "Breads of the world", None, {"lang": "en", "year": 2010}),
    Document("brot", "das brot bread", None, {"lang": "de", "year": 2005}),
    Document("salt", "salt and nothing else", "Salt", {"lang": "en", "year": 2001}),
    Document("empty", "", "Empty", {"lang": "en"}),
]
MODES = list(Mode)
SPARSE, BM25, HYBRID = (QueryOptions(mode) for mode in (Mode.SPARSE, Mode.BM25, Mode.HYBRID))


@pytest.fixture(scope="module")
def kept() -> Iterator[dict[str, ClusterLine]]:
    """Give the indexes that tests of this module share, by line; none of these tests changes them."""
    lines: dict[str, ClusterLine] = {}
    yield lines
    for line in lines.values():
        line.client.indices.delete(index=line.index)


@pytest.fixture
def filled(line: ClusterLine, kept: dict[str, ClusterLine], tmp_path: Path) -> ClusterLine:
    """Give a line whose index holds `DOCUMENTS`."""
    if line.name not in kept:
        kept[line.name] = fill(dataclasses.replace(line, index=f"{line.index}-kept"), tmp_path)
    return kept[line.name]


def fill(line: ClusterLine, folder: Path) -> ClusterLine:
    create_index(line.client, line.index, word_contract(), IndexOptions(analyzer=line.analyzer, shards=2))
    report = ingest(line.client, WordEncoder(), DOCUMENTS, IngestOptions(line.index, folder / "dead.jsonl"))
    assert (report.indexed, report.failed) == (len(DOCUMENTS), 0)
    return line


def ready(line: ClusterLine, options: QueryOptions) -> QueryOptions:
    """Return the options with the dialect of the line's index."""
    return dataclasses.replace(options, dialect=require_index(line.client, line.index, word_contract()))


def ask(line: ClusterLine, text: str, options: QueryOptions = SPARSE) -> dict[str, Hit]:
    question = Question(text, word_vector(text))
    found = search(line.client, line.index, question, ready(line, options), 10, explain=True)
    return {hit.id: hit for hit in found}


def test_hits_come_best_first_with_their_dot_products(filled: ClusterLine) -> None:
    found = ask(filled, "bread cloth cloth")
    # Letters times count, on both sides: bread 5, cloth 10.
    assert [(hit.id, hit.score) for hit in found.values()] == [("loaf", 75.0), ("bread", 50.0), ("brot", 25.0)]
    assert (found["loaf"].title, found["loaf"].snippet) == ("A loaf", "Keep the loaf of bread in a cloth")


def test_each_mode_finds_what_it_compares(filled: ClusterLine) -> None:
    more = {"breads"} if filled.stems else set()
    assert ask(filled, "bread").keys() == {"loaf", "bread", "brot"}
    assert ask(filled, "bread", BM25).keys() == {"loaf", "bread", "brot"} | more
    assert ask(filled, "bread", HYBRID).keys() == {"loaf", "bread", "brot"} | more


@pytest.mark.parametrize("weight", [1.0, 0.25])
def test_a_hybrid_score_is_the_weighted_sum(filled: ClusterLine, weight: float) -> None:
    sparse, bm25 = ask(filled, "bread cloth"), ask(filled, "bread cloth", BM25)
    for name, hit in ask(filled, "bread cloth", QueryOptions(Mode.HYBRID, bm25_weight=weight)).items():
        parts = (sparse[name].score if name in sparse else 0.0, bm25[name].score if name in bm25 else 0.0)
        assert hit.score == pytest.approx(parts[0] + weight * parts[1], rel=1e-5)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("filters", [(), ({"term": {"lang": "en"}},)])
def test_contributions_add_up_to_the_score(
    filled: ClusterLine, mode: Mode, filters: tuple[dict[str, Any], ...]
) -> None:
    found = ask(filled, "the bread in a cloth of salt bread", QueryOptions(mode, filters, bm25_weight=3.0))
    assert len(found) >= 3
    for hit in found.values():
        assert hit.contributions
        assert sum(part.value for part in hit.contributions) == pytest.approx(hit.score, rel=1e-5)
        for part in hit.contributions:
            assert part.query_weight is not None
            assert part.document_weight is not None
            assert part.query_weight * part.document_weight == pytest.approx(part.value, rel=1e-5)
    origins = {part.origin for hit in found.values() for part in hit.contributions or ()}
    assert Origin.OTHER not in origins
    assert len(origins) == (2 if mode is Mode.HYBRID else 1)


@pytest.mark.parametrize("mode", MODES)
def test_a_filter_narrows_and_changes_no_score(filled: ClusterLine, mode: Mode) -> None:
    everything = {name: hit.score for name, hit in ask(filled, "bread", QueryOptions(mode)).items()}
    recent = ({"term": {"lang": "en"}}, {"range": {"year": {"gte": 2000}}})
    found = {name: hit.score for name, hit in ask(filled, "bread", QueryOptions(mode, recent)).items()}
    assert found == {name: score for name, score in everything.items() if name not in ("brot", "bread")}
    assert ask(filled, "bread", QueryOptions(mode, ({"match_all": {}},))).keys() == everything.keys()


@pytest.mark.parametrize("mode", MODES)
def test_many_questions_are_answered_in_order_and_an_empty_one_with_nothing(filled: ClusterLine, mode: Mode) -> None:
    texts = ["bread", "", "salt", "  ", "cloth", "nobody"]
    questions = [Question(text, word_vector(text)) for text in texts]
    many = list(search_many(filled.client, filled.index, questions, ready(filled, QueryOptions(mode)), 10))
    single = [ask(filled, text, QueryOptions(mode)) for text in texts]
    assert [[hit.id for hit in hits] for hits in many] == [list(hits) for hits in single]
    assert (many[1], many[3], many[5]) == ((), (), ())


def test_a_query_beyond_the_clauses_of_the_cluster_is_cut_to_them_or_told(filled: ClusterLine) -> None:
    limit = filled.dialect.max_clauses
    vector = SparseVector.from_pairs([*((f"t{number}", 1.0) for number in range(limit + 500)), ("bread", 2.0)])
    plan = PlanOptions(max_clauses=limit + 1)
    asked = ready(filled, QueryOptions(plan=plan))
    assert search(filled.client, filled.index, Question("bread", vector), asked)[0].id == "bread"
    # As if the cluster had said that it takes more than it does.
    wrong = dataclasses.replace(asked, dialect=dataclasses.replace(filled.dialect, max_clauses=limit + 1))
    with pytest.raises(UsageError, match="lower --max-clauses"):
        search(filled.client, filled.index, Question("bread", vector), wrong)
    with pytest.raises(UsageError, match="lower --max-clauses"):
        list(search_many(filled.client, filled.index, [Question("bread", vector)], wrong, 10))
    words = Question(" ".join(f"word{number}" for number in range(limit + 1)))
    with pytest.raises(UsageError, match="shorten the query or the filter"):
        search(filled.client, filled.index, words, ready(filled, BM25))


def test_weights_that_cannot_be_stored_fail_their_document_alone(line: ClusterLine, tmp_path: Path) -> None:
    filled = fill(line, tmp_path)
    good, wrong = Document("good", "rye"), Document("wrong", "rye", fields={"year": "soon"})
    places = IngestOptions(filled.index, tmp_path / "failed.jsonl")
    report = ingest(filled.client, WordEncoder(), [good, wrong], places)
    assert (report.indexed, report.failed) == (1, 1)
    (letter,) = map(orjson.loads, places.dead_letters.read_bytes().splitlines())
    assert letter["_id"] == "wrong"
    assert "year" in letter["csplade_error"]
    for weight in (0.0, -1.0, 1e-44, 1e39):
        source = orjson.dumps({"index": {"_id": "bad"}}) + b"\n" + orjson.dumps({WEIGHTS_FIELD: {"a": weight}}) + b"\n"
        (item,) = filled.client.bulk(body=source, index=filled.index)["items"]
        assert item["index"]["status"] == 400
    # None of these is ever sent.
    assert bulk_lines(good, SparseVector({"a": 0.0, "b": 1e39})) == bulk_lines(good, SparseVector())


def test_an_index_of_another_encoder_is_refused(filled: ClusterLine) -> None:
    other = word_contract("other", opset=2)
    with pytest.raises(IndexConflictError, match=other.fingerprint):
        require_index(filled.client, filled.index, other)
    assert require_index(filled.client, filled.index, word_contract()) == filled.dialect


def test_texts_and_counts_come_by_id(filled: ClusterLine) -> None:
    assert count_known(filled.client, filled.index, {"bread", "salt", "nothing"}) == 2
    assert texts_of(filled.client, filled.index, {"loaf", "empty", "nothing"}) == {
        "loaf": ("A loaf", "Keep the loaf of bread in a cloth"),
        "empty": ("Empty", ""),
    }


def test_the_weights_can_be_read_back(filled: ClusterLine) -> None:
    """Who copies an index must get them, also where they are left out of `_source` unless asked for."""
    query: dict[str, Any] = {"query": {"ids": {"values": ["bread"]}}}
    (usual,) = filled.client.search(index=filled.index, body=query)["hits"]["hits"]
    assert (WEIGHTS_FIELD in usual["_source"]) != filled.dialect.hides_weights
    if filled.dialect.hides_weights:
        query["_source"] = {"exclude_vectors": False}
    (whole,) = filled.client.search(index=filled.index, body=query)["hits"]["hits"]
    assert whole["_source"][WEIGHTS_FIELD] == {"bread": 10.0}


def test_hard_negatives_are_mined(filled: ClusterLine) -> None:
    question = Question("bread", word_vector("bread"))
    example = Example("bread", ("bread bread",), None, "pairs", 1)
    wanted = MineOptions(filled.index, Mode.SPARSE, 2, 10, dialect=filled.dialect)
    (mined,) = mine(filled.client, [(example, question)], {"bread": ["bread bread"]}, wanted)
    assert mined.negatives == ("Keep the loaf of bread in a cloth", "das brot bread")


def test_queries_of_others_are_not_pruned_either(filled: ClusterLine) -> None:
    if filled.dialect.field_type != SPARSE_VECTOR:
        return
    vector = {"bread": 5.0, "cloth": 0.001}
    body = {"query": {"sparse_vector": {"field": WEIGHTS_FIELD, "query_vector": vector}}}
    hits = filled.client.search(index=filled.index, body=body)["hits"]["hits"]
    assert {hit["_id"]: hit["_score"] for hit in hits}["loaf"] == pytest.approx(25.005, rel=1e-6)


def test_the_commands_ingest_query_and_evaluate(run: Run, line: ClusterLine) -> None:
    texts = {document.id: document.text for document in DOCUMENTS if document.text}
    queries, judgments = {"q1": "bread cloth cloth", "q2": "salt"}, {"q1": {"bread": 1, "loaf": 2}, "q2": {"brot": 1}}
    folder = Path("bakery")
    (folder / "qrels").mkdir(parents=True)
    for name, records in (("corpus", texts), ("queries", queries)):
        rows = (orjson.dumps({"_id": key, "text": text}) + b"\n" for key, text in records.items())
        (folder / f"{name}.jsonl").write_bytes(b"".join(rows))
    table = [
        "query-id\tcorpus-id\tscore",
        *(f"{q}\t{d}\t{g}" for q, found in judgments.items() for d, g in found.items()),
    ]
    (folder / "qrels" / "test.tsv").write_text("\n".join([*table, ""]))
    where = ("--index", line.index, "--url", line.url)
    ingested = run("ingest", "bakery", *where, "--analyzer", line.analyzer, "--json")
    assert (ingested.code, orjson.loads(ingested.out)["indexed"]) == (0, len(texts)), ingested
    asked = run("query", "bread cloth cloth", *where, "--explain", "--json")
    assert asked.code == 0, asked
    (first, *_) = orjson.loads(asked.out)["hits"]
    assert (first["id"], first["score"], len(first["contributions"])) == ("loaf", 75.0, 2)
    measured = run("evaluate", *where, "--collection", "bakery", "--mode", "sparse", "--json")
    assert measured.code == 0, measured
    rankings = {"q1": ["loaf", "bread", "brot"], "q2": ["salt"]}
    assert orjson.loads(measured.out)["sparse"] == pytest.approx(plain_measures(judgments, rankings), abs=1e-9)


@pytest.fixture(scope="module")
def some_entries() -> tuple[Entry, ...]:
    return read_standard_library()[::20]


def test_the_demo_compares_on_the_cluster(
    run: Run, line: ClusterLine, some_entries: tuple[Entry, ...], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(standard_library, "read_standard_library", lambda: some_entries)
    options = ("--url", line.url, "--analyzer", line.analyzer, "--examples", "0", "--json")
    try:
        first = run("demo", *options)
        assert first.code == 0, first
        shown = orjson.loads(first.out)
        assert shown["url"] == line.url
        again = orjson.loads(run("demo", *options).out)
        assert again["measures"] == shown["measures"]
        if line.stems:
            return
        refused = run("demo", "--url", line.url, "--json")
        assert refused.code == 1
        assert "choose one of the cluster's analyzers with --analyzer" in refused.err
    finally:
        line.client.indices.delete(index=DEMO, params={"ignore_unavailable": "true"})
