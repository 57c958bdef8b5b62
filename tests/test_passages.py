"""Windows of long texts, pure; and both ways to keep them, on real servers with exact scores."""

import dataclasses
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from csplade.integration.answers import count_documents
from csplade.integration.calibrate import calibrate_scores
from csplade.integration.detect import read_dialect
from csplade.integration.documents import Document
from csplade.integration.enrich import Enricher, EnrichOptions, write_of
from csplade.integration.errors import IndexConflictError
from csplade.integration.explain import Origin
from csplade.integration.index import create_index, require_index
from csplade.integration.index_asked import Asked, check_asked
from csplade.integration.index_mapping import long_of
from csplade.integration.index_status import read_status
from csplade.integration.ingest import IngestOptions, ingest
from csplade.integration.missing import Reason, look_for
from csplade.integration.passages import Long, Passage, encode_long, merged, windows
from csplade.integration.planner import Anchor, Fusion, Phases, PlanOptions, Total
from csplade.integration.query import Mode, QueryOptions, Question
from csplade.integration.search import Hit, search, search_many, search_page
from csplade.integration.templates import IndexOptions
from csplade.pipelines.contract import Contract, Side
from csplade.pipelines.errors import EncoderError
from csplade.pipelines.sparse import SparseVector
from csplade.tests.cluster_lines import ClusterLine
from csplade.tests.command_run import Run, run
from csplade.tests.word_encoder import WordEncoder, word_contract, word_vector
from hypothesis import given
from hypothesis import strategies as st

__all__ = ["run"]

TOKENS = 8
"""Four short words."""


def short_contract() -> Contract:
    return dataclasses.replace(word_contract(), document=Side("", TOKENS, 100))


@given(st.text(alphabet="ab é\n漢", max_size=200), st.integers(1, 20))
def test_windows_hold_every_word_in_order_and_fit(text: str, tokens: int) -> None:
    spans = windows(text, tokens)
    assert spans
    covered = {place for begin, end in spans for place in range(begin, end)}
    assert all(place in covered for place, letter in enumerate(text) if not letter.isspace())
    assert list(spans) == sorted(set(spans))
    for begin, end in spans:
        if text.strip():
            assert text[begin:end] == text[begin:end].strip()


def test_a_window_begins_a_little_before_the_end_of_the_one_before() -> None:
    text = " ".join(f"w{number:02}" for number in range(30))
    parts = [text[begin:end].split() for begin, end in windows(text, 32)]
    assert [len(part) for part in parts] == [16, 16]
    assert parts[0][-2:] == parts[1][:2]
    assert windows("one two", 100) == ((0, 7),)
    assert windows("", 100) == ((0, 0),)


def test_a_text_without_spaces_is_cut_too() -> None:
    assert len(windows("漢" * 100, 8)) > 5


def test_vectors_are_merged_by_their_largest_weights() -> None:
    assert merged([SparseVector({"a": 1.0, "b": 5.0}), SparseVector({"a": 2.0}), SparseVector()]) == SparseVector(
        {"b": 5.0, "a": 2.0}
    )


TEXTS = ["rye rye rye rye oats oats oats salt", "", "short", " . "]


def test_each_text_gets_what_is_chosen_in_order() -> None:
    encoder = WordEncoder(short_contract())
    assert list(encode_long(encoder, TEXTS, Long.CUT)) == [word_vector(text) for text in TEXTS]
    first, *others = encode_long(encoder, TEXTS, Long.PASSAGES)
    assert first == (
        Passage(0, 15, SparseVector({"rye": 12.0})),
        Passage(16, 35, SparseVector({"oats": 12.0, "salt": 4.0})),
    )
    assert others == [(), (Passage(0, 5, SparseVector({"short": 5.0})),), ()]
    assert next(encode_long(encoder, TEXTS, Long.MAX)) == SparseVector({"oats": 12.0, "rye": 12.0, "salt": 4.0})


def test_an_encoder_that_loses_a_window_is_told() -> None:
    class Losing(WordEncoder):
        def documents(self, texts: Iterable[str]) -> Iterator[SparseVector]:
            *kept, _ = super().documents(texts)
            yield from kept

    with pytest.raises(EncoderError, match="a part of a text"):
        list(encode_long(Losing(short_contract()), TEXTS[:1], Long.MAX))


DOCUMENTS = [
    Document("long", "rye rye rye rye oats oats oats salt bread bread rye salt", "Grain", {"lang": "en"}),
    Document("split", "salt milk milk milk eggs eggs eggs oats", None, {"lang": "en"}),
    Document("short", "oats salt", None, {"lang": "de"}),
    Document("empty", "", "Empty", {"lang": "en"}),
]
ASKED = Question("oats salt rye", SparseVector({"oats": 3.0, "salt": 2.0, "rye": 0.25}))


def vectors_of(document: Document) -> list[SparseVector]:
    spans = windows(document.text, TOKENS)
    return [word_vector(document.text[begin:end]) for begin, end in spans]


def expected(question: Question, long: Long) -> dict[str, float]:
    """Return the scores, computed here from the words themselves."""
    found = {}
    for document in DOCUMENTS:
        vectors = vectors_of(document)
        score = max(map(question.vector.dot, vectors))
        found[document.id] = question.vector.dot(merged(vectors)) if long is Long.MAX else score
    return {name: score for name, score in found.items() if score}


Filled = tuple[ClusterLine, Long]


@pytest.fixture(scope="module")
def kept() -> Iterator[dict[tuple[str, Long], ClusterLine]]:
    """Give the indexes that tests of this module share, by line and way; none of these tests changes them for good."""
    lines: dict[tuple[str, Long], ClusterLine] = {}
    yield lines
    for line in lines.values():
        line.client.indices.delete(index=line.index)


@pytest.fixture(params=[Long.PASSAGES, Long.MAX])
def filled(
    request: pytest.FixtureRequest, line: ClusterLine, kept: dict[tuple[str, Long], ClusterLine], tmp_path: Path
) -> Filled:
    """Give a line whose index holds `DOCUMENTS` in windows, and in which way."""
    long: Long = request.param
    if (line.name, long) not in kept:
        kept[line.name, long] = fill(dataclasses.replace(line, index=f"{line.index}-{long}"), long, tmp_path)
    return kept[line.name, long], long


def fill(line: ClusterLine, long: Long, folder: Path) -> ClusterLine:
    settings = IndexOptions(analyzer=line.analyzer, shards=2, long=long)
    create_index(line.client, line.index, short_contract(), settings)
    places = IngestOptions(line.index, folder / "dead.jsonl", long=long)
    report = ingest(line.client, WordEncoder(short_contract()), DOCUMENTS, places)
    assert (report.indexed, report.failed) == (len(DOCUMENTS), 0)
    return line


def ready(line: ClusterLine, **changed: Any) -> QueryOptions:  # noqa: ANN401
    return QueryOptions(dialect=require_index(line.client, line.index, short_contract()), **changed)


def scores(hits: Iterable[Hit]) -> dict[str, float]:
    return {hit.id: hit.score for hit in hits}


@pytest.mark.cluster
def test_long_texts_score_exactly_and_are_explained(filled: Filled) -> None:
    line, long = filled
    options = ready(line)
    hits = search(line.client, line.index, ASKED, options, explain=True)
    assert scores(hits) == pytest.approx(expected(ASKED, long), rel=0.004)
    assert len(set(expected(ASKED, Long.MAX).items()) ^ set(expected(ASKED, Long.PASSAGES).items())) >= 4
    for hit in hits:
        assert hit.contributions
        assert sum(part.value for part in hit.contributions) == pytest.approx(hit.score, rel=1e-5)
        assert {part.origin for part in hit.contributions} == {Origin.SPARSE}
        assert {part.term for part in hit.contributions} <= {"oats", "salt", "rye"}
    passages = {hit.id: hit.passage for hit in hits}
    if long is Long.PASSAGES:
        assert passages == {"long": "oats oats oats salt", "split": "eggs eggs eggs oats", "short": "oats salt"}
        assert [hit.snippet for hit in hits if hit.id == "long"] == ["oats oats oats salt"]
    else:
        assert set(passages.values()) == {None}
    (many,) = search_many(line.client, line.index, [ASKED], options, 9)
    assert {hit.id: hit.score for hit in many} == pytest.approx(scores(hits))


@pytest.mark.cluster
def test_every_plan_works_on_long_texts(filled: Filled) -> None:
    line, long = filled
    sparse = expected(ASKED, long)

    def found(**changed: Any) -> dict[str, float]:  # noqa: ANN401
        return scores(search(line.client, line.index, ASKED, ready(line, **changed)))

    english = ({"term": {"lang": "en"}},)
    assert found(filters=english) == pytest.approx({key: sparse[key] for key in ("long", "split")}, rel=0.004)
    bm25 = found(mode=Mode.BM25)
    both = found(mode=Mode.HYBRID, bm25_weight=0.5)
    assert both == pytest.approx({key: sparse[key] + 0.5 * bm25[key] for key in sparse}, rel=0.004)
    assert found(plan=PlanOptions(anchor=Anchor.TEXT)) == pytest.approx(sparse, rel=0.004)
    assert found(plan=PlanOptions(max_clauses=1)) == pytest.approx(
        expected(Question("oats", SparseVector({"oats": 3.0})), long), rel=0.004
    )
    heavy = expected(Question("", SparseVector({"oats": 3.0, "salt": 2.0})), long)
    light = expected(Question("", SparseVector({"rye": 0.25})), long)
    two = {key: heavy[key] + light.get(key, 0.0) for key in heavy}
    # Each phase has a best passage of its own.
    assert found(plan=PlanOptions(phases=Phases.TWO)) == pytest.approx(two, rel=0.004)
    rrf = search(line.client, line.index, ASKED, ready(line, mode=Mode.HYBRID, plan=PlanOptions(fusion=Fusion.RRF)))
    assert {hit.id for hit in rrf} == sparse.keys()
    assert all((hit.passage is not None) == (long is Long.PASSAGES) for hit in rrf)
    total = search_page(line.client, line.index, ASKED, ready(line, plan=PlanOptions(total=Total.EXACT)))
    assert (total.total, total.exact) == (3, True)
    scales = calibrate_scores(line.client, line.index, WordEncoder(short_contract()), ready(line).dialect)
    assert scales.sparse > 0


@pytest.mark.cluster
def test_a_document_is_looked_for_by_its_best_passage(filled: Filled) -> None:
    line, long = filled
    place = look_for(line.client, line.index, ASKED, ready(line), "split")
    assert place.rank == (3 if long is Long.PASSAGES else 2)
    assert place.score == pytest.approx(expected(ASKED, long)["split"], rel=0.004)
    best = max(vectors_of(DOCUMENTS[1]), key=ASKED.vector.dot) if long is Long.PASSAGES else None
    shared = {term.key: term.document_weight for term in place.terms.shared}
    assert shared == pytest.approx({"oats": 4.0} if best else {"oats": 4.0, "salt": 4.0})
    missing = look_for(line.client, line.index, Question("tea", SparseVector({"tea": 1.0})), ready(line), "split")
    assert missing.reasons == (Reason.NO_COMMON_TERM,)
    assert look_for(line.client, line.index, ASKED, ready(line), "empty").reasons == (Reason.NO_WEIGHTS,)
    status = read_status(line.client, line.index, read_dialect(line.client))
    assert (status.sampled, status.weighted) == (4, 3)
    # Passages are no documents.
    assert count_documents(line.client, line.index) == 4


@pytest.mark.cluster
def test_what_an_application_writes_into_such_an_index_is_enriched_alike(filled: Filled, tmp_path: Path) -> None:
    line, long = filled
    before = scores(search(line.client, line.index, ASKED, ready(line)))
    for document in DOCUMENTS:
        line.client.index(index=line.index, id=document.id, body={"text": document.text, **(document.fields or {})})
    line.client.indices.refresh(index=line.index)
    assert search(line.client, line.index, ASKED, ready(line)) == ()
    options = EnrichOptions(line.index, tmp_path / "dead2.jsonl", ("text",), write_of(line.client), long=long)
    encoder = WordEncoder(short_contract())
    report = Enricher(line.client, encoder, ready(line).dialect, options).until_current()
    assert (report.encoded, report.failed) == (4, 0)
    assert scores(search(line.client, line.index, ASKED, ready(line))) == pytest.approx(before)
    assert long_of(line.client, line.index) is long
    with pytest.raises(IndexConflictError, match=f"exists with --long {long.value}, not cut"):
        check_asked(line.client, line.index, Asked(long=Long.CUT))


@pytest.mark.cluster
def test_the_commands_keep_passages_and_show_the_best_one(run: Run, opensearch: str, index_name: str) -> None:
    text = " ".join(["rye"] * 60 + ["salt"] * 30)
    Path("a.jsonl").write_bytes(orjson.dumps({"_id": "a", "text": text}) + b"\n")
    where = ("--index", index_name, "--url", opensearch)
    assert run("ingest", "a.jsonl", *where, "--long", "passages").code == 0
    # The index knows it from now on.
    assert run("ingest", "a.jsonl", *where).code == 0
    refused = run("ingest", "a.jsonl", *where, "--long", "max")
    assert (refused.code, "exists with --long passages" in refused.err) == (1, True)
    (hit,) = orjson.loads(run("query", "salt", *where, "--explain", "--json").out)["hits"]
    # Fifty words fit, and six are read again.
    assert hit["passage"].split() == ["rye"] * 16 + ["salt"] * 30
    assert (hit["score"], len(hit["contributions"])) == (4.0 * 120.0, 1)
    explained = orjson.loads(run("explain", "salt", *where, "--document", "a", "--json").out)
    assert explained["document"]["rank"] == 1
    copied = run("reindex", "--from", index_name, "--to", f"{index_name}-v2", "--url", opensearch, "--long", "max")
    assert copied.code == 0, copied
    (hit,) = orjson.loads(run("query", "salt", "--index", f"{index_name}-v2", "--url", opensearch, "--json").out)[
        "hits"
    ]
    assert (hit["passage"], hit["score"]) == (None, 4.0 * 120.0)
    run("index", "drop", f"{index_name}-v2", "--yes", "--url", opensearch)
