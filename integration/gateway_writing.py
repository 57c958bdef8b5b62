"""Documents that callers write get their weights on the way in; what cannot have them in time is left for later.

Parts of documents (`_update`) are left for `csplade enrich`: the rest of the text is in the cluster, and weights that
are merged with old ones would be wrong.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from csplade.integration.field_map import FieldMap
from csplade.integration.gateway_bulk import Action, merged, read_actions, refused_places, written_actions
from csplade.integration.gateway_delivery import Delivery
from csplade.integration.gateway_documents import Written, read_document, touches_text, with_weights
from csplade.integration.gateway_ease import at_ease
from csplade.integration.gateway_json import UnreadJson, read_json, write_json
from csplade.integration.gateway_request import Gathered, Request, gather
from csplade.integration.gateway_resolve import Resolver
from csplade.integration.gateway_rules import GatewayRules, Writes
from csplade.integration.gateway_targets import Kind
from csplade.integration.gateway_upstream import Answer
from csplade.integration.gateway_vectors import EncoderFailed, EncoderLate, Vectors
from csplade.integration.gateway_verdict import Outcome, Verdict, Why, failed_open, passed
from csplade.pipelines.errors import EncoderError

_DONE, _REFUSED = 200, 400
_ALL_WELL, _HEAD = b'"errors":false', 256
_LARGEST_ANSWER = 2**25


@dataclass(frozen=True)
class _Aim:
    """How documents of one index are written."""

    field_map: FieldMap
    fingerprint: str | None
    """That documents are marked with; None: the index has no place for it."""


@dataclass(frozen=True)
class _Sent:
    body: bytes
    actions: Sequence[Action] = ()
    """Of a bulk request, as its caller sent them."""
    places: tuple[int, ...] = ()
    """Of those whose documents got weights."""

    @property
    def detail(self) -> str:
        """Return how many of several documents have weights."""
        return f"{len(self.places)} of {len(self.actions)}" if self.actions else ""


class Writing:
    """Takes the requests that write."""

    def __init__(self, rules: GatewayRules, vectors: Vectors, resolver: Resolver, delivery: Delivery) -> None:
        self._rules, self._vectors, self._resolver, self._delivery = rules, vectors, resolver, delivery

    async def __call__(self, request: Request) -> None:
        """Send a write with weights, or as it is.

        Raises:
            Refusal: the answer was not begun, and the gateway has to give one itself.
        """
        body = await gather(request, self._rules.largest_body)
        sent = await self._prepared(request, body)
        if isinstance(sent, Verdict):
            await self._delivery.as_it_is(request, body, sent)
            return
        answer = await self._delivery.send(request, request.params, sent.body, request.exchange)
        if answer.status == _DONE and sent.actions:
            await self._give_bulk(request, answer, sent)
            return
        if answer.status != _REFUSED:
            await self._delivery.give(request, answer, Verdict(Outcome.REWRITTEN, detail=sent.detail))
            return
        # Nothing was written.
        await answer.close()
        own = await self._delivery.original(request, body)
        await self._delivery.give(request, own, (failed_open if own.status < 300 else passed)(Why.CLUSTER_REFUSED))

    async def _give_bulk(self, request: Request, answer: Answer, sent: _Sent) -> None:
        """Give the answer to a bulk request; documents that were refused with their weights are written without."""
        told = None if _ALL_WELL in await answer.start(_HEAD) else await answer.json(_LARGEST_ANSWER)
        refused = refused_places(told, sent.actions, sent.places)
        if refused and isinstance(told, dict):
            actions = [sent.actions[place] for place in refused]
            body = written_actions(actions, [action.source for action in actions])
            again = await self._delivery.send(request, request.params, body, request.exchange)
            try:
                whole = merged(told, refused, await again.json(_LARGEST_ANSWER) if again.status == _DONE else None)
            finally:
                await again.close()
            if whole is not None:
                kept = len(sent.places) - len(refused)
                verdict = Verdict(Outcome.REWRITTEN, detail=f"{kept} of {len(sent.actions)}")
                await self._delivery.instead(
                    request, answer, write_json(whole), verdict if kept else failed_open(Why.CLUSTER_REFUSED)
                )
                return
        await self._delivery.give(request, answer, Verdict(Outcome.REWRITTEN, detail=sent.detail))

    async def _prepared(self, request: Request, body: Gathered) -> _Sent | Verdict:
        if self._rules.writes is Writes.ENRICH:
            return passed(Why.LEFT)
        plain = await at_ease(body.size, lambda: body.plain(self._rules.largest_body))
        if plain is None:
            return passed(Why.NOT_READ if body.whole else Why.TOO_LARGE)
        try:
            match request.target.kind:
                case Kind.BULK:
                    return await self._bulk(request, plain)
                case Kind.UPDATE:
                    return await self._update(request, plain)
                case _:
                    return await self._one(request, plain)
        except UnreadJson:
            return passed(Why.NOT_READ)
        except EncoderLate:
            return failed_open(Why.ENCODER_SLOW)
        except (EncoderFailed, EncoderError):
            return failed_open(Why.ENCODER_BROKEN)

    async def _one(self, request: Request, plain: bytes) -> _Sent | Verdict:
        aim = await self._aim(request, request.target.names)
        if isinstance(aim, Why):
            return passed(aim)
        document = await at_ease(len(plain), lambda: read_document(plain, aim.field_map, aim.fingerprint))
        if not document.changes:
            return passed(Why.NOTHING)
        (source,) = await self._weighted([document], [aim])
        return _Sent(source)

    async def _update(self, request: Request, plain: bytes) -> Verdict:
        aim = await self._aim(request, request.target.names)
        return passed(aim if isinstance(aim, Why) else _of_update(plain, aim))

    async def _bulk(self, request: Request, plain: bytes) -> _Sent | Verdict:
        actions = await at_ease(len(plain), lambda: read_actions(plain))
        names = [action.index or request.target.names for action in actions]
        by_name = await self._aims(request, names)
        aims = [by_name[name] for name in names]
        documents = await at_ease(len(plain), lambda: list(map(_document, actions, aims)))
        picked = [
            (place, document, aim)
            for place, (document, aim) in enumerate(zip(documents, aims, strict=True))
            if isinstance(document, Written) and isinstance(aim, _Aim)
        ]
        if not picked:
            return passed(next((why for why in _TOLD if why in documents), Why.NOTHING))
        found = await self._weighted([document for _, document, _ in picked], [aim for _, _, aim in picked])
        sources = [action.source for action in actions]
        for (place, _, _), source in zip(picked, found, strict=True):
            sources[place] = source
        written = await at_ease(len(plain), lambda: written_actions(actions, sources))
        return _Sent(written, actions, tuple(place for place, _, _ in picked))

    async def _weighted(self, documents: Sequence[Written], aims: Sequence[_Aim]) -> list[bytes]:
        """Return documents with their weights."""
        texts = [slot.text for document in documents for slot in document.slots]
        found = await self._vectors.of_documents(texts, self._rules.write_deadline_seconds) if texts else ()
        vectors = iter(found)

        def weighted() -> list[bytes]:
            return [
                with_weights(document, [next(vectors) for _ in document.slots], aim.fingerprint)
                for document, aim in zip(documents, aims, strict=True)
            ]

        return await at_ease(sum(len(document.raw) for document in documents), weighted)

    async def _aims(self, request: Request, names: Iterable[str]) -> dict[str, _Aim | Why]:
        found: dict[str, _Aim | Why] = {}
        late = False
        for name in dict.fromkeys(names):
            # Each waits for a limited time; all of them one after the other must not.
            found[name] = Why.LOOKUP_SLOW if late else await self._aim(request, name)
            late = found[name] is Why.LOOKUP_SLOW
        return found

    async def _aim(self, request: Request, name: str) -> _Aim | Why:
        """Return how documents are written into an index, or why they are not changed."""
        if not name:
            return Why.UNRESOLVED
        found = await self._resolver.found(name, None, request.headers)
        if isinstance(found.rules, Why):
            return found.rules
        if found.fields is None:
            return Why.NO_FIELD
        return _Aim(found.rules.field_map, self._vectors.fingerprint if found.fields.mark else None)


# Of several reasons in one request the one that its caller should know.
_TOLD = (Why.LOOKUP_SLOW, Why.LEFT, Why.NO_FIELD, Why.OTHER_ENCODER, Why.MIXED_RULES, Why.UNRESOLVED, Why.NO_RULES)


def _document(action: Action, aim: _Aim | Why) -> Written | Why:
    if isinstance(aim, Why):
        return aim
    if action.source is None:
        return Why.NOTHING
    if not action.whole:
        return _of_update(action.source, aim)
    document = read_document(action.source, aim.field_map, aim.fingerprint)
    return document if document.changes else Why.NOTHING


def _of_update(body: bytes, aim: _Aim) -> Why:
    """Return what becomes of a part of a document: whether its weights have to be made anew."""
    value = read_json(body)
    if not isinstance(value, dict):
        raise UnreadJson("it is no JSON object")
    parts = [value[name] for name in ("doc", "upsert") if isinstance(value.get(name), dict)]
    touched = "script" in value or any(touches_text(part, aim.field_map) for part in parts)
    return Why.LEFT if touched else Why.NOTHING
