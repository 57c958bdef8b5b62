"""Documents that callers write get their weights on the way in; what cannot have them in time is left for later."""

from collections.abc import Iterable
from dataclasses import dataclass

from csplade.integration.gateway_bulk import merged, read_actions, refused_places
from csplade.integration.gateway_delivery import Delivery
from csplade.integration.gateway_documents import Aim
from csplade.integration.gateway_drafts import Drafts, read_many, read_one
from csplade.integration.gateway_ease import Late, at_ease
from csplade.integration.gateway_json import UnreadJson, write_json
from csplade.integration.gateway_names import Names
from csplade.integration.gateway_request import Gathered, Request
from csplade.integration.gateway_resolve import Found, Resolver
from csplade.integration.gateway_rules import GatewayRules, Writes
from csplade.integration.gateway_targets import Kind
from csplade.integration.gateway_upstream import Answer
from csplade.integration.gateway_vectors import EncoderFailed, Vectors
from csplade.integration.gateway_verdict import Outcome, Verdict, Why, failed_open, passed
from csplade.pipelines.errors import EncoderError

_DONE = 200
# For what they hold, or for their length.
_REFUSED = (400, 413)
_ALL_WELL, _HEAD = b'"errors":false', 256
_LARGEST_ANSWER = 2**25


@dataclass(frozen=True)
class _Prepared:
    """What is sent of a request, and what is said of it."""

    plain: bytes
    """What the caller sent, unpacked."""
    drafts: Drafts
    body: bytes
    """With weights, or at least without old ones."""
    verdict: Verdict
    weighted: bool

    @property
    def unchanged(self) -> bool:
        """Return whether it is what the caller sent."""
        return self.body == self.plain


class Writing:
    """Takes the requests that write."""

    def __init__(self, rules: GatewayRules, vectors: Vectors, resolver: Resolver, delivery: Delivery) -> None:
        self._rules, self._vectors, self._resolver, self._delivery = rules, vectors, resolver, delivery

    async def __call__(self, request: Request, body: Gathered) -> None:
        """Send a write with weights, without old ones, or as it is.

        Raises:
            Refusal: the answer was not begun, and the gateway has to give one itself.
        """
        sent = await self._prepared(request, body)
        if isinstance(sent, Verdict):
            await self._delivery.as_it_is(request, body, sent)
        elif sent.unchanged:
            await self._delivery.as_it_is(request, body, sent.verdict)
        else:
            await self._send(request, body, sent)

    async def _send(self, request: Request, body: Gathered, sent: _Prepared) -> None:
        answer = await self._delivery.send(request, request.params, sent.body, request.exchange)
        if answer.status == _DONE and sent.weighted and sent.drafts.actions:
            await self._give_bulk(request, answer, sent)
        elif answer.status in _REFUSED and sent.weighted:
            # Nothing was written.
            await answer.close()
            own = await self._without(request, body, sent)
            verdict = (failed_open if own.status < 300 else passed)(Why.CLUSTER_REFUSED)
            await self._delivery.give(request, own, verdict)
        else:
            await self._delivery.give(request, answer, sent.verdict)

    async def _without(self, request: Request, body: Gathered, sent: _Prepared) -> Answer:
        """Send a write that was refused without any weights."""
        bare = await at_ease(len(sent.plain), sent.drafts.bare)
        if bare == sent.plain:
            return await self._delivery.original(request, body)
        return await self._delivery.send(request, request.params, bare, request.exchange)

    async def _give_bulk(self, request: Request, answer: Answer, sent: _Prepared) -> None:
        """Give the answer to a bulk request; documents that were refused with their weights are written without."""
        told = None if _ALL_WELL in await answer.start(_HEAD) else await answer.json(_LARGEST_ANSWER)
        places = [*sent.drafts.changing]
        size = len(sent.plain)
        refused = await at_ease(size, lambda: refused_places(told, sent.drafts.actions, places))
        if refused and isinstance(told, dict):
            body = await at_ease(size, lambda: sent.drafts.bare_at(refused))
            again = await self._delivery.send(request, request.params, body, request.exchange)
            try:
                whole = merged(told, refused, await again.json(_LARGEST_ANSWER) if again.status == _DONE else None)
            finally:
                await again.close()
            if whole is not None:
                verdict = sent.drafts.verdict(refused) if len(refused) < len(places) else None
                written = await at_ease(size, lambda: write_json(whole))
                await self._delivery.instead(request, answer, written, verdict or failed_open(Why.CLUSTER_REFUSED))
                return
        await self._delivery.give(request, answer, sent.verdict)

    async def _prepared(self, request: Request, body: Gathered) -> _Prepared | Verdict:
        plain = await at_ease(body.size, lambda: body.read(self._rules.largest_body))
        if isinstance(plain, Why):
            return passed(plain)
        try:
            drafts = await self._drafts(request, plain)
        except UnreadJson:
            return passed(Why.NOT_READ)
        if isinstance(drafts, Why) or not drafts.changing:
            return passed(drafts if isinstance(drafts, Why) else drafts.why)
        if self._rules.writes is Writes.ENRICH:
            return await self._bare(plain, drafts, passed(Why.LEFT), Verdict(Outcome.REWRITTEN, Why.LEFT))
        try:
            weighted = await self._weighted(plain, drafts)
            if len(weighted) <= self._rules.largest_sent:
                return _Prepared(plain, drafts, weighted, drafts.verdict(), weighted=True)
            verdict = failed_open(Why.TOO_LARGE)
        except Late:
            verdict = failed_open(Why.ENCODER_SLOW)
        except (EncoderFailed, EncoderError):
            verdict = failed_open(Why.ENCODER_BROKEN)
        return await self._bare(plain, drafts, verdict, verdict)

    async def _bare(self, plain: bytes, drafts: Drafts, unchanged: Verdict, changed: Verdict) -> _Prepared:
        """Return what is sent without any weights, and what is said of it if that is what came, or not."""
        bare = await at_ease(len(plain), drafts.bare)
        return _Prepared(plain, drafts, bare, unchanged if bare == plain else changed, weighted=False)

    async def _weighted(self, plain: bytes, drafts: Drafts) -> bytes:
        """Return the body with its weights."""
        texts = drafts.texts
        found = await self._vectors.of_documents(texts, self._rules.write_deadline_seconds) if texts else []
        vectors = dict(zip(texts, found, strict=True))
        return await at_ease(len(plain), lambda: drafts.weighted(vectors))

    async def _drafts(self, request: Request, plain: bytes) -> Drafts | Why:
        """Return what a request writes, or why it is not looked at.

        Raises:
            UnreadJson: it is not of the form that is known.
        """
        kind, own = request.target.kind, request.target.names
        if kind is not Kind.BULK:
            aim = (await self._aims(request, [own]))[own]
            return aim if isinstance(aim, Why) else await at_ease(len(plain), lambda: read_one(kind, plain, aim))
        actions = await at_ease(len(plain), lambda: read_actions(plain))
        names = await at_ease(len(plain), lambda: [action.index or own for action in actions])
        by_name = await self._aims(request, names)
        return await at_ease(len(plain), lambda: read_many(actions, [by_name[name] for name in names]))

    async def _aims(self, request: Request, names: Iterable[str]) -> dict[str, Aim | Why]:
        """Return how documents are written into each of some indexes, or why they are not changed."""
        found = await self._resolver.found_each(map(Names, filter(None, names)), request.headers)
        return {"": Why.UNRESOLVED, **{name.text: self._aim(each) for name, each in found.items()}}

    def _aim(self, found: Found) -> Aim | Why:
        if isinstance(found.rules, Why):
            return found.rules
        if found.fields is None:
            return Why.NO_FIELD
        fingerprint = (self._vectors.fingerprint or "") if found.fields.mark else None
        return Aim(found.rules.field_map, fingerprint, found.fields.seismic)
