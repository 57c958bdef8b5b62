"""The conformance table of the rewriter, row by row: what comes in, what is sent, and what decided.

A row says what is sent in a short form: `weights(...)` stands for the clause of a text's term weights. `filled` writes
it out. docs/rewriting.md shows the same rows, which are in `rewrite_cases`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from csplade.integration.rewrite_policy import RewriteMode
from csplade.integration.rewrite_report import Outcome
from csplade.tests.rewrite_index import terms

Json = dict[str, Any]  # Any: JSON values
REPLACE, HYBRID, ANCHORED = RewriteMode
REWRITTEN, KEPT, PASSED, REFUSED = Outcome

_SHORT = "$weights"
Q = "fresh bread"


def weights(text: str = Q, field: str = "csplade_terms", boost: float = 1.0, name: str = "") -> Json:
    return {_SHORT: {"text": text, "field": field, "boost": boost, "name": name}}


def filled(value: object) -> Any:  # noqa: ANN401 - JSON values
    """Write out what is short."""
    if isinstance(value, dict):
        return _clause(**value[_SHORT]) if _SHORT in value else {name: filled(inner) for name, inner in value.items()}
    return [filled(inner) for inner in value] if isinstance(value, list) else value


def shown(value: object) -> str:
    """Return JSON for people, in which term weights are as short as here."""
    if isinstance(value, dict):
        if _SHORT in value:
            return _shown_weights(**value[_SHORT])
        return "{" + ", ".join(f'"{name}": {shown(inner)}' for name, inner in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(shown, value))}]"
    return orjson.dumps(value).decode()


def _clause(text: str, field: str, boost: float, name: str) -> Json:
    clause = terms(text, field, boost)
    return {"bool": {**clause["bool"], "_name": name}} if name else clause


def _shown_weights(text: str, field: str, boost: float, name: str) -> str:
    factor = "" if boost == 1 else f" × {boost:g}"
    return f"⟨{text}⟩ in {field}{factor}{f' as {name}' if name else ''}"


@dataclass(frozen=True)
class Case:
    """One row."""

    group: str
    about: str
    query: Json | None
    """The body's `query`; None: the body is in `more`."""
    sent: Json | None
    """What stands in its place; None: the original."""
    outcome: Outcome
    decided: str
    """The policy of the decision that the row is about."""
    mode: RewriteMode = REPLACE
    policy: Mapping[str, str] = field(default_factory=dict)
    more: Json = field(default_factory=dict)
    """What else is in the body."""
    more_sent: Json | None = None
    """What is sent of it; None: the same."""

    @property
    def body(self) -> Json:
        return {**self.more} if self.query is None else {"query": self.query, **self.more}

    @property
    def expected(self) -> Json:
        if self.sent is None and self.more_sent is None:
            return self.body
        query = self.query if self.sent is None else self.sent
        rest = self.more if self.more_sent is None else self.more_sent
        return {**({} if query is None else {"query": filled(query)}), **filled(rest)}


def match(text: str = Q, on: str = "text", /, **options: object) -> Json:
    return {"match": {on: {"query": text, **options} if options else text}}


def multi(*fields: str, **options: object) -> Json:
    return {"multi_match": {"query": Q, "fields": [*fields], **options}}


def beside(*clauses: Json, **outer: object) -> Json:
    return {"bool": {"should": [*clauses], "minimum_should_match": 1, **outer}}


def anchored(original: Json, *scored: Json, **outer: object) -> Json:
    return {"bool": {"filter": [original], "should": [*(scored or [weights()])], "minimum_should_match": 0, **outer}}


def must(original: Json, *scored: Json, **outer: object) -> Json:
    return {"bool": {"must": [original], "should": [*(scored or [weights()])], "minimum_should_match": 0, **outer}}


def best(*queries: Json, tie: float = 0.0, **outer: object) -> Json:
    return {"dis_max": {"queries": [*queries], "tie_breaker": tie, **outer}}


def string(text: str, **options: object) -> Json:
    return {"query_string": {"query": text, "default_field": "text", **options}}


def simple(text: str, **options: object) -> Json:
    return {"simple_query_string": {"query": text, "fields": ["text"], **options}}


EN = {"term": {"lang": "en"}}
