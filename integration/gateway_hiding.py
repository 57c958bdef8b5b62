"""Requests that read documents ask for weights no longer, where the rules hide them; all else goes on as it came."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from csplade.integration.gateway_ease import at_ease
from csplade.integration.gateway_items import MOST_ITEMS, read_items, too_many
from csplade.integration.gateway_json import UnreadJson, read_json, read_object, write_json
from csplade.integration.gateway_metrics import Metrics
from csplade.integration.gateway_names import Names
from csplade.integration.gateway_params import Params
from csplade.integration.gateway_request import Gathered, Request, changed, gather
from csplade.integration.gateway_resolve import Found
from csplade.integration.gateway_rules import GatewayRules
from csplade.integration.gateway_searches import Sent
from csplade.integration.gateway_source import (
    Read,
    hide_in_body,
    hide_in_documents,
    hide_in_params,
    hide_in_search,
    hide_in_written,
)
from csplade.integration.gateway_targets import SEARCHES, SEVERAL, TEMPLATES, Kind
from csplade.integration.gateway_upstream import Answer
from csplade.integration.gateway_verdict import Shown, Why
from csplade.integration.gateway_work import Finding
from csplade.integration.rewrite_report import JsonObject

Fields = Sequence[str]
_WITHOUT = (Kind.COUNT, Kind.VALIDATE, Kind.BULK, Kind.INDEX)
"""Their answers hold nothing of documents, or as good as never."""
_NOTHING_TO_HIDE = (Why.NO_RULES, Why.UNKNOWN_CALLER)


@dataclass(frozen=True)
class Hidden:
    """A request with its body, both as they are sent."""

    request: Request
    body: Gathered
    unread: frozenset[int] = frozenset()
    """Its templates, by their places, that can be read only once they are filled: who sends one may show weights."""


class Hiding:
    """Reads requests, and changes those that would show weights."""

    def __init__(self, rules: GatewayRules, finding: Finding, metrics: Metrics) -> None:
        self._rules, self._finding, self._metrics = rules, finding, metrics

    def not_read(self, request: Request) -> None:
        """Count a request that cannot be looked at."""
        if self._rules.hide_weights and request.target.kind not in _WITHOUT:
            self._metrics.shown(Shown.NOT_READ)

    def given(self, unread: frozenset[int], answer: Answer, sent: Sent | None = None) -> None:
        """Count what an answer may show of templates that could not be read; None: none of them is rewritten in it."""
        if answer.status >= 300:
            return
        filled: Collection[int] = ()
        if sent is not None:
            filled = unread if sent.places is None else unread.intersection(sent.places)
        for _ in unread.difference(filled):
            self._metrics.shown(Shown.TEMPLATE)
        for _ in () if sent is None else unread.intersection(filled, sent.shown):
            self._metrics.shown(Shown.FIELDS)

    async def __call__(self, request: Request) -> Hidden:
        """Return a request as it is sent.

        Raises:
            Refusal: it comes too slowly, or it is not as it should be.
            CallerGone: it ends too early.
        """
        body = await gather(request, self._rules.largest_read(request.target.kind in SEARCHES))
        if not self._rules.hide_weights or request.target.kind in _WITHOUT:
            return Hidden(request, body)
        try:
            found = await self._read(request, body)
        except UnreadJson:
            found = Shown.NOT_READ
        self._count(found if isinstance(found, Shown) else None)
        return found if isinstance(found, Hidden) else Hidden(request, body)

    async def _read(self, request: Request, body: Gathered) -> Hidden | Shown | None:
        """Return a request that is changed, or why it cannot be; None: it need not be."""
        plain = await at_ease(body.size, lambda: body.plain(self._rules.largest_body))
        if plain is None or request.params.doubtful:
            return Shown.NOT_READ
        kind = request.target.kind
        if kind in SEVERAL:
            return await self._several(request, body, plain)
        if kind is Kind.UPDATE and b"_source" not in plain + request.params.written():
            return None
        whole = request.whole(plain)
        if kind is Kind.DOCUMENTS:
            return await self._documents(request, body, whole)
        fields = _hidden(await self._finding.found(request, whole))
        if isinstance(fields, Shown):
            return fields
        if not fields:
            return None
        hide = _HIDE.get(kind, hide_in_search)
        return await self._changed(request, body, whole, lambda value, params: hide(value, params, fields))

    async def _several(self, request: Request, body: Gathered, plain: bytes) -> Hidden | Shown:
        if too_many(plain):
            return Shown.NOT_READ
        items = await at_ease(len(plain), lambda: read_items(plain))
        found_each = await self._finding.found_each(request, [(each.names, each.body) for each in items])
        fields, template = [*map(_hidden, found_each)], request.target.kind in TEMPLATES
        pairs = [*zip(items, fields, strict=True)]
        found = await at_ease(len(plain), lambda: [_line(item.body, each, template) for item, each in pairs])
        unread = frozenset(place for place, (_, shown) in enumerate(found) if shown is Shown.TEMPLATE)
        for _, shown in found:
            self._count(shown if shown is not Shown.TEMPLATE else None)
        if all(line is item.body for item, (line, _) in zip(items, found, strict=True)):
            return Hidden(request, body, unread)
        lines = [part for item, (line, _) in zip(items, found, strict=True) for part in (item.header, line)]
        return Hidden(*changed(request, request.params, b"\n".join([*lines, b""])), unread)

    async def _documents(self, request: Request, body: Gathered, whole: bytes) -> Hidden | Shown | None:
        names = await at_ease(len(whole), lambda: _indexes_of(whole, request.target.names))
        if len(names) > MOST_ITEMS:
            return Shown.NOT_READ
        each = [name for name in dict.fromkeys(names) if name]
        found_each = await self._finding.found_each(request, [(Names(name), b"") for name in each])
        by_name: dict[str, Fields] = {"": ()}
        for name, found in zip(each, map(_hidden, found_each), strict=True):
            self._count(found if isinstance(found, Shown) else None)
            by_name[name] = () if isinstance(found, Shown) else found
        fields = [by_name[name] for name in names]
        if not any(fields):
            return None
        return await self._changed(request, body, whole, lambda value, params: hide_in_documents(value, params, fields))

    async def _changed(
        self, request: Request, body: Gathered, whole: bytes, hide: Callable[[JsonObject, Params], Read]
    ) -> Hidden:
        def work() -> tuple[Read, bytes | None]:
            value = read_object(whole or b"{}")
            found = _whole(hide, value, request.params)
            return found, None if found.body is value else write_json(found.body)

        found, written = await at_ease(len(whole), work)
        self._count(Shown.FIELDS if found.shown else None)
        unread = frozenset({0} if found.unread else ())
        if written is not None:
            return Hidden(*changed(request, found.params.source_moved(), written), unread)
        if found.params is request.params:
            return Hidden(request, body, unread)
        new, _ = changed(request, found.params, None)
        return Hidden(new, body.of(new), unread)

    def _count(self, shown: Shown | None) -> None:
        if shown is not None:
            self._metrics.shown(shown)


def _line(body: bytes, fields: Fields | Shown, template: bool) -> tuple[bytes, Shown | None]:
    """Return one of several searches as it is sent, and why it may show weights, or would if it is not filled."""
    if isinstance(fields, Shown) or not fields:
        return body, fields if isinstance(fields, Shown) else None
    try:
        value = read_object(body)
        hide = _in_template if template else _of_one
        found = _whole(lambda each, params: hide(each, params, fields), value, Params(()))
        shown = Shown.TEMPLATE if found.unread else Shown.FIELDS if found.shown else None
        return body if found.body is value else write_json(found.body), shown
    except UnreadJson:
        return body, Shown.NOT_READ


def _whole(hide: Callable[[JsonObject, Params], Read], value: JsonObject, params: Params) -> Read:
    try:
        return hide(value, params)
    except RecursionError as error:
        raise UnreadJson("it is nested too deeply") from error


def _hidden(found: Found) -> Fields | Shown:
    """Return the fields that are hidden by the rules of some indexes."""
    rules = found.hiding
    if isinstance(rules, Why):
        return () if rules in _NOTHING_TO_HIDE else Shown.UNRESOLVED
    return rules.hidden_fields


def _in_template(body: JsonObject, params: Params, fields: Fields) -> Read:
    """Return a template whose body can be read; addresses decide nothing for them."""
    source = body.get("source")
    try:
        value = read_json(source) if isinstance(source, str) else source
    except UnreadJson:
        value = None
    if not isinstance(value, dict):
        return Read(body, params, unread=True)
    found = hide_in_body(value, fields)
    if found.body is value:
        return Read(body, params, found.shown)
    sent = write_json(found.body).decode() if isinstance(source, str) else found.body
    return Read({**body, "source": sent}, params, found.shown)


def _of_one(body: JsonObject, params: Params, fields: Fields) -> Read:
    return replace(hide_in_body(body, fields), params=params)


def _of_document(body: JsonObject, params: Params, fields: Fields) -> Read:
    return Read(body, hide_in_params(params, fields))


def _of_explained(body: JsonObject, params: Params, fields: Fields) -> Read:
    return Read(body, hide_in_params(params, fields, by_default=False))


def _of_update(body: JsonObject, params: Params, fields: Fields) -> Read:
    found = hide_in_written(body, fields)
    return Read(found.body, hide_in_params(params, fields, by_default=False), found.shown)


_HIDE: dict[Kind, Callable[[JsonObject, Params, Fields], Read]] = {
    Kind.TEMPLATE: _in_template,
    Kind.DOCUMENT: _of_document,
    Kind.EXPLAIN: _of_explained,
    Kind.UPDATE: _of_update,
}


def _indexes_of(body: bytes, own: str) -> list[str]:
    """Return the index of each document that a request for several names, or that of all of them."""
    listed = read_object(body or b"{}").get("docs")
    return [_index_of(each, own) for each in listed] if isinstance(listed, list) else [own]


def _index_of(document: object, own: str) -> str:
    named = document.get("_index", own) if isinstance(document, dict) else own
    return named if isinstance(named, str) else ""
