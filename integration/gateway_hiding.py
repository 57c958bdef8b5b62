"""Requests that read documents ask for weights no longer, where the rules hide them; all else goes on as it came."""

from collections.abc import Callable, Sequence

from csplade.integration.gateway_ease import at_ease
from csplade.integration.gateway_json import UnreadJson, read_json, write_json
from csplade.integration.gateway_metrics import Metrics
from csplade.integration.gateway_params import Params
from csplade.integration.gateway_request import Gathered, Request, changed, gather
from csplade.integration.gateway_resolve import Resolver
from csplade.integration.gateway_rules import GatewayRules
from csplade.integration.gateway_searches import Item, read_items
from csplade.integration.gateway_source import (
    Read,
    hide_in_body,
    hide_in_documents,
    hide_in_params,
    hide_in_search,
    hide_in_written,
)
from csplade.integration.gateway_targets import SEVERAL, TEMPLATES, Kind
from csplade.integration.gateway_verdict import Shown, Why
from csplade.integration.gateway_work import Finding
from csplade.integration.rewrite_config import IndexRules
from csplade.integration.rewrite_report import JsonObject

Fields = Sequence[str]
_WITHOUT = (Kind.COUNT, Kind.VALIDATE, Kind.BULK, Kind.INDEX)
"""Their answers hold nothing of documents, or as good as never."""
_NOTHING_TO_HIDE = (Why.NO_RULES, Why.UNKNOWN_CALLER)


class Hiding:
    """Reads requests, and changes those that would show weights."""

    def __init__(self, rules: GatewayRules, finding: Finding, resolver: Resolver, metrics: Metrics) -> None:
        self._rules, self._finding, self._resolver, self._metrics = rules, finding, resolver, metrics

    def not_read(self) -> None:
        """Count a request that cannot be looked at."""
        if self._rules.hide_weights:
            self._metrics.shown(Shown.NOT_READ)

    def not_filled(self) -> None:
        """Count a template that can be read only once it is filled, and is sent as it came."""
        if self._rules.hide_weights:
            self._metrics.shown(Shown.TEMPLATE)

    async def __call__(self, request: Request) -> tuple[Request, Gathered]:
        """Return a request with its body, both as they are sent.

        Raises:
            Refusal: it comes too slowly, or it is not as it should be.
            CallerGone: it ends too early.
        """
        body = await gather(request, self._rules.largest_body)
        if not self._rules.hide_weights or request.target.kind in _WITHOUT:
            return request, body
        try:
            found = await self._read(request, body)
        except UnreadJson:
            found = Shown.NOT_READ
        if isinstance(found, Shown):
            self._metrics.shown(found)
        return found if isinstance(found, tuple) else (request, body)

    async def _read(self, request: Request, body: Gathered) -> tuple[Request, Gathered] | Shown | None:
        """Return a request that is changed, or why it cannot be; None: it need not be."""
        plain = await at_ease(body.size, lambda: body.plain(self._rules.largest_body))
        if plain is None or request.params.doubtful:
            return Shown.NOT_READ
        kind = request.target.kind
        if kind in SEVERAL:
            return await self._several(request, plain)
        if kind is Kind.DOCUMENTS:
            return await self._documents(request, body, plain)
        if kind is Kind.UPDATE and b"_source" not in plain + request.params.written():
            return None
        source = request.params.source
        whole = plain or (source or "").encode(errors="surrogatepass")
        fields = _hidden(await self._finding.rules_of(request, request.target.names, whole))
        if isinstance(fields, Shown):
            return fields
        if not fields:
            return None
        hide = _HIDE.get(kind, hide_in_search)
        return await self._changed(request, body, whole, lambda value, params: hide(value, params, fields))

    async def _several(self, request: Request, plain: bytes) -> tuple[Request, Gathered] | None:
        items, lines, touched = read_items(plain), list[bytes](), False
        for item in items:
            rules = await self._finding.rules_of(request, item.names or request.target.names, item.body)
            line = self._line(item, _hidden(rules), request.target.kind in TEMPLATES)
            touched = touched or line is not item.body
            lines += (item.header, line)
        return changed(request, request.params, b"\n".join([*lines, b""])) if touched else None

    def _line(self, item: Item, fields: Fields | Shown, template: bool) -> bytes:
        """Return one of several searches."""
        if isinstance(fields, Shown):
            self._metrics.shown(fields)
        if isinstance(fields, Shown) or not fields:
            return item.body
        try:
            value = _object(item.body)
            found = _in_template(value, Params(()), fields) if template else hide_in_body(value, fields)
            if found.shown:
                self._metrics.shown(Shown.FIELDS)
            return item.body if found.body is value else write_json(found.body)
        except UnreadJson:
            self._metrics.shown(Shown.NOT_READ)
            return item.body

    async def _documents(self, request: Request, body: Gathered, plain: bytes) -> tuple[Request, Gathered] | None:
        listed = _object(plain or b"{}").get("docs")
        own = request.target.names
        names = [_index_of(each, own) for each in listed] if isinstance(listed, list) else [own]
        by_name: dict[str, Fields] = {}
        for name in dict.fromkeys(names):
            found = _hidden(await self._resolver.rules_of(name, None, request.headers)) if name else ()
            if isinstance(found, Shown):
                self._metrics.shown(found)
            by_name[name] = () if isinstance(found, Shown) else found
        fields = [by_name[name] for name in names]
        if not any(fields):
            return None
        return await self._changed(request, body, plain, lambda value, params: hide_in_documents(value, params, fields))

    async def _changed(
        self, request: Request, body: Gathered, whole: bytes, hide: Callable[[JsonObject, Params], Read]
    ) -> tuple[Request, Gathered] | None:
        value = await at_ease(len(whole), lambda: _object(whole or b"{}"))
        try:
            found = hide(value, request.params)
        except RecursionError as error:
            raise UnreadJson("it is nested too deeply") from error
        if found.shown:
            self._metrics.shown(Shown.FIELDS)
        if found.body is value and found.params is request.params:
            return None
        if found.body is value:
            new, _ = changed(request, found.params, None)
            return new, body.of(new)
        return changed(request, found.params.source_moved(), write_json(found.body))


def _hidden(rules: IndexRules | Why) -> Fields | Shown:
    """Return the fields that are hidden by the rules of some indexes."""
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
        return Read(body, params)
    found = hide_in_body(value, fields)
    if found.body is value:
        return Read(body, params, found.shown)
    sent = write_json(found.body).decode() if isinstance(source, str) else found.body
    return Read({**body, "source": sent}, params, found.shown)


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


def _index_of(document: object, own: str) -> str:
    named = document.get("_index", own) if isinstance(document, dict) else own
    return named if isinstance(named, str) else ""


def _object(text: bytes) -> JsonObject:
    value = read_json(text)
    if not isinstance(value, dict):
        raise UnreadJson("it is no JSON object")
    return value
