"""`csplade calibrate`, and what ingest does of it: scores of fitted queries, by the shipped encoder, live."""

from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
from csplade.commands.options import SHIPPED_ENCODER
from csplade.integration.calibrate import FEWEST, Kept, read_kept
from csplade.integration.client import connect
from csplade.integration.planner import Phases, PlanOptions
from csplade.integration.query import QueryOptions
from csplade.integration.sparse_search import SparseSearch
from csplade.integration.stored_weights import weights_of
from csplade.integration.templates import WEIGHTS_FIELD
from csplade.pipelines.calibration import Calibration
from csplade.pipelines.encode import Encoder
from csplade.pipelines.errors import MissingExtraError, UsageError
from csplade.pipelines.sparse import SparseVector
from csplade.tests.command_run import Result, Run, runner
from csplade.tests.word_encoder import WordEncoder

pytestmark = pytest.mark.cluster

ASKED = "boundary flow over a blunt wing"
ROUNDING = 0.004


def records(first: int, count: int) -> bytes:
    """Return documents in which each has `flow`, and one of many some rarer word."""
    rarer = ("boundary", "wing", "blunt", "nose", "plate")
    lines = (
        {"id": str(number), "text": f"flow {rarer[number % 5]} {'heat' if number % 7 else 'shock'} case {number}"}
        for number in range(first, first + count)
    )
    return b"".join(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE) for line in lines)


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder.open(SHIPPED_ENCODER)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Iterator[Run]:
    monkeypatch.chdir(tmp_path)
    yield runner(monkeypatch, capsys)


@pytest.fixture
def command(run: Run, opensearch: str, index_name: str) -> Run:
    """Run a command on an index of its own."""

    def on_index(name: str, *arguments: object) -> Result:
        return run(name, *arguments, "--index", index_name, "--url", opensearch)

    return on_index


@pytest.fixture
def filled(command: Run) -> Run:
    """The same, with 240 documents in the index."""
    Path("documents.jsonl").write_bytes(records(0, 240))
    done = command("ingest", "documents.jsonl")
    assert (done.code, "The words of 240 documents were counted" in done.err) == (0, True), done
    return command


def measured(url: str, index: str) -> Calibration:
    found = read_kept(connect(url), index).calibration
    assert found is not None
    return found


def exact(url: str, index: str, query: SparseVector) -> dict[str, float]:
    """Return the dot product of each document, by what the index keeps of its weights."""
    hits = connect(url).search(index=index, body={"size": 300, "query": {"match_all": {}}})["hits"]["hits"]
    return {hit["_id"]: query.dot(weights_of(hit["_source"], WEIGHTS_FIELD, query)) for hit in hits}


def asked(command: Run, *more: object) -> dict[str, float]:
    result = command("query", ASKED, "--phases", "one", "--size", 100, "--json", *more)
    return {hit["id"]: hit["score"] for hit in orjson.loads(result.out)["hits"]}


def test_scores_are_dot_products_with_the_fitted_query(
    filled: Run, encoder: Encoder, opensearch: str, index_name: str
) -> None:
    (plain,) = encoder.queries([ASKED])
    fitted = measured(opensearch, index_name).applied(plain)
    assert fitted.weights["flow"] < 0.6 * plain.weights["flow"]
    for query, more in ((fitted, ()), (plain, ("--no-calibration",))):
        scores, expected = asked(filled, *more), exact(opensearch, index_name, query)
        assert scores == pytest.approx({name: expected[name] for name in scores}, rel=ROUNDING)
        assert min(scores.values()) >= sorted(expected.values())[-100] * (1 - ROUNDING)


def test_explanations_add_up_to_the_fitted_score(filled: Run) -> None:
    hits = orjson.loads(filled("query", ASKED, "--explain", "--size", 3, "--json").out)["hits"]
    assert len(hits) == 3
    for hit in hits:
        assert sum(part["contribution"] for part in hit["contributions"]) == pytest.approx(hit["score"], rel=1e-5)


def test_terms_shown_of_a_query_are_those_that_are_sent(
    filled: Run, encoder: Encoder, opensearch: str, index_name: str
) -> None:
    shown = orjson.loads(filled("query", ASKED, "--show-terms", "--json").out)["terms"]
    fitted = measured(opensearch, index_name).applied(next(encoder.queries([ASKED])))
    assert {term["key"]: term["weight"] for term in shown} == pytest.approx(dict(fitted))


def test_the_command_says_what_it_measured_and_forgets_it(filled: Run, opensearch: str, index_name: str) -> None:
    said = orjson.loads(filled("calibrate", "--json").out)
    kept = read_kept(connect(opensearch), index_name)
    assert kept.calibration is not None
    assert kept.scales is not None
    assert said == {
        "index": index_name,
        "documents": 240,
        "terms": len(kept.calibration.factors),
        "scales": {"sparse": kept.scales.sparse, "bm25": kept.scales.bm25},
    }
    table = filled("calibrate")
    assert "flow" in table.out
    assert f"{kept.calibration.factors['flow']:.2f}" in table.out
    sentence = f"Queries to {index_name} are sent as encoded, until somebody calibrates it again.\n"
    assert filled("calibrate", "--drop").err == sentence
    assert read_kept(connect(opensearch), index_name) == Kept(None, None)
    assert filled("calibrate", "--drop").err == f"Nothing was measured before. {sentence}"
    # Whoever dropped it does not want it back with the next documents.
    Path("many.jsonl").write_bytes(records(240, 300))
    assert "were counted" not in filled("ingest", "many.jsonl").err
    assert read_kept(connect(opensearch), index_name) == Kept(None, None)


def test_ingest_counts_again_once_an_index_has_doubled(filled: Run, opensearch: str, index_name: str) -> None:
    Path("more.jsonl").write_bytes(records(240, 30))
    assert "were counted" not in filled("ingest", "more.jsonl").err
    assert measured(opensearch, index_name).documents == 240
    Path("many.jsonl").write_bytes(records(270, 270))
    # Also where scales were measured by the command: they are measured anew with the words.
    assert filled("calibrate").code == 0
    assert "The words of 540 documents were counted" in filled("ingest", "many.jsonl").err
    kept = read_kept(connect(opensearch), index_name)
    assert kept.calibration is not None
    assert (kept.calibration.documents, kept.scales is None) == (540, False)


def test_normalized_sums_need_no_more_than_ingest(filled: Run, opensearch: str, index_name: str) -> None:
    kept = read_kept(connect(opensearch), index_name)
    assert kept.scales is not None
    every = ("--size", 240)
    sparse, words = asked(filled, *every), asked(filled, *every, "--mode", "bm25")
    summed = asked(filled, *every, "--mode", "hybrid", "--fusion", "normalized", "--bm25-weight", 0.5)
    expected = {
        name: score / kept.scales.sparse + 0.5 * words.get(name, 0.0) / kept.scales.bm25
        for name, score in sparse.items()
    }
    assert summed == pytest.approx(expected, rel=ROUNDING)
    told = orjson.loads(filled("calibrate", "--json").out)
    assert told["scales"] == {"sparse": kept.scales.sparse, "bm25": kept.scales.bm25}
    assert read_kept(connect(opensearch), index_name) == kept


def test_where_there_is_no_scale_the_command_is_named_that_measures_it(command: Run) -> None:
    Path("few.jsonl").write_bytes(records(0, FEWEST - 1))
    assert command("ingest", "few.jsonl").code == 0
    normalized = ("query", ASKED, "--mode", "hybrid", "--fusion", "normalized", "--json")
    refused = command(*normalized)
    assert refused.code == 2
    assert "`csplade calibrate` measures them" in refused.err
    assert command("calibrate").code == 0
    assert orjson.loads(command(*normalized).out)["hits"]


def test_vectors_that_are_given_are_ingested_where_no_model_can_be_opened(
    filled: Run, monkeypatch: pytest.MonkeyPatch, opensearch: str, index_name: str
) -> None:
    before = read_kept(connect(opensearch), index_name)
    lines = [{**orjson.loads(line), "vector": {"flow": 1.0}} for line in records(240, 300).splitlines()]
    Path("given.jsonl").write_bytes(b"".join(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE) for line in lines))

    def refuse(*_: object) -> None:
        raise MissingExtraError("onnxruntime", "cpu")

    monkeypatch.setattr(Encoder, "open", refuse)
    done = filled("ingest", "given.jsonl", "--vectors", "vector")
    assert done.code == 0, done
    assert "Scores are not measured, as there is no model here" in done.err
    assert read_kept(connect(opensearch), index_name) == before


def test_a_few_documents_are_no_collection(command: Run, opensearch: str, index_name: str) -> None:
    Path("few.jsonl").write_bytes(records(0, FEWEST - 1))
    assert "were counted" not in command("ingest", "few.jsonl").err
    said = command("calibrate")
    assert "too few documents" in said.err
    assert read_kept(connect(opensearch), index_name).calibration is None


def test_python_counts_as_the_commands_do(encoder: Encoder, opensearch: str, index_name: str) -> None:
    one = QueryOptions(plan=PlanOptions(phases=Phases.ONE))
    searches = SparseSearch(connect(opensearch), encoder, index_name, one)
    searches.bulk(orjson.loads(line) for line in records(0, 240).splitlines())
    fitted = measured(opensearch, index_name)
    expected = exact(opensearch, index_name, fitted.applied(next(encoder.queries([ASKED]))))
    for hit in searches.search(ASKED).hits:
        assert hit.score == pytest.approx(expected[hit.id], rel=ROUNDING)
    placed = searches.explain(ASKED, searches.search(ASKED).hits[0].id)
    assert {term.key: term.query_weight for term in placed.terms.shared}["flow"] == pytest.approx(
        fitted.factors["flow"] * next(encoder.queries([ASKED])).weights["flow"]
    )
    assert searches.calibrate()


def test_an_encoder_that_knows_no_words_is_told(opensearch: str, index_name: str) -> None:
    with pytest.raises(UsageError, match="words cannot count words: leave it out"):
        SparseSearch(connect(opensearch), WordEncoder(), index_name).calibrate()
