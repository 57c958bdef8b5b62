"""`csplade evaluate`: measures of a real index against their definitions, and collections that cannot be measured."""

import functools
import gzip
import sys
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from csplade.integration.client import connect
from csplade.integration.index import create_index
from csplade.integration.templates import IndexOptions
from csplade.pipelines.evaluate import ASKED_DEPTH
from csplade.tests.command_run import Result, Run, run
from csplade.tests.faulty_proxy import FaultyProxy, running
from csplade.tests.judged_folder import Judged
from csplade.tests.plain_measures import plain_measures
from csplade.tests.word_encoder import word_contract, word_vector

__all__ = ["run"]

NOWHERE = "http://127.0.0.1:9"
MEASURES = ["nDCG@10", "RR@10", "R@100"]
# Of many lengths, so that scores differ; some are one word to the analyzer and two to the tests' encoder.
WORDS = ["rye", "oven", "ovens", "bread", "breads", "butter", "baker", "bakery", "crumble", "sourdough", "wholemeal"]
DOCUMENTS, QUERIES = 160, 12


def random_collection(seed: int) -> Judged:
    """Return a small collection; more documents than the measures look at, so that the depth matters."""
    random = np.random.default_rng(seed)

    def text(longest: int) -> str:
        return " ".join(random.choice(WORDS, size=random.integers(1, longest + 1)))

    # Ids whose order is not that in which they are indexed.
    names = [f"d{number}" for number in random.permutation(DOCUMENTS)]
    judgments = {
        f"q{number}": {
            str(name): int(random.choice([0, 1, 2, 3], p=[0.2, 0.4, 0.2, 0.2]))
            for name in random.choice(names, size=random.integers(5, 140), replace=False)
        }
        for number in range(QUERIES)
    }
    # One query without a relevant document, one that matches nothing: both count as 0.
    judgments["q0"] = dict.fromkeys(judgments["q0"], 0)
    queries = {name: text(3) for name in judgments} | {"q1": "nothingness", "unjudged": "bread"}
    return Judged({name: text(30) for name in names}, queries, judgments)


@pytest.fixture
def judged(tmp_path: Path) -> Judged:
    """Return a collection that is written to the folder `bakery`."""
    collection = random_collection(seed=5)
    collection.write(tmp_path / "bakery")
    return collection


@pytest.fixture
def evaluate(run: Run, opensearch: str, index_name: str, judged: Judged) -> Run:
    """Run `csplade evaluate` on an index that holds that collection."""
    assert run("ingest", "bakery", "--index", index_name, "--url", opensearch).code == 0
    return functools.partial(run, "evaluate", "--index", index_name, "--url", opensearch, "--collection", "bakery")


def one_sentence(result: Result) -> str:
    assert result.out == ""
    assert result.err.startswith("Error: ")
    assert result.err.count("\n") == 1
    return result.err


def json_of(result: Result) -> dict[str, Any]:
    assert (result.code, result.out.count("\n")) == (0, 1), result
    value = orjson.loads(result.out)
    assert isinstance(value, dict)
    return value


def ranked(scores: dict[str, float]) -> list[str]:
    return sorted((name for name, score in scores.items() if score), key=lambda name: (-scores[name], name))


def sparse_scores(judged: Judged, query: str) -> dict[str, float]:
    """Score without any cluster; the tests' weights are whole numbers, which rank_features keeps as they are."""
    asked = word_vector(judged.queries[query])
    return {name: asked.dot(word_vector(text)) for name, text in judged.texts.items()}


def bm25_scores(url: str, index: str, judged: Judged, query: str) -> dict[str, float]:
    body = {"query": {"match": {"text": judged.queries[query]}}, "size": 1000, "_source": False}
    hits = connect(url).search(index=index, body=body)["hits"]["hits"]
    return {hit["_id"]: hit["_score"] for hit in hits}


@pytest.mark.cluster
def test_the_json_holds_the_measures_of_each_mode_as_their_definitions_give_them(
    evaluate: Run, opensearch: str, index_name: str, judged: Judged
) -> None:
    bm25 = {query: bm25_scores(opensearch, index_name, judged, query) for query in judged.judgments}
    sparse = {query: sparse_scores(judged, query) for query in judged.judgments}
    hybrid = {
        query: {name: score + 0.5 * bm25[query].get(name, 0.0) for name, score in sparse[query].items()}
        for query in judged.judgments
    }
    expected = {
        mode: plain_measures(judged.judgments, {query: ranked(scores) for query, scores in found.items()})
        for mode, found in {"bm25": bm25, "sparse": sparse, "hybrid": hybrid}.items()
    }
    result = evaluate("--bm25-weight", 0.5, "--json")
    measured = json_of(result)
    assert list(measured) == ["bm25", "sparse", "hybrid"]
    for mode in measured:
        chance = measured[mode].pop("p", None)
        assert (chance is None) == (mode == "bm25")
        assert chance is None or 0 < chance <= 1
        assert list(measured[mode]) == MEASURES
        assert measured[mode] == pytest.approx(expected[mode], abs=1e-9)
        assert 0 < measured[mode]["R@100"] < 1
    assert len({tuple(found.values()) for found in measured.values()}) == 3
    assert result.err == "1 of 12 queries has no relevant document and counts as 0.\n"


@pytest.mark.cluster
def test_queries_that_are_documents_do_not_find_themselves_and_numbers_alone_make_none(
    run: Run, opensearch: str, index_name: str
) -> None:
    judged = random_collection(seed=7)
    own = {"1007": "rye " * 40, "speech-8": "butter " * 40}
    judged.texts.update({**own, "1009": "bread " * 40})
    judged.queries.update({**own, "1009": "bread"})
    judged.judgments.update({name: {ranked(sparse_scores(judged, name))[1]: 2} for name in (*own, "1009")})
    judged.write(Path("speeches"))
    where = ("--index", index_name, "--url", opensearch)
    assert run("ingest", "speeches", *where).code == 0
    rankings = {query: ranked(sparse_scores(judged, query)) for query in judged.judgments}
    assert [rankings[name].index(name) for name in (*own, "1009")] == [0, 0, 0]
    kept = {query: [name for name in found if query not in own or name != query] for query, found in rankings.items()}
    result = run("evaluate", *where, "--collection", "speeches", "--mode", "sparse", "--json")
    measured = json_of(result)["sparse"]
    assert measured == pytest.approx(plain_measures(judged.judgments, kept), abs=1e-9)
    assert measured != pytest.approx(plain_measures(judged.judgments, rankings), abs=1e-9)
    assert "2 of 15 queries are documents themselves, and are left out of their own hits, as by BEIR.\n" in result.err


@pytest.mark.cluster
def test_a_table_holds_the_same_numbers(evaluate: Run) -> None:
    measured = json_of(evaluate("--json"))
    result = evaluate()
    assert result.code == 0
    lines = [line.split() for line in result.out.splitlines() if line.strip(" ─")]
    assert lines[0] == ["mode", *MEASURES, "p"]
    assert lines[1:] == [[mode, *(f"{value:.4f}" for value in found.values())] for mode, found in measured.items()]


@pytest.mark.cluster
def test_only_the_modes_asked_for_are_measured_in_that_order_and_once(evaluate: Run) -> None:
    everything = json_of(evaluate("--json"))
    found = json_of(evaluate("--mode", "sparse", "--mode", "bm25", "--mode", "sparse", "--json"))
    assert list(found) == ["sparse", "bm25"]
    # The test is of differences, whichever comes first.
    assert found["bm25"].pop("p") == pytest.approx(everything["sparse"].pop("p"), abs=0.03)
    assert found == {mode: everything[mode] for mode in found}


@pytest.mark.cluster
def test_bm25_alone_needs_no_encoder(evaluate: Run) -> None:
    assert list(json_of(evaluate("--mode", "bm25", "--encoder", "nothing", "--json"))) == ["bm25"]
    result = evaluate("--mode", "bm25", "--mode", "sparse", "--encoder", "nothing")
    assert "nothing is not an encoder folder" in one_sentence(result)


@pytest.mark.cluster
def test_pruned_queries_are_counted(evaluate: Run) -> None:
    result = evaluate("--mode", "sparse", "--max-clauses", 1, "--json")
    assert json_of(result)["sparse"]["nDCG@10"] > 0
    assert " more terms than are sent; see --max-clauses" in result.err


@pytest.mark.cluster
def test_rankings_that_are_merged_are_measured_as_their_formula_gives_them(
    evaluate: Run, opensearch: str, index_name: str, judged: Judged
) -> None:
    expected = {}
    for query in judged.judgments:
        sides = [
            ranked(sparse_scores(judged, query))[:ASKED_DEPTH],
            ranked(bm25_scores(opensearch, index_name, judged, query))[:ASKED_DEPTH],
        ]
        names = {name for side in sides for name in side}
        expected[query] = ranked(
            {name: sum(1 / (61 + side.index(name)) for side in sides if name in side) for name in names}
        )
    measured = json_of(evaluate("--mode", "hybrid", "--fusion", "rrf", "--json"))["hybrid"]
    assert measured == pytest.approx(plain_measures(judged.judgments, expected), abs=1e-9)


@pytest.mark.cluster
def test_queries_may_be_gzipped_and_queries_without_text_are_told(evaluate: Run, tmp_path: Path) -> None:
    before = json_of(evaluate("--json"))
    folder = tmp_path / "bakery"
    (folder / "queries.jsonl.gz").write_bytes(gzip.compress((folder / "queries.jsonl").read_bytes()))
    (folder / "queries.jsonl").unlink()
    with (folder / "qrels" / "test.tsv").open("a") as file:
        file.write("lost\td1\t1\n")
    result = evaluate("--json")
    assert json_of(result) == before
    assert "1 judged query was left out: no text in the collection.\n" in result.err


@pytest.mark.cluster
def test_an_index_that_holds_only_some_judged_documents_is_told(
    evaluate: Run, opensearch: str, index_name: str, judged: Judged
) -> None:
    gone = next(name for name, grade in judged.judgments["q2"].items() if grade)
    connect(opensearch).delete(index=index_name, id=gone, params={"refresh": "true"})
    known = {name for grades in judged.judgments.values() for name in grades}
    result = evaluate("--mode", "sparse", "--json")
    found = {query: sparse_scores(judged, query) | {gone: 0.0} for query in judged.judgments}
    expected = plain_measures(judged.judgments, {query: ranked(scores) for query, scores in found.items()})
    assert json_of(result)["sparse"] == pytest.approx(expected, abs=1e-9)
    assert f"The index holds {len(known) - 1} of the {len(known)} judged documents; the other counts as" in result.err


@pytest.mark.cluster
def test_an_index_without_any_judged_document_is_refused(run: Run, opensearch: str, index_name: str) -> None:
    random_collection(seed=6).write(Path("bakery"))
    create_index(connect(opensearch), index_name, word_contract(), IndexOptions())
    result = run("evaluate", "--index", index_name, "--url", opensearch, "--collection", "bakery")
    assert result.code == 1
    assert f"the index {index_name!r} holds none of the " in one_sentence(result)
    assert "ingest the collection's corpus into it" in result.err


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("queries.jsonl", None, "bakery holds no queries.jsonl or queries.jsonl.gz: give a BEIR folder"),
        ("qrels/test.tsv", None, "bakery holds no qrels/test.tsv: give a BEIR folder"),
        ("qrels/test.tsv", b"q1\td1\t1\nq1\td2\n", "bakery/qrels/test.tsv line 2 is 'q1\\td2': write query id"),
        ("qrels/test.tsv", b"q1\td1\t1\nq2\td2\tgood\n", "bakery/qrels/test.tsv line 2 is"),
        ("qrels/test.tsv", b"", "no query of bakery has judgments"),
        ("queries.jsonl", b'{"_id": "q1", "text": "x"}\n{"_id": ', "bakery/queries.jsonl line 2 is not JSON ("),
        ("queries.jsonl", b'{"_id": "q1"}\n', "bakery/queries.jsonl line 1 is no query"),
    ],
)
def test_a_broken_collection_is_one_sentence_before_anybody_looks_for_the_cluster(
    run: Run, judged: Judged, name: str, content: bytes | None, said: str
) -> None:
    path = Path("bakery", name)
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    result = run("evaluate", "--index", "bakery", "--url", NOWHERE, "--collection", "bakery")
    assert result.code == 1
    assert said in one_sentence(result)


def test_a_missing_folder_is_one_sentence(run: Run) -> None:
    result = run("evaluate", "--index", "bakery", "--url", NOWHERE, "--collection", "nothing")
    assert result.code == 1
    assert "nothing holds no queries.jsonl" in one_sentence(result)


def test_a_missing_package_is_told_before_any_work(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ir_measures", None)
    result = run("evaluate", "--index", "bakery", "--url", NOWHERE, "--collection", "nothing")
    assert result.code == 1
    assert "pip install 'csplade[eval]'" in one_sentence(result)


@pytest.mark.cluster
def test_an_index_that_is_missing_or_of_another_encoder_is_refused(
    run: Run, opensearch: str, index_name: str, judged: Judged
) -> None:
    arguments = ("evaluate", "--index", index_name, "--url", opensearch, "--collection", "bakery")
    result = run(*arguments)
    assert result.code == 1
    assert f"there is no index {index_name!r}" in one_sentence(result)
    other = word_contract("other", opset=2)
    create_index(connect(opensearch), index_name, other, IndexOptions())
    result = run(*arguments)
    assert result.code == 1
    assert other.fingerprint in one_sentence(result)
    assert word_contract().fingerprint in result.err


@pytest.mark.cluster
def test_no_cluster_and_wrong_credentials_are_one_sentence(run: Run, opensearch: str, judged: Judged) -> None:
    arguments = ("evaluate", "--index", "bakery", "--collection", "bakery", "--url")
    result = run(*arguments, "http://user:geheim@127.0.0.1:9")
    assert result.code == 1
    assert "no cluster answers at http://127.0.0.1:9" in one_sentence(result)
    assert "geheim" not in result.err
    with running(FaultyProxy(opensearch)) as proxy:
        proxy.locked = 401
        result = run(*arguments, proxy.url.replace("//", "//user:geheim@"))
    assert result.code == 1
    assert "does not accept these credentials" in one_sentence(result)
    assert "geheim" not in result.err


@pytest.mark.parametrize(
    "arguments",
    [("--mode", "dense"), ("--bm25-weight", "-1"), ("--max-clauses", "0"), ("--index", "a,b"), ("--url", "ftp://x")],
)
def test_wrong_usage_has_exit_code_2(run: Run, judged: Judged, arguments: tuple[str, ...]) -> None:
    result = run("evaluate", "--index", "bakery", "--url", NOWHERE, "--collection", "bakery", *arguments)
    assert (result.code, result.out) == (2, "")
    assert "Error: " in result.err
