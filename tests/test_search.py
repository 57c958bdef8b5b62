"""Questions to a real server: hits, what adds up to their scores, filters, and answers that are not whole."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from csplade.integration.client import connect
from csplade.integration.dialect import PLAIN
from csplade.integration.documents import Document
from csplade.integration.errors import ClusterError, RequestError, UnreachableError
from csplade.integration.explain import Origin
from csplade.integration.index import create_index
from csplade.integration.ingest import IngestOptions, ingest
from csplade.integration.planner import PlanOptions
from csplade.integration.query import Mode, QueryOptions, Question
from csplade.integration.search import count_known, search, search_many, texts_of
from csplade.integration.templates import IndexOptions
from csplade.pipelines.errors import UsageError
from csplade.pipelines.sparse import SparseVector
from csplade.tests.word_encoder import WordEncoder, word_contract, word_vector
from opensearchpy import OpenSearch

LONG = "Nothing of interest stands here at all. " * 8
DOCUMENTS = [
    Document("loaf", f"{LONG}Keep the loaf of bread in a cloth. {LONG}", "A\n loaf", {"lang": "en", "year": 2001}),
    Document("bread", "bread bread", "Bread", {"lang": "en", "year": 1999}),
    Document("breads", "Breads of the world", None, {"lang": "en", "year": 2010}),
    Document("brot", "das brot bread", None, {"lang": "de", "year": 2005}),
    Document("salt", "salt and nothing else", "Salt", {"lang": "en", "year": 2001}),
    Document("empty", "", "Empty", {"lang": "en"}),
]
MODES = list(Mode)


@pytest.fixture
def client(opensearch: str, index_name: str, tmp_path: Path) -> OpenSearch:
    """Return a client of a cluster whose index holds `DOCUMENTS`."""
    client = connect(opensearch)
    create_index(client, index_name, word_contract(), IndexOptions(shards=2))
    ingest(client, WordEncoder(), DOCUMENTS, IngestOptions(index_name, tmp_path / "dead.jsonl"))
    return client


def ask(text: str) -> Question:
    return Question(text, word_vector(text))


def term(**condition: object) -> tuple[dict[str, Any], ...]:
    return ({"term": condition},)


@pytest.mark.cluster
def test_hits_come_best_first_with_what_a_person_wants_to_see(client: OpenSearch, index_name: str) -> None:
    hits = search(client, index_name, ask("bread cloth cloth"), QueryOptions())
    # Letters times count, on both sides: bread 5, cloth 10.
    assert [(hit.rank, hit.id, hit.score) for hit in hits] == [(1, "loaf", 75.0), (2, "bread", 50.0), (3, "brot", 25.0)]
    shown = {hit.id: hit for hit in hits}
    assert (shown["loaf"].title, shown["brot"].title) == ("A loaf", None)
    assert "bread in a cloth" in shown["loaf"].snippet
    assert shown["bread"].snippet == "bread bread"
    assert all(hit.contributions is None for hit in hits)


@pytest.mark.cluster
@pytest.mark.parametrize(
    ("title", "text", "shown"),
    [
        ("Lists", ["rye bread", "bread of oats"], ("Lists", "rye bread bread of oats")),
        (2026, "bread", ("2026", "bread")),
        (["A", "B"], ["bread", 5], ("A B", "bread 5")),
    ],
)
def test_a_hit_that_an_application_wrote_with_lists_or_numbers_is_shown(
    client: OpenSearch, index_name: str, title: object, text: object, shown: tuple[str, str]
) -> None:
    written = {"title": title, "text": text, "csplade_terms": {"oven": 9.0}}
    client.index(index=index_name, id="odd", body=written, params={"refresh": "true"})
    question = Question("bread", SparseVector({"oven": 1.0}))
    for mode in (Mode.SPARSE, Mode.BM25):
        found = {hit.id: hit for hit in search(client, index_name, question, QueryOptions(mode))}
        assert (found["odd"].title, found["odd"].snippet) == shown
    (texts,) = texts_of(client, index_name, ["odd"]).values()
    assert tuple(text.replace("\n", " ") for text in texts) == shown


@pytest.mark.cluster
def test_no_more_hits_than_asked_for(client: OpenSearch, index_name: str) -> None:
    assert len(search(client, index_name, ask("bread"), QueryOptions(), size=2)) == 2


@pytest.mark.cluster
@pytest.mark.parametrize(
    ("mode", "found"),
    [
        (Mode.SPARSE, {"loaf", "bread", "brot"}),
        # The analyzer knows that breads are bread; the words of the tests' encoder are as they are.
        (Mode.BM25, {"loaf", "bread", "breads", "brot"}),
        (Mode.HYBRID, {"loaf", "bread", "breads", "brot"}),
    ],
)
def test_what_each_mode_finds(client: OpenSearch, index_name: str, mode: Mode, found: set[str]) -> None:
    assert {hit.id for hit in search(client, index_name, ask("bread"), QueryOptions(mode))} == found


@pytest.mark.cluster
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("filters", [(), term(lang="en")])
def test_contributions_add_up_to_the_score(
    client: OpenSearch, index_name: str, mode: Mode, filters: tuple[dict[str, Any], ...]
) -> None:
    options = QueryOptions(mode, filters, bm25_weight=3.0)
    hits = search(client, index_name, ask("the bread in a cloth of salt bread"), options, explain=True)
    assert len(hits) >= 3
    for hit in hits:
        assert hit.contributions
        assert sum(part.value for part in hit.contributions) == pytest.approx(hit.score, rel=1e-5)
        assert sum(part.percent(hit.score) for part in hit.contributions) == pytest.approx(100.0, rel=1e-5)
        for part in hit.contributions:
            assert part.query_weight is not None
            assert part.document_weight is not None
            assert part.query_weight * part.document_weight == pytest.approx(part.value, rel=1e-5)
    origins = {part.origin for hit in hits for part in hit.contributions or ()}
    assert (
        origins
        == {
            Mode.SPARSE: {Origin.SPARSE},
            Mode.BM25: {Origin.BM25},
            Mode.HYBRID: {Origin.SPARSE, Origin.BM25},
        }[mode]
    )


@pytest.mark.cluster
def test_contributions_name_terms_as_a_person_writes_them(client: OpenSearch, index_name: str) -> None:
    (hit,) = search(client, index_name, ask("cloth"), QueryOptions(Mode.HYBRID), explain=True)
    assert {(part.term, part.origin) for part in hit.contributions or ()} == {
        ("cloth", Origin.SPARSE),
        ("cloth", Origin.BM25),
    }


@pytest.mark.cluster
@pytest.mark.parametrize("mode", MODES)
def test_a_filter_narrows_and_changes_no_score(client: OpenSearch, index_name: str, mode: Mode) -> None:
    def scores(*filters: dict[str, Any]) -> dict[str, float]:
        hits = search(client, index_name, ask("bread"), QueryOptions(mode, filters))
        return {hit.id: hit.score for hit in hits}

    everything = scores()
    english = {name: score for name, score in everything.items() if name != "brot"}
    assert len(english) == len(everything) - 1
    assert scores(*term(lang="en")) == english
    recent = scores(*term(lang="en"), {"range": {"year": {"gte": 2000}}})
    assert recent == {name: score for name, score in english.items() if name != "bread"}
    assert scores({"bool": {"must_not": [{"term": {"lang": "en"}}]}}).keys() == {"brot"}
    assert scores(*term(lang="fr")) == {}
    # A filter adds nothing: what only passes it is no hit.
    assert "salt" not in scores({"match_all": {}})


@pytest.mark.cluster
def test_a_weight_of_bm25_weighs_it(client: OpenSearch, index_name: str) -> None:
    def first(weight: float) -> str:
        options = QueryOptions(Mode.HYBRID, bm25_weight=weight)
        return search(client, index_name, Question("salt", SparseVector({"cloth": 1.0})), options)[0].id

    assert (first(0.001), first(1000.0)) == ("loaf", "salt")


def test_a_question_that_holds_nothing_is_not_sent() -> None:
    nobody = connect("http://127.0.0.1:9")
    for mode in MODES:
        assert search(nobody, "articles", Question("  "), QueryOptions(mode, term(lang="en"))) == ()
        assert list(search_many(nobody, "articles", [Question("")] * 3, QueryOptions(mode), 10)) == [(), (), ()]
    assert search(nobody, "articles", Question("the"), QueryOptions()) == ()
    with pytest.raises(UnreachableError):
        search(nobody, "articles", ask("bread"), QueryOptions())


@pytest.mark.cluster
@pytest.mark.parametrize("mode", MODES)
def test_many_questions_are_answered_like_single_ones_and_in_order(
    client: OpenSearch, index_name: str, mode: Mode
) -> None:
    options = QueryOptions(mode, term(lang="en"))
    questions = [ask(text) for text in ["bread", "", "salt", "the cloth of bread", "nobody"] * 25]
    many = list(search_many(client, index_name, questions, options, 3))
    assert len(many) == 125
    for question, scored in zip(questions[:5], many, strict=False):
        hits = search(client, index_name, question, options, 3)
        assert [(hit.id, hit.score) for hit in hits] == [(hit.id, hit.score) for hit in scored]
    assert many == many[:5] * 25


@pytest.mark.cluster
def test_questions_are_taken_as_answers_are_asked_for(client: OpenSearch, index_name: str) -> None:
    taken = 0

    def endless() -> Iterator[Question]:
        nonlocal taken
        while True:
            taken += 1
            yield ask("bread")

    assert next(search_many(client, index_name, endless(), QueryOptions(), 1))[0].id == "bread"
    assert taken <= 100


@pytest.mark.cluster
def test_ids_are_counted_that_the_index_holds(client: OpenSearch, index_name: str) -> None:
    assert count_known(client, index_name, {"bread", "salt", "nothing"}) == 2
    assert count_known(client, index_name, {*(str(number) for number in range(2500)), "bread"}) == 1
    assert count_known(client, index_name, set()) == 0


@pytest.mark.cluster
def test_more_clauses_than_the_cluster_takes_are_wrong_usage_with_the_option(
    client: OpenSearch, index_name: str
) -> None:
    vector = SparseVector.from_pairs((f"t{number}", 1.0) for number in range(1500))
    vector = SparseVector.from_pairs([*vector, ("bread", 2.0)])
    allowed = QueryOptions(plan=PlanOptions(max_clauses=1500))
    assert search(client, index_name, Question("bread", vector), allowed)[0].id == "bread"
    # As if the cluster had said that it takes more than it does.
    too_many = QueryOptions(plan=PlanOptions(max_clauses=1025), dialect=replace(PLAIN, max_clauses=1500))
    with pytest.raises(UsageError, match="lower --max-clauses"):
        search(client, index_name, Question("bread", vector), too_many)
    with pytest.raises(UsageError, match="lower --max-clauses"):
        list(search_many(client, index_name, [ask("bread"), Question("bread", vector)], too_many, 10))


@pytest.mark.cluster
def test_more_words_than_the_cluster_takes_are_told_without_the_option_of_vectors(
    client: OpenSearch, index_name: str
) -> None:
    question = Question(" ".join(f"word{number}" for number in range(1100)))
    for ask_it in (
        lambda: search(client, index_name, question, QueryOptions(Mode.BM25)),
        lambda: list(search_many(client, index_name, [question], QueryOptions(Mode.BM25), 10)),
    ):
        with pytest.raises(UsageError, match="is one\\): shorten the query or the filter") as caught:
            ask_it()
        assert "--max-clauses" not in str(caught.value)


@pytest.mark.cluster
@pytest.mark.parametrize("words", [10, 400, 900])
@pytest.mark.parametrize("max_clauses", [3, 512, 1024])
def test_a_hybrid_question_of_many_words_and_terms_fits_into_the_cluster(
    client: OpenSearch, index_name: str, words: int, max_clauses: int
) -> None:
    text = " ".join(f"word{number}" for number in range(words))
    vector = SparseVector.from_pairs([*((f"t{number}", 1.0) for number in range(1500)), ("bread", 2.0)])
    options = QueryOptions(Mode.HYBRID, plan=PlanOptions(max_clauses))
    assert search(client, index_name, Question(text, vector), options)[0].id == "bread"


@pytest.mark.cluster
@pytest.mark.parametrize(
    ("clause", "said"),
    [
        ({"nonsense": {}}, r"unknown query \[nonsense\].*; correct --filter$"),
        ({"range": {"year": {"gte": "soon"}}}, "soon.*; look at the cluster's log$"),
    ],
)
def test_a_filter_that_the_cluster_refuses_is_told_with_its_reason(
    client: OpenSearch, index_name: str, clause: dict[str, Any], said: str
) -> None:
    options = QueryOptions(filters=(clause,))
    with pytest.raises(RequestError, match=said):
        search(client, index_name, ask("bread"), options)
    with pytest.raises(RequestError, match=said):
        list(search_many(client, index_name, [ask("bread")], options, 10))


@pytest.mark.cluster
def test_an_index_that_is_not_there_is_told(client: OpenSearch) -> None:
    with pytest.raises(RequestError, match=r"no such index \[nothing\]"):
        search(client, "nothing", ask("bread"), QueryOptions())
    with pytest.raises(RequestError, match=r"no such index \[nothing\]"):
        list(search_many(client, "nothing", [ask("bread")], QueryOptions(), 10))


@pytest.mark.cluster
def test_titles_and_texts_come_by_id_however_many_are_asked_for(client: OpenSearch, index_name: str) -> None:
    absent = {f"absent{number}" for number in range(450)}
    found = texts_of(client, index_name, absent | {"loaf", "breads", "empty"})
    assert found == {
        "loaf": ("A\n loaf", DOCUMENTS[0].text),
        "breads": ("", "Breads of the world"),
        "empty": ("Empty", ""),
    }
    assert texts_of(client, index_name, []) == {}


@pytest.mark.cluster
def test_an_answer_without_one_of_the_shards_is_an_error_and_not_a_shorter_list(
    client: OpenSearch, index_name: str
) -> None:
    lose_shard(client, index_name)
    assert client.search(index=index_name, body={})["_shards"]["successful"] == 1  # The server would answer.
    for attempt in (
        lambda: search(client, index_name, ask("bread"), QueryOptions()),
        lambda: list(search_many(client, index_name, [ask("bread")], QueryOptions(), 10)),
        lambda: count_known(client, index_name, {"bread"}),
        lambda: texts_of(client, index_name, {"bread"}),
    ):
        with pytest.raises(ClusterError, match="shards"):
            attempt()


def lose_shard(client: OpenSearch, index: str) -> None:
    """Take the first shard from its node and let none have it."""
    client.indices.put_settings(index=index, body={"index.routing.allocation.require._name": "nobody"})
    (shard,) = [each for each in client.cat.shards(index=index, params={"format": "json"}) if each["shard"] == "0"]
    cancel = {"index": index, "shard": 0, "node": shard["node"], "allow_primary": True}
    client.cluster.reroute(body={"commands": [{"cancel": cancel}]})
