"""Rows of the conformance table about templates: the template, its parameters, and the search that it stands for.

What becomes of that search other rows show; here is told whether the cluster has to be asked for it.
"""

from dataclasses import dataclass
from typing import Any

from csplade.tests.rewrite_case import Q, match

Json = dict[str, Any]  # Any: JSON values

STORED = "csplade-test-template"
"""What the tests store `SECTIONS` as."""
SECTIONS = (
    '{"query": {"bool": {"must": [{"match": {"text": "{{q}}"}}]'
    '{{#lang}}, "filter": [{"term": {"lang": "{{lang}}"}}]{{/lang}}}}}'
)
_EN = {"query": {"bool": {"must": [match()], "filter": [{"term": {"lang": "en"}}]}}}
_ANY = {"query": {"bool": {"must": [match()]}}}
_PARAMS = {"q": Q, "lang": "en"}


@dataclass(frozen=True)
class TemplateCase:
    """One row."""

    about: str
    template: Json
    """The body of the template search."""
    search: Json
    """What it stands for."""
    asked: bool = True
    """Whether the cluster has to be asked; else it is rewritten in place."""


def _source(source: object, **params: object) -> Json:
    return {"source": source, "params": params}


TEMPLATE_CASES = (
    TemplateCase("a parameter is a whole text", _source({"query": match("{{q}}")}, q=Q), {"query": match()}, False),
    TemplateCase(
        "other blanks change nothing of what is scored",
        _source({"query": match("{{q}}"), "size": "{{size}}"}, q=Q, size=5),
        {"query": match(), "size": "5"},
        False,
    ),
    TemplateCase("stored", {"id": STORED, "params": _PARAMS}, _EN),
    TemplateCase("stored, a section left out", {"id": STORED, "params": {"q": Q}}, _ANY),
    TemplateCase("sections", _source(SECTIONS, **_PARAMS), _EN),
    TemplateCase("triple braces", _source({"query": match("{{{q}}}")}, q=Q), {"query": match()}),
    TemplateCase(
        "a parameter is a part of a text", _source({"query": match("fresh {{q}}")}, q="bread"), {"query": match()}
    ),
    TemplateCase("a parameter is no string", _source({"query": match("{{q}}")}, q=7), {"query": match("7")}),
    TemplateCase(
        "the name of a field is a blank",
        _source({"query": match("{{q}}", "{{on}}")}, q=Q, on="summary"),
        {"query": match(Q, "summary")},
    ),
    TemplateCase(
        "an option is a blank",
        _source({"query": match("{{q}}", operator="{{op}}")}, q=Q, op="and"),
        {"query": match(operator="and")},
    ),
    TemplateCase(
        "what hits are sorted by is a blank",
        _source({"query": match("{{q}}"), "sort": ["{{by}}"]}, q=Q, by="_score"),
        {"query": match(), "sort": ["_score"]},
    ),
    TemplateCase(
        "sorted by something else",
        _source({"query": match("{{q}}"), "sort": ["{{by}}"]}, q=Q, by="year"),
        {"query": match(), "sort": ["year"]},
    ),
    TemplateCase(
        "a list",
        _source(
            '{"query": {"bool": {"must": [{"match": {"text": "{{q}}"}}], "filter": [{"terms": {"lang": '
            "{{#toJson}}langs{{/toJson}}}}]}}}",
            q=Q,
            langs=["en", "de"],
        ),
        {"query": {"bool": {"must": [match()], "filter": [{"terms": {"lang": ["en", "de"]}}]}}},
    ),
    TemplateCase(
        "a default, names in their order, and what JSON escapes",
        _source(
            '{"query": {"match": {"text": "{{q}}{{^no}} rye{{/no}}"}}, "sort": {"_score": "desc", "year": "asc"}}',
            q='fresh "bread" \\ é\n',
        ),
        {"query": match('fresh "bread" \\ é\n rye'), "sort": {"_score": "desc", "year": "asc"}},
    ),
)
