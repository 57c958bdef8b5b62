"""Queries that are documents of their collection: which are known as such, and which only have another one's number."""

import pytest
from csplade.pipelines.evaluate import Collection
from csplade.pipelines.own_documents import own_note, with_own_documents

TEXT = "why does  bread go stale"


def collection(query: str, grade: int | None = None) -> Collection:
    """Return a collection whose second query is no document."""
    judged = {"other": 1} if grade is None else {"other": 1, query: grade}
    return Collection({query: TEXT, "none": "salt"}, {query: judged, "none": {"other": 1}}, 0)


@pytest.mark.parametrize(
    ("query", "grade", "texts", "own"),
    [
        ("46", None, ("", "why does bread\tgo stale "), True),
        ("46", None, ("why does bread go stale", "Starch crystallises."), True),
        ("46", None, ("Staling\nwhy does bread go stale",), True),
        ("46", None, ("why does bread go stale\nStarch crystallises.",), True),
        ("46", 0, (TEXT,), True),
        # Numbered as documents are, from 1 on.
        ("46", None, ("Salt", "Salt attracts water, so why does bread go stale"), False),
        ("46", None, ("", "", "why does bread"), False),
        ("46", 1, (TEXT,), False),
        ("test-health-con03a", None, ("Bread", "It goes stale."), True),
        # A query that is named after what it is to find.
        ("rye-7", 2, ("Bread", "It goes stale."), False),
    ],
)
def test_a_number_alone_makes_no_document_a_querys_own(
    query: str, grade: int | None, texts: tuple[str, ...], own: bool
) -> None:
    found = with_own_documents(collection(query, grade), {query: texts, "other": (TEXT,)})
    assert found.own == ({query} if own else frozenset())
    assert (found.own_document(query), found.own_document("none")) == (query if own else None, None)
    assert (own_note(found) is None) != own


def test_a_query_whose_document_is_not_there_is_none() -> None:
    assert with_own_documents(collection("a"), {"other": (TEXT,)}).own == frozenset()


def test_how_many_there_are_is_told() -> None:
    assert own_note(with_own_documents(collection("a"), {"a": ()})) == (
        "1 of 2 queries is a document itself, and is left out of its own hits, as by BEIR."
    )
