"""The query of a question, as tests look at it."""

from typing import Any

from csplade.integration.query import QueryOptions, Question
from csplade.integration.searches import build_searches

LONG = 100
"""Hits of a list that has one phase by default."""


def build_query(question: Question, options: QueryOptions) -> dict[str, Any] | None:  # Any: a JSON object
    """Return the query that all terms and words are in, None if nothing can match it."""
    searches = build_searches(question, options, LONG)
    return searches[0].body["query"] if searches else None
