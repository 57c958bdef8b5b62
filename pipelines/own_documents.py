"""Queries that are documents of their collection themselves, as those of ArguAna and Quora, are no hits of their own.

BEIR leaves out each hit that has the id of its query. Where queries and documents are both numbered from 1 on, as those
of MED and Cranfield, that would take away another document. So a number has to come with the query's text, and what is
judged relevant to a query stays in any case.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from csplade.pipelines.evaluate import Collection
from csplade.pipelines.number_of import number_of


def with_own_documents(collection: Collection, texts: Mapping[str, Iterable[str]]) -> Collection:
    """Return the collection with the queries that are documents themselves.

    `texts` holds title and text, or both joined by the end of a line, of documents by id: at least of those that have
    the id of a query.
    """
    own = {
        query
        for query in collection.queries.keys() & texts.keys()
        if collection.judgments[query].get(query, 0) <= 0
        and (not query.isdecimal() or _is_one_of(collection.queries[query], texts[query]))
    }
    return replace(collection, own=frozenset(own))


def own_note(collection: Collection) -> str | None:
    """Return a sentence about such queries, None if there are none."""
    if not collection.own:
        return None
    of_all = f"of {number_of(len(collection.queries), 'query', 'queries')}"
    forms = (
        f"{of_all} is a document itself, and is left out of its own hits",
        f"{of_all} are documents themselves, and are left out of their own hits",
    )
    return f"{number_of(len(collection.own), *forms)}, as by BEIR."


def _is_one_of(query: str, texts: Iterable[str]) -> bool:
    words = query.split()
    return any(words == part.split() for text in texts for part in _parts(text))


def _parts(text: str) -> Iterator[str]:
    """Give a text as a whole, and what may be the title that it begins with, and the rest."""
    title, _, rest = text.partition("\n")
    yield from (text, title, rest)
