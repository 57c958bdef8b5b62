"""Why a document is a hit or none, on every line of servers; the reasons on one."""

import dataclasses
from pathlib import Path

import pytest
from csplade.integration.documents import Document
from csplade.integration.missing import Placement, Reason, SharedTerm, look_for
from csplade.integration.planner import Anchor, Fusion, Phases, PlanOptions
from csplade.integration.query import Mode, QueryOptions, Question
from csplade.integration.search import search, search_many
from csplade.pipelines.sparse import SparseVector
from csplade.tests.cluster_lines import ClusterLine
from csplade.tests.versioned_index import DOCUMENTS, add_version, fill, filled_once, versioned, versioned_once
from csplade.tests.word_encoder import word_vector

__all__ = ["filled_once", "versioned", "versioned_once"]

pytestmark = pytest.mark.cluster

ENGLISH = {"term": {"lang": "en"}}
GERMAN = {"term": {"lang": "de"}}
MORE = [Document(f"more-{number}", "bread " * number, None, {"lang": "en"}) for number in range(3, 20)]


def place(line: ClusterLine, text: str, identity: str, options: QueryOptions, size: int = 10) -> Placement:
    ready = dataclasses.replace(options, dialect=line.dialect)
    return look_for(line.client, line.index, Question(text, word_vector(text)), ready, identity, size)


def test_a_document_has_its_rank_score_parts_terms_and_filters(versioned: ClusterLine, tmp_path: Path) -> None:
    add_version(versioned)
    fill(versioned, versioned.index, tmp_path, [*DOCUMENTS, *MORE])
    options = QueryOptions(filters=(ENGLISH, GERMAN))
    found = place(versioned, "bread cloth butter", "loaf", QueryOptions(filters=(ENGLISH,)))
    question = Question("bread cloth butter", word_vector("bread cloth butter"))
    asked = QueryOptions(filters=(ENGLISH,), dialect=versioned.dialect)
    hits = search(versioned.client, versioned.index, question, asked, 100, explain=True)
    (same,) = [hit for hit in hits if hit.id == "loaf"]
    assert (found.rank, found.score, found.reasons) == (same.rank, same.score, ())
    assert found.rank == 18
    assert (found.contributions, found.filters) == (same.contributions, ((ENGLISH, True),))
    assert sum(part.value for part in found.contributions) == pytest.approx(50.0)
    # Letters times count, on both sides.
    assert [(term.key, term.query_weight, term.document_weight, term.sent) for term in found.terms.shared] == [
        ("bread", 5.0, 5.0, True),
        ("cloth", 5.0, 5.0, True),
    ]
    assert list(found.terms.query_only) == [("butter", 6.0)]
    assert found.terms.document is not None
    assert found.terms.document["csplade_terms"].weights["loaf"] == 4.0
    none = place(versioned, "bread cloth butter", "brot", options)
    assert (none.rank, none.score, none.reasons) == (None, None, (Reason.FILTER,))
    assert none.filters == ((ENGLISH, False), (GERMAN, True))
    empty = place(versioned, "bread", "empty", QueryOptions())
    assert empty.reasons == (Reason.NO_WEIGHTS,)


def test_each_reason_is_found(filled_once: ClusterLine) -> None:
    bm25, hybrid = QueryOptions(Mode.BM25), QueryOptions(Mode.HYBRID)
    cut = QueryOptions(plan=PlanOptions(max_clauses=1))
    two = QueryOptions(plan=PlanOptions(phases=Phases.TWO, heavy=0.9))
    anchored = QueryOptions(plan=PlanOptions(anchor=Anchor.TEXT))
    cases = [
        ("bread", "nobody", QueryOptions(), [Reason.NOT_INDEXED]),
        ("bread", "salt", QueryOptions(), [Reason.NO_COMMON_TERM]),
        ("bread", "salt", bm25, [Reason.NO_COMMON_WORD]),
        ("bread", "salt", hybrid, [Reason.NO_COMMON_TERM, Reason.NO_COMMON_WORD]),
        ("bread", "salt", anchored, [Reason.ANCHOR]),
        ("bread", "salt", QueryOptions(filters=(GERMAN,)), [Reason.FILTER, Reason.NO_COMMON_TERM]),
        ("?!", "salt", QueryOptions(), [Reason.EMPTY_QUERY]),
        ("", "salt", bm25, [Reason.EMPTY_QUERY]),
        ("nothingness salt", "salt", cut, [Reason.ONLY_DROPPED_TERMS]),
        ("nothingness salt", "salt", two, [Reason.ONLY_LIGHT_TERMS]),
    ]
    for text, identity, options, reasons in cases:
        found = place(filled_once, text, identity, options)
        assert (list(found.reasons), found.rank) == (reasons, None), (text, identity, options)
    shared = place(filled_once, "nothingness salt", "salt", cut).terms.shared
    assert shared == (SharedTerm("salt", "csplade_terms", 4.0, 4.0, sent=False),)


def test_all_terms_find_where_the_heavy_ones_find_too_few(filled_once: ClusterLine) -> None:
    def ids(phases: Phases, text: str, size: int) -> list[str]:
        options = QueryOptions(plan=PlanOptions(phases=phases, heavy=0.9), dialect=filled_once.dialect)
        question = Question(text, word_vector(text))
        page = [hit.id for hit in search(filled_once.client, filled_once.index, question, options, size)]
        bread = Question("bread", word_vector("bread"))
        many = list(search_many(filled_once.client, filled_once.index, [question, bread, question], options, size))
        assert [[hit.id for hit in many[number]] for number in (0, 2)] == [page, page]
        assert many[1]
        return page

    assert ids(Phases.TWO, "nothingness salt", 5) == []
    assert ids(Phases.AUTO, "nothingness salt", 5) == ids(Phases.ONE, "nothingness salt", 5) == ["salt"]
    # Two are found, so that one is enough.
    assert ids(Phases.AUTO, "bread salt", 1) == ids(Phases.TWO, "bread salt", 1) == ["bread"]
    few = QueryOptions(plan=PlanOptions(heavy=0.9))
    assert place(filled_once, "nothingness salt", "salt", few).rank == 1


def test_what_is_only_better_known_by_others_is_said(filled_once: ClusterLine) -> None:
    merged = QueryOptions(Mode.HYBRID, plan=PlanOptions(fusion=Fusion.RRF))
    assert place(filled_once, "bread", "bread", merged).rank == 1
    low = place(filled_once, "bread", "brot", merged, size=1)
    assert (low.rank, low.reasons) == (None, (Reason.RANKED_LOWER,))
    # Found by words only.
    assert place(filled_once, "breads", "bread", QueryOptions(Mode.HYBRID)).rank is not None
    assert place(filled_once, "breads", "bread", QueryOptions()).reasons == (Reason.NO_COMMON_TERM,)
    anchored = QueryOptions(plan=PlanOptions(anchor=Anchor.TEXT))
    assert place(filled_once, "breads", "bread", anchored).rank is not None


def test_all_terms_find_where_rankings_are_merged(filled_once: ClusterLine) -> None:
    question = Question("elsewhere", SparseVector({"bread": 5.0, "salt": 0.5}))
    for fusion, reasons in (
        (Fusion.RRF, (Reason.RANKED_LOWER,)),
        (Fusion.SUM, (Reason.ONLY_LIGHT_TERMS, Reason.NO_COMMON_WORD)),
    ):
        options = QueryOptions(Mode.HYBRID, plan=PlanOptions(fusion=fusion), dialect=filled_once.dialect)
        found = look_for(filled_once.client, filled_once.index, question, options, "salt", 1)
        assert (found.rank, found.reasons) == (None, reasons)
        ranked = search(filled_once.client, filled_once.index, question, options, 100)
        assert "salt" in [hit.id for hit in ranked]


def test_what_the_second_phase_does_not_reach_has_rank_and_score_of_the_first(filled_once: ClusterLine) -> None:
    two = QueryOptions(plan=PlanOptions(phases=Phases.TWO, heavy=0.9, expansion=1.0))
    known, behind = (place(filled_once, "bread das", "brot", two, size) for size in (10, 1))
    assert (known.rank, known.score, behind.rank, behind.score) == (2, 34.0, 2, 25.0)
    assert [(part.term, part.value) for part in known.contributions] == [("bread", 25.0), ("das", 9.0)]
    assert [part.term for part in behind.contributions] == ["bread"]


def test_equal_scores_share_a_rank(filled_once: ClusterLine) -> None:
    assert [place(filled_once, "bread", name, QueryOptions()).rank for name in ("bread", "loaf", "brot")] == [1, 2, 2]


def test_weights_that_an_index_keeps_to_itself_are_not_guessed(versioned_once: ClusterLine) -> None:
    client, index = versioned_once.client, f"{versioned_once.index}-v1"
    fields = {"csplade_terms": {"type": "rank_features"}, "text": {"type": "text"}}
    hidden = {"_source": {"excludes": ["csplade_terms"]}, "properties": fields}
    client.indices.create(index=index, body={"mappings": hidden})
    body = {"text": "bread", "csplade_terms": {"bread": 5.0}}
    client.index(index=index, id="a", body=body, params={"refresh": "true"})
    line = dataclasses.replace(versioned_once, index=index)
    found = place(line, "bread", "a", QueryOptions())
    assert (found.rank, found.score, found.terms.document) == (1, 25.0, None)
    assert place(line, "salt", "a", QueryOptions()).reasons == (Reason.WEIGHTS_NOT_KEPT,)
