"""Search templates whose blanks the cluster has to fill before they can be read, and what it makes of them; pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import orjson
from csplade.integration.gateway_json import UnreadJson, read_json
from csplade.integration.gateway_verdict import Why
from csplade.integration.rewrite import Check, unhurried
from csplade.integration.rewrite_config import IndexRules
from csplade.integration.rewrite_report import JsonObject
from csplade.integration.rewrite_template import wants_rendering


@dataclass(frozen=True)
class Rendered:
    """What the cluster makes of the templates of one request, by their places in it."""

    bodies: Mapping[int, JsonObject | Why] = field(default_factory=dict)
    """Why there is none, of those that it was asked about in vain."""
    size: int = 0
    """The bytes of all of them."""


NOTHING_RENDERED = Rendered()


def unrendered(
    templates: Sequence[bytes], rules: Sequence[IndexRules | Why], check: Check = unhurried
) -> dict[int, bytes]:
    """Return those of some templates that the cluster has to fill, by their places; `rules` are those of each.

    `check` is called before each template and each clause; whatever it raises is raised.
    """
    pairs = enumerate(zip(templates, rules, strict=True))
    return {place: template for place, (template, each) in pairs if _wanted(template, each, check)}


def names_pit(template: JsonObject, rendered: JsonObject | None) -> bool:
    """Return whether a template is, as far as it can be read, a search in a point in time."""
    source = template.get("source") if rendered is None else rendered
    if isinstance(source, str):
        try:
            # As the rewriter reads it.
            source = orjson.loads(source)
        except orjson.JSONDecodeError:
            return False
    return isinstance(source, Mapping) and "pit" in source


def read_rendered(answer: bytes) -> JsonObject | Why:
    """Return the body that a cluster's answer holds, or why there is none."""
    try:
        told = read_json(answer)
    except UnreadJson:
        return Why.NOT_RENDERED
    # It stands there as the template gave it, so that one with too many braces could bring other names along.
    if not isinstance(told, dict) or [*told] != ["template_output"]:
        return Why.NOT_RENDERED
    body = told["template_output"]
    return body if isinstance(body, dict) else Why.NOT_RENDERED


def _wanted(template: bytes, rules: IndexRules | Why, check: Check) -> bool:
    check()
    if isinstance(rules, Why):
        return False
    try:
        body = read_json(template)
    except UnreadJson:
        return False
    return isinstance(body, dict) and wants_rendering(body, rules.field_map, rules.options, check)
