"""Searches made of questions: what is in their bodies for each plan; no server."""

from dataclasses import replace
from typing import Any

import pytest
from csplade.integration.clauses import sparse_clause
from csplade.integration.dialect import NEURAL_SEARCH, PLAIN, dialect_for
from csplade.integration.planner import Anchor, FieldWeight, Fusion, Phases, PlanOptions, Total
from csplade.integration.query import Mode, QueryOptions, Question
from csplade.integration.searches import Search, build_searches, by_ids, falls_short, in_one_phase, ranked, shown
from csplade.integration.seismic import Remap
from csplade.integration.seismic_field import seismic_clause
from csplade.pipelines.errors import UsageError
from csplade.pipelines.sparse import SparseVector
from csplade.tests.queries import build_query

NEURAL = dialect_for("opensearch", "3.6.0", (NEURAL_SEARCH,))
BREAD = Question("fresh bread", SparseVector({"bread": 10.0, "fresh": 4.0, "loaf": 3.0, "oven": 0.5}))
ENGLISH = {"term": {"lang": "en"}}
ONE_PHASE = PlanOptions(phases=Phases.ONE)
MATCH = {"match": {"text": {"query": "fresh bread", "boost": 1.0}}}


def only(question: Question, options: QueryOptions, size: int = 10) -> Search:
    (search,) = build_searches(question, options, size)
    return search


@pytest.mark.parametrize("mode", list(Mode))
def test_a_plain_search_is_the_query_and_counts_nothing(mode: Mode) -> None:
    options = QueryOptions(mode, (ENGLISH,), plan=ONE_PHASE)
    body = {"query": build_query(BREAD, options), "size": 7, "track_total_hits": False}
    assert only(BREAD, options, 7) == Search(body, mode)


@pytest.mark.parametrize("fusion", [Fusion.SUM, Fusion.RRF, Fusion.SERVER])
def test_a_question_that_holds_nothing_is_no_search(fusion: Fusion) -> None:
    for mode in Mode:
        assert (
            build_searches(Question(" "), QueryOptions(mode, plan=PlanOptions(fusion=fusion), dialect=NEURAL), 5) == ()
        )


def test_light_terms_of_two_phases_score_the_best_again() -> None:
    plan = PlanOptions(phases=Phases.TWO, heavy=0.4, expansion=3.0)
    heavy, light = SparseVector({"bread": 10.0, "fresh": 4.0}), SparseVector({"loaf": 3.0, "oven": 0.5})
    body = only(BREAD, QueryOptions(Mode.HYBRID, (ENGLISH,), plan=plan)).body
    assert body["query"]["bool"]["should"] == [sparse_clause(heavy, PLAIN), MATCH]
    assert body["query"]["bool"]["filter"] == [ENGLISH]
    assert body["rescore"] == {"window_size": 30, "query": {"rescore_query": sparse_clause(light, PLAIN)}}
    all_heavy = only(BREAD, QueryOptions(plan=PlanOptions(phases=Phases.TWO, heavy=0.01))).body
    assert "rescore" not in all_heavy
    assert "rescore" not in only(BREAD, QueryOptions(Mode.BM25, plan=plan)).body


def test_two_phases_are_the_default_for_the_first_hits_but_of_passages() -> None:
    assert only(BREAD, QueryOptions()).body["rescore"]["window_size"] == 50
    assert "rescore" not in only(BREAD, QueryOptions(dialect=replace(PLAIN, passages=True))).body
    assert "rescore" not in only(BREAD, QueryOptions(plan=ONE_PHASE)).body
    assert "rescore" not in only(BREAD, QueryOptions(), 100).body


def test_rrf_asks_twice_and_deeper_than_it_shows() -> None:
    plan = PlanOptions(phases=Phases.ONE, fusion=Fusion.RRF, rank_depth=40)
    options = QueryOptions(Mode.HYBRID, (ENGLISH,), 0.5, plan)
    sparse, bm25 = build_searches(BREAD, options, 10)
    assert (sparse.mode, sparse.weight, bm25.mode, bm25.weight) == (Mode.SPARSE, 1.0, Mode.BM25, 0.5)
    assert sparse.body["query"] == build_query(BREAD, QueryOptions(Mode.SPARSE, (ENGLISH,)))
    assert bm25.body["query"] == build_query(BREAD, QueryOptions(Mode.BM25, (ENGLISH,)))
    assert (sparse.body["size"], bm25.body["size"]) == (40, 40)
    assert [search.body["size"] for search in build_searches(BREAD, options, 70)] == [70, 70]
    (words,) = build_searches(Question("fresh bread"), options, 10)
    assert (words.mode, words.weight) == (Mode.BM25, 0.5)
    one = QueryOptions(Mode.HYBRID, bm25_weight=0.0, plan=PlanOptions(fusion=Fusion.RRF))
    assert [search.mode for search in build_searches(BREAD, one, 10)] == [Mode.SPARSE]
    # Of one mode alone, there is nothing to merge.
    assert len(build_searches(BREAD, QueryOptions(Mode.SPARSE, plan=options.plan), 10)) == 1


def test_the_clusters_own_hybrid_query_gets_a_processor_with_the_weights() -> None:
    options = QueryOptions(Mode.HYBRID, (ENGLISH,), 3.0, PlanOptions(fusion=Fusion.SERVER), NEURAL)
    body = only(BREAD, options).body
    sides = body["query"]["hybrid"]["queries"]
    assert [side["bool"]["should"] for side in sides] == [[sparse_clause(BREAD.vector, NEURAL)], [MATCH]]
    assert all(side["bool"]["filter"] == [ENGLISH] for side in sides)
    ((processor,),) = (each.values() for each in body["search_pipeline"]["phase_results_processors"])
    assert processor["combination"]["parameters"]["weights"] == [0.25, 0.75]
    # Two answers of different size must not score a document differently.
    assert (body["size"], only(BREAD, options, 200).body["size"]) == (100, 200)
    without_terms = only(Question("fresh bread"), options).body
    assert len(without_terms["query"]["hybrid"]["queries"]) == 1
    with pytest.raises(UsageError, match="this cluster has no hybrid queries"):
        build_searches(BREAD, QueryOptions(Mode.HYBRID, plan=options.plan), 10)


def test_totals_are_counted_as_far_as_asked() -> None:
    counted = [only(BREAD, QueryOptions(plan=PlanOptions(total=total))).body["track_total_hits"] for total in Total]
    assert counted == [False, 10_000, True]


def test_bodies_never_ask_for_the_weights() -> None:
    assert shown({"size": 5}) == {"size": 5, "_source": ["title", "text"], "explain": False}
    assert shown({}, explain=True)["explain"] is True
    assert ranked({"size": 5}) == {"size": 5, "_source": False}
    assert by_ids(["a", "b"])["size"] == 2


REMAP = Remap(("bread", "fresh"), 10.0)
SEISMIC = PlanOptions(phases=Phases.SEISMIC, expansion=3.0, cut=4, heap_factor=2.0)


def test_a_seismic_field_finds_and_all_terms_score() -> None:
    options = QueryOptions(plan=SEISMIC, dialect=NEURAL, remap=REMAP)
    search = only(BREAD, options)
    again = {"rescore_query": sparse_clause(BREAD.vector, NEURAL), "query_weight": 0.0, "rescore_query_weight": 1.0}
    assert search.body == {
        "query": seismic_clause(BREAD.vector, REMAP, 30, 4, 2.0),
        "rescore": {"window_size": 30, "query": again},
        "size": 10,
        "track_total_hits": False,
    }
    # Where it finds too little, all terms are asked.
    assert falls_short(search, options, 9)
    assert not falls_short(search, options, 10)
    assert only(BREAD, in_one_phase(options)) == only(BREAD, QueryOptions(plan=ONE_PHASE, dialect=NEURAL))


@pytest.mark.parametrize(
    ("options", "plan"),
    [
        (QueryOptions(filters=(ENGLISH,)), {}),
        (QueryOptions(Mode.HYBRID), {}),
        (QueryOptions(Mode.HYBRID), {"fusion": Fusion.RRF}),
        (QueryOptions(Mode.HYBRID), {"fusion": Fusion.SERVER}),
        (QueryOptions(Mode.BM25), {}),
        (QueryOptions(), {"anchor": Anchor.TEXT}),
        (QueryOptions(), {"fields": (FieldWeight("title_terms"),)}),
    ],
)
def test_what_a_seismic_field_cannot_see_is_asked_without_it(options: QueryOptions, plan: dict[str, Any]) -> None:
    asked = replace(options, dialect=NEURAL, remap=REMAP)
    usual = replace(asked, plan=replace(PlanOptions(expansion=3.0), **plan))
    approximate = replace(asked, plan=replace(SEISMIC, **plan))
    assert build_searches(BREAD, approximate, 10) == build_searches(BREAD, usual, 10)
    with pytest.raises(UsageError, match="the index has no SEISMIC field"):
        build_searches(BREAD, replace(approximate, remap=None), 10)
