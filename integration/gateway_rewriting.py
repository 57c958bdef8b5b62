"""Answers searches by term weights where the rules say so; if anything goes wrong, the caller's own search runs."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial

from csplade.integration.gateway_delivery import Delivery
from csplade.integration.gateway_ease import SMALL_BYTES, at_ease
from csplade.integration.gateway_json import UnreadJson, write_json
from csplade.integration.gateway_log import Exchange
from csplade.integration.gateway_metrics import Metrics
from csplade.integration.gateway_moments import Moments
from csplade.integration.gateway_pits import Pits
from csplade.integration.gateway_refusals import Reason, Refusal
from csplade.integration.gateway_request import Gathered, Request, gather
from csplade.integration.gateway_resolve import Resolver
from csplade.integration.gateway_rules import GatewayRules, Turn
from csplade.integration.gateway_running import run
from csplade.integration.gateway_searches import (
    Asked,
    ForbiddenSearch,
    Partly,
    Rules,
    Sent,
    pit_of,
    read_items,
    rewritten_items,
    rewritten_search,
    with_errors,
)
from csplade.integration.gateway_sending import Sender
from csplade.integration.gateway_shadow import LARGEST, SHADOW_SECONDS, Shadows
from csplade.integration.gateway_targets import SEVERAL, WRITES, Kind, Target, read_target
from csplade.integration.gateway_upstream import Answer
from csplade.integration.gateway_vectors import EncoderFailed, EncoderLate, TextTooLong, Vectors
from csplade.integration.gateway_verdict import Verdict, Why, failed_open, passed
from csplade.integration.gateway_writing import Writing
from csplade.integration.rewrite import Encode
from csplade.pipelines.errors import EncoderError
from csplade.pipelines.sparse import SparseVector

_LARGEST_ANSWER = 2**25
_ANY_VECTOR = SparseVector({"any": 1.0})


@dataclass(frozen=True)
class Work:
    """How a search is rewritten once there are vectors."""

    make: Callable[[Encode], Sent | Partly | Why]
    small: bool
    """Whether making it takes no time that others would have to wait."""
    pit: str | None = None
    """The point in time that a single search is in."""


@dataclass(frozen=True)
class Parts:
    """What a worker has for it."""

    rules: GatewayRules
    sender: Sender
    vectors: Vectors
    metrics: Metrics
    pits: Pits
    shadows: Shadows


class Rewriting:
    """Takes the requests that are searches or writes."""

    def __init__(self, parts: Parts) -> None:
        self._parts, self._rules, self._vectors = parts, parts.rules, parts.vectors
        self._delivery = Delivery(parts.sender, parts.metrics)
        self._moments = Moments(parts.pits, self._delivery)
        self._resolver = Resolver(parts.sender, parts.rules, parts.vectors.fingerprint)
        self._typed = parts.rules.typed
        self._write = Writing(parts.rules, parts.vectors, self._resolver, self._delivery)

    def target(self, method: str, path: bytes) -> Target | None:
        """Return what a request asks for; None: nothing that is ever rewritten."""
        return read_target(method, path, self._typed)

    async def __call__(self, request: Request) -> None:
        """Answer one.

        Raises:
            Refusal: the answer was not begun, and the gateway has to give one itself.
        """
        kind = request.target.kind
        if kind is Kind.OPEN_PIT:
            await self._moments.open(request)
        elif kind is Kind.CLOSE_PIT:
            await self._moments.close(request)
        elif request.signed:
            await self._delivery.as_it_is(request, await gather(request, 0), passed(Why.SIGNED))
        elif kind in WRITES:
            await self._write(request)
        else:
            await self._search(request)

    async def _search(self, request: Request) -> None:
        turn = self._rules.rollout.turn(request.headers, request.exchange.caller)
        if turn is Turn.OFF:
            await self._delivery.as_it_is(request, await gather(request, 0), passed(Why.ROLLOUT))
            return
        body = await gather(request, self._rules.largest_body)
        work = await self._work(request, body)
        if isinstance(work, Verdict):
            await self._delivery.as_it_is(request, body, work)
            return
        if turn is Turn.SHADOW:
            await self._beside(request, body, work)
            return
        sent = await self._in_time(work)
        if isinstance(sent, Verdict):
            await self._delivery.as_it_is(request, body, sent)
        elif isinstance(sent, Partly):
            await self._partly(request, sent)
        else:
            own = partial(self._delivery.original, request, body)
            answer, verdict = await run(self._delivery, request, sent, own)
            await self._moments.follow(work.pit, answer)
            await self._delivery.give(request, answer, verdict)

    async def _partly(self, request: Request, found: Partly) -> None:
        """Send those of several searches that are allowed; each of the others has its error in its place.

        Raises:
            Refusal: in this form of answer nobody would find the places.
        """
        own = partial(self._delivery.send, request, request.params, found.rest, request.exchange)
        if isinstance(found.sent, Verdict):
            answer, verdict = await own(), found.sent
        else:
            answer, verdict = await run(self._delivery, request, found.sent, own)
        if answer.status >= 300:
            await self._delivery.give(request, answer, verdict)
            return
        whole = with_errors(await answer.json(_LARGEST_ANSWER), found)
        if whole is None:
            await answer.close()
            raise Refusal(400, Reason.FORBIDDEN, next(iter(found.reasons.values())))
        await self._delivery.instead(request, answer, write_json(whole), verdict)

    async def _beside(self, request: Request, body: Gathered, work: Work) -> None:
        """Send what the caller sent, and run the rewritten search for the log once the caller is answered."""
        answer = await self._delivery.original(request, body)
        # Several searches are not compared; and a scroll would stay open.
        compared = request.target.kind in (Kind.SEARCH, Kind.TEMPLATE) and request.params.get("scroll") is None
        if not compared:
            await self._delivery.give(request, answer, passed(Why.ROLLOUT))
            return
        answer.keep(LARGEST)
        await self._delivery.give(request, answer, passed(Why.SHADOW))

        async def search(exchange: Exchange) -> Answer | None:
            sent = await self._done(partial(self._vectors.aside, work.make, SHADOW_SECONDS), work)
            if not isinstance(sent, Sent):
                return None
            return await self._delivery.send(request, sent.params, sent.body, exchange)

        self._parts.shadows.begin(request.exchange, answer, search)

    async def _work(self, request: Request, body: Gathered) -> Work | Verdict:
        """Return how a search is rewritten, or what becomes of the caller's own."""
        plain = await at_ease(body.size, lambda: body.plain(self._rules.largest_body))
        if plain is None:
            return passed(Why.NOT_READ if body.whole else Why.TOO_LARGE)
        if request.answered_otherwise:
            return passed(Why.NOT_READ)
        try:
            found = await (self._several if request.target.kind in SEVERAL else self._single)(request, plain)
        except UnreadJson:
            return passed(Why.NOT_READ)
        if isinstance(found, Why):
            return passed(found)
        pit = None if request.target.kind in SEVERAL or request.target.names else pit_of(plain)
        return Work(found, len(plain) <= SMALL_BYTES, pit)

    async def _in_time(self, work: Work) -> Sent | Partly | Verdict:
        """Return what is sent instead of a search whose caller waits."""
        return await self._done(
            partial(self._vectors.with_queries, work.make, self._rules.deadline_seconds, work.small), work
        )

    async def _done(self, begin: Callable[[], Awaitable[Sent | Partly | Why]], work: Work) -> Sent | Partly | Verdict:
        """Return what is sent instead of a search, or what becomes of the caller's own; `begin` does the work."""
        try:
            found = await begin()
            return passed(found) if isinstance(found, Why) else found
        except UnreadJson:
            return passed(Why.NOT_READ)
        except TextTooLong:
            verdict = passed(Why.LONG)
        except EncoderLate:
            verdict = failed_open(Why.ENCODER_SLOW)
        except (EncoderFailed, EncoderError):
            verdict = failed_open(Why.ENCODER_BROKEN)
        except ForbiddenSearch as error:
            raise _forbidden(error) from error
        return _allowed(work, verdict)

    async def _single(self, request: Request, plain: bytes) -> Callable[[Encode], Sent | Why] | Why:
        """Return how a single search is rewritten."""
        body = plain or (request.params.source or "").encode(errors="surrogatepass")
        rules = await self._rules_of(request, request.target.names, body)
        if isinstance(rules, Why):
            return rules
        return partial(rewritten_search, Asked(request.target.kind, request.params, plain), rules)

    async def _several(self, request: Request, plain: bytes) -> Callable[[Encode], Sent | Partly | Why] | Why:
        """Return how several searches are rewritten."""
        items = read_items(plain)
        rules: list[Rules] = []
        for each in items:
            # Each waits for a limited time; all of them one after the other must not.
            late = rules[-1:] == [Why.LOOKUP_SLOW]
            names = each.names or request.target.names
            rules.append(Why.LOOKUP_SLOW if late else await self._rules_of(request, names, each.body))
        reasons = {each for each in rules if isinstance(each, Why)}
        if all(isinstance(each, Why) for each in rules):
            return reasons.pop() if len(reasons) == 1 else Why.NOTHING
        return partial(rewritten_items, request.target.kind, request.params, items, rules)

    async def _rules_of(self, request: Request, names: str, body: bytes) -> Rules:
        pit = None if names else pit_of(body)
        found = names if pit is None else self._moments.names(pit)
        if found is None:
            return Why.UNKNOWN_PIT
        return await self._resolver.rules_of(found, request.params.get("expand_wildcards"), request.headers)


def _allowed(work: Work, trouble: Verdict) -> Partly | Verdict:
    """Return what runs without vectors: what the configuration forbids does not hang on the vectors of its texts.

    Raises:
        Refusal: nothing may.
    """
    try:
        found = work.make(lambda _: _ANY_VECTOR)
    except ForbiddenSearch as error:
        raise _forbidden(error) from error
    return replace(found, sent=trouble) if isinstance(found, Partly) else trouble


def _forbidden(error: ForbiddenSearch) -> Refusal:
    return Refusal(400, Reason.FORBIDDEN, str(error))
