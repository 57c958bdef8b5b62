"""Searches as they arrive become searches by term weights as they are sent, bytes to bytes; pure."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from csplade.integration.gateway_items import Item
from csplade.integration.gateway_json import UnreadJson, read_object, write_json
from csplade.integration.gateway_params import Params
from csplade.integration.gateway_source import Read, hide_in_body
from csplade.integration.gateway_targets import TEMPLATES, Kind
from csplade.integration.gateway_templates import NOTHING_RENDERED, Rendered, names_pit
from csplade.integration.gateway_vectors import TextTooLong, TimedEncode
from csplade.integration.gateway_verdict import Verdict, Why, passed
from csplade.integration.rewrite import rewrite
from csplade.integration.rewrite_config import IndexRules
from csplade.integration.rewrite_policy import ScorePolicy
from csplade.integration.rewrite_report import Decision, JsonObject, Rewritten
from csplade.integration.rewrite_template import rewrite_rendered, rewrite_template


class ForbiddenSearch(ValueError):
    """The configuration forbids a search; the text says what of it, without its words."""


@dataclass(frozen=True)
class Asked:
    """A search as it arrived."""

    kind: Kind
    params: Params
    body: bytes
    """Unpacked."""


@dataclass(frozen=True)
class Sent:
    """What is sent instead."""

    params: Params
    body: bytes
    detail: str = ""
    """Of several searches: how many were rewritten."""
    left: tuple[str, ...] = ()
    """The names of the clauses that pass beside rewritten ones."""
    places: tuple[int, ...] | None = None
    """Of several searches: those that were rewritten."""
    shown: tuple[int, ...] = ()
    """Templates that, once they are filled, ask for hidden weights in a way in which they cannot be excluded."""


@dataclass(frozen=True)
class Partly:
    """What is sent of several searches of which the configuration forbids some."""

    sent: Sent | Verdict
    """The others, some of them rewritten; a verdict: none is."""
    rest: bytes
    """The others as the caller sent them."""
    reasons: Mapping[int, str]
    """What forbids each that is not sent, by its place among all."""
    of: int
    """How many there are in all."""

    def among_sent(self, places: Collection[int]) -> frozenset[int]:
        """Return where some of all searches stand among those that are sent."""
        left = [place for place in range(self.of) if place not in self.reasons]
        return frozenset(now for now, place in enumerate(left) if place in places)


@dataclass(frozen=True)
class _Changed:
    """The body of a search by term weights."""

    body: JsonObject
    left: tuple[str, ...]
    """As in `Sent`."""
    shown: bool = False
    """The same."""


# What every reader of numbers reads alike.
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_BODY_ALONE = (Kind.COUNT, Kind.VALIDATE, Kind.EXPLAIN)
Rules = IndexRules | Why
"""How a search is rewritten, or why it is not."""


def rewritten_search(
    asked: Asked, rules: IndexRules, timed: TimedEncode, rendered: Rendered = NOTHING_RENDERED
) -> Sent | Why:
    """Return what is sent instead of a single search, or why it stays; `rendered`: if it is a template.

    Whatever `timed` raises is raised.

    Raises:
        ForbiddenSearch: the configuration forbids it.
        UnreadJson: its body is no plain JSON.
    """
    # Beside a template clusters pass a query over.
    if asked.params.doubtful or (asked.kind is Kind.TEMPLATE and asked.params.get("q") is not None):
        return Why.NOT_READ
    if asked.params.get("q") == "":
        return Why.NOTHING
    if asked.kind is Kind.COUNT and not _NUMBER.fullmatch(asked.params.get("min_score") or "0"):
        return Why.NOT_READ
    if asked.params.get("q") is not None and _asks_twice(asked):
        return Why.NOT_READ
    done = _rewritten(asked.kind, asked_body(asked), asked.params, rules, timed, rendered.bodies.get(0))
    if isinstance(done, Why):
        return done
    params = asked.params.body_moved()
    dropped = asked.kind is Kind.COUNT and rules.options.policies.min_score is ScorePolicy.DROP
    moved = params.without(("min_score",)) if dropped else params
    return _as_sent(moved, done)


def asked_body(asked: Asked) -> JsonObject:
    """Return the whole body of a single search, also if it, or its query, stands in the parameters.

    Raises:
        UnreadJson: it is no plain JSON object.
    """
    body, query = _body_alone(asked), asked.params.query()
    return body if query is None else {**body, "query": query}


def _body_alone(asked: Asked) -> JsonObject:
    source = asked.params.source
    return read_object(source if not asked.body and source is not None else asked.body or b"{}")


def _asks_twice(asked: Asked) -> bool:
    """Return whether a query in the parameters stands beside one that a cluster heeds, or at least may refuse."""
    if asked.kind in _BODY_ALONE:
        return bool(asked.body or asked.params.source)
    return "query" in _body_alone(asked)


def rewritten_items(
    kind: Kind,
    params: Params,
    items: Sequence[Item],
    rules: Sequence[Rules],
    timed: TimedEncode,
    rendered: Rendered = NOTHING_RENDERED,
) -> Sent | Partly | Why:
    """Return what is sent instead of several searches, or why all of them stay; `rendered`: if they are templates.

    Whatever `timed` raises is raised, but `TextTooLong`.

    Raises:
        ForbiddenSearch: the configuration forbids all of them.
    """
    single = Kind.TEMPLATE if kind in TEMPLATES else Kind.SEARCH
    found = [
        _item(single, item, each, timed, rendered.bodies.get(place))
        for place, (item, each) in enumerate(zip(items, rules, strict=True))
    ]
    forbidden = {place: each for place, each in enumerate(found) if isinstance(each, ForbiddenSearch)}
    if forbidden and len(forbidden) == len(items):
        raise forbidden[0]
    allowed = [(item, each) for item, each in zip(items, found, strict=True) if not isinstance(each, ForbiddenSearch)]
    sent = _sent(params, allowed, len(items))
    if not forbidden:
        return sent
    rest = _lines([(item.header, item.body) for item, _ in allowed])
    reasons = {place: str(each) for place, each in forbidden.items()}
    return Partly(passed(sent) if isinstance(sent, Why) else sent, rest, reasons, len(items))


def _item(
    kind: Kind, item: Item, rules: Rules, timed: TimedEncode, rendered: JsonObject | Why | None
) -> Sent | Why | ForbiddenSearch:
    timed.check()
    if isinstance(rules, Why):
        return rules
    try:
        done = _rewritten(kind, read_object(item.body), Params(()), rules, timed, rendered)
        return done if isinstance(done, Why) else _as_sent(Params(()), done)
    except UnreadJson:
        return Why.NOT_READ
    except TextTooLong:
        return Why.LONG
    except ForbiddenSearch as error:
        return error


def _as_sent(params: Params, done: _Changed) -> Sent:
    return Sent(params, write_json(done.body), left=done.left, shown=(0,) if done.shown else ())


def _sent(params: Params, found: Sequence[tuple[Item, Sent | Why]], of: int) -> Sent | Why:
    """Return several searches as they are sent, or why all of them stay; `of`: how many the caller sent."""
    changed = [each for _, each in found if isinstance(each, Sent)]
    if not changed:
        reasons = {each for _, each in found if isinstance(each, Why)}
        return reasons.pop() if len(reasons) == 1 else Why.NOTHING
    pairs = [(item.header, each.body if isinstance(each, Sent) else item.body) for item, each in found]
    left = tuple(clause for each in changed for clause in each.left)
    places = tuple(place for place, (_, each) in enumerate(found) if isinstance(each, Sent))
    shown = tuple(place for place, (_, each) in enumerate(found) if isinstance(each, Sent) and each.shown)
    return Sent(params, _lines(pairs), f"{len(changed)} of {of}", left, places, shown)


def _lines(pairs: Sequence[tuple[bytes, bytes]]) -> bytes:
    return b"\n".join([*(line for pair in pairs for line in pair), b""])


def _rewritten(
    kind: Kind,
    body: JsonObject,
    params: Params,
    rules: IndexRules,
    timed: TimedEncode,
    rendered: JsonObject | Why | None,
) -> _Changed | Why:
    if isinstance(rendered, Why):
        return rendered
    if kind is Kind.TEMPLATE and names_pit(body, rendered):
        # What it was opened for is not what the request names.
        return Why.UNKNOWN_PIT
    if rendered is not None:
        return _filled(body, rendered, rules, timed)
    if kind is Kind.TEMPLATE:
        return _changed(rewrite_template(body, rules.field_map, timed.encode, rules.options, timed.check))
    over = params.over(body) if kind is Kind.SEARCH else {}
    if kind is Kind.COUNT:
        # As a search without hits, so that both count the same.
        over = {"size": 0, **params.least_score()}
    done = _changed(rewrite({**body, **over}, rules.field_map, timed.encode, rules.options, check=timed.check))
    if isinstance(done, Why):
        return done
    # What the parameters decide goes on standing there.
    kept = {
        name: body.get(name) if name in over else value
        for name, value in done.body.items()
        if name in body or name not in over
    }
    return replace(done, body=kept)


def _filled(body: JsonObject, rendered: JsonObject, rules: IndexRules, timed: TimedEncode) -> _Changed | Why:
    hidden = hide_in_body(rendered, rules.hidden_fields) if rules.hide_weights else Read(rendered, Params(()))
    done = _changed(rewrite_rendered(body, hidden.body, rules.field_map, timed.encode, rules.options, timed.check))
    return done if isinstance(done, Why) else replace(done, shown=hidden.shown)


def _changed(done: Rewritten) -> _Changed | Why:
    if done.refused:
        raise ForbiddenSearch(_forbidden(done.refused[0]))
    if done.changes:
        return _Changed(done.body, tuple(decision.clause for decision in done.passed))
    return Why.NOT_UNDERSTOOD if done.passed else Why.NOTHING


def _forbidden(decision: Decision) -> str:
    return (
        f"the gateway's configuration refuses {decision.clause} at {decision.path} ({decision.policy}): change the "
        "search, or the configuration"
    )
