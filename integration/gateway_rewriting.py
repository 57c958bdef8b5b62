"""Answers searches by term weights where the rules say so; if anything goes wrong, the caller's own search runs."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial

from csplade.integration.gateway_checks import with_errors
from csplade.integration.gateway_delivery import Delivery
from csplade.integration.gateway_ease import SMALL_BYTES, Late, at_ease, in_time
from csplade.integration.gateway_hiding import Hidden, Hiding
from csplade.integration.gateway_json import UnreadJson, write_json
from csplade.integration.gateway_log import Exchange
from csplade.integration.gateway_metrics import Metrics
from csplade.integration.gateway_moments import Moments
from csplade.integration.gateway_pits import Pits
from csplade.integration.gateway_refusals import Reason, Refusal
from csplade.integration.gateway_rendering import Rendering
from csplade.integration.gateway_request import Request, gather
from csplade.integration.gateway_resolve import Resolver
from csplade.integration.gateway_rules import GatewayRules, Turn
from csplade.integration.gateway_running import run
from csplade.integration.gateway_searches import ForbiddenSearch, Partly, Sent
from csplade.integration.gateway_sending import Sender
from csplade.integration.gateway_shadow import LARGEST, SHADOW_SECONDS, Shadows
from csplade.integration.gateway_targets import READS, WRITES, Kind, Target, read_reading, read_target
from csplade.integration.gateway_upstream import Answer
from csplade.integration.gateway_vectors import EncoderFailed, TextTooLong, TimedEncode, Vectors
from csplade.integration.gateway_verdict import Outcome, Verdict, Why, failed_open, passed
from csplade.integration.gateway_work import Finding, Work
from csplade.integration.gateway_writing import Writing
from csplade.integration.rewrite import Check
from csplade.pipelines.errors import EncoderError
from csplade.pipelines.sparse import SparseVector

_LARGEST_ANSWER = 2**25
_ANY_VECTOR = SparseVector({"any": 1.0})


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
        self._finding = Finding(parts.rules, self._resolver, self._moments)
        self._hiding = Hiding(parts.rules, self._finding, parts.metrics)
        self._rendering = Rendering(self._delivery, parts.rules.largest_search)
        self._write = Writing(parts.rules, parts.vectors, self._resolver, self._delivery)

    def target(self, method: str, path: bytes) -> Target | None:
        """Return what a request asks for; None: nothing that is ever rewritten."""
        found = read_target(method, path, self._rules.typed)
        return read_reading(method, path, self._rules.typed) if found is None and self._rules.hide_weights else found

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
            self._hiding.not_read(request)
            await self._delivery.as_it_is(request, await gather(request, 0), passed(Why.SIGNED))
        elif kind in WRITES:
            hidden = await self._hiding(request)
            await self._write(hidden.request, hidden.body)
        elif kind in READS:
            hidden = await self._hiding(request)
            await self._delivery.plainly(hidden.request, hidden.body)
        else:
            await self._search(request)

    async def _search(self, request: Request) -> None:
        turn = self._rules.rollout.turn(request.headers, request.exchange.caller)
        if turn is Turn.OFF and not self._rules.hide_weights:
            await self._delivery.as_it_is(request, await gather(request, 0), passed(Why.ROLLOUT))
            return
        hidden = await self._hiding(request)
        if turn is Turn.OFF:
            await self._own(hidden, passed(Why.ROLLOUT))
            return
        work = await self._finding(hidden.request, hidden.body)
        if isinstance(work, Verdict):
            await self._own(hidden, work)
        elif turn is Turn.SHADOW:
            await self._beside(hidden, work)
        else:
            await self._instead(hidden, work)

    async def _own(self, hidden: Hidden, verdict: Verdict) -> None:
        """Send what the caller sent, and give the answer."""
        answer = await self._delivery.original(hidden.request, hidden.body)
        self._hiding.given(hidden.unread, answer)
        await self._delivery.give(hidden.request, answer, verdict)

    async def _instead(self, hidden: Hidden, work: Work) -> None:
        """Send a search by term weights, if there is one."""
        request, sent = hidden.request, await self._in_time(hidden.request, work)
        if isinstance(sent, Verdict):
            await self._own(hidden, sent)
        elif isinstance(sent, Partly):
            await self._partly(hidden, sent)
        else:
            own = partial(self._delivery.original, request, hidden.body)
            answer, verdict = await run(self._delivery, request, sent, own)
            self._hiding.given(hidden.unread, answer, sent if verdict.outcome is Outcome.REWRITTEN else None)
            await self._moments.follow(work.pit, answer)
            await self._delivery.give(request, answer, verdict)

    async def _partly(self, hidden: Hidden, found: Partly) -> None:
        """Send those of several searches that are allowed; each of the others has its error in its place.

        Raises:
            Refusal: in this form of answer nobody would find the places.
        """
        request, sent = hidden.request, found.sent
        own = partial(self._delivery.send, request, request.params, found.rest, request.exchange)
        if isinstance(sent, Verdict):
            answer, verdict = await own(), sent
        else:
            answer, verdict = await run(self._delivery, request, sent, own)
        rewritten = sent if isinstance(sent, Sent) and verdict.outcome is Outcome.REWRITTEN else None
        self._hiding.given(found.among_sent(hidden.unread), answer, rewritten)
        if answer.status >= 300:
            await self._delivery.give(request, answer, verdict)
            return
        told, size = await answer.json(_LARGEST_ANSWER), len(await answer.peek(0))
        whole = with_errors(told, found)
        if whole is None:
            await answer.close()
            raise Refusal(400, Reason.FORBIDDEN, next(iter(found.reasons.values())))
        await self._delivery.instead(request, answer, await at_ease(size, lambda: write_json(whole)), verdict)

    async def _beside(self, hidden: Hidden, work: Work) -> None:
        """Send what the caller sent, and run the rewritten search for the log once the caller is answered."""
        request = hidden.request
        answer = await self._delivery.original(request, hidden.body)
        self._hiding.given(hidden.unread, answer)
        # Several searches are not compared; and a scroll would stay open.
        compared = request.target.kind in (Kind.SEARCH, Kind.TEMPLATE) and request.params.get("scroll") is None
        if not compared:
            await self._delivery.give(request, answer, passed(Why.ROLLOUT))
            return
        answer.keep(LARGEST)
        await self._delivery.give(request, answer, passed(Why.SHADOW))

        async def search(exchange: Exchange) -> Answer | None:
            filled = await self._filled(request, work, SHADOW_SECONDS, exchange)
            sent = await self._done(partial(self._vectors.aside, filled.made, SHADOW_SECONDS), filled)
            if not isinstance(sent, Sent):
                return None
            return await self._delivery.send(request, sent.params, sent.body, exchange)

        self._parts.shadows.begin(request.exchange, answer, search)

    async def _in_time(self, request: Request, work: Work) -> Sent | Partly | Verdict:
        """Return what is sent instead of a search whose caller waits."""
        until = time.monotonic() + self._rules.deadline_seconds
        filled = await self._filled(request, work, self._rules.deadline_seconds, request.exchange)
        left = max(0.0, until - time.monotonic())
        small = filled.size <= SMALL_BYTES
        return await self._done(partial(self._vectors.with_queries, filled.made, left, small), filled)

    async def _filled(self, request: Request, work: Work, seconds: float, exchange: Exchange) -> Work:
        """Return work with what the cluster makes of its templates within so many seconds."""
        if not work.templates:
            return work
        return replace(work, rendered=await self._rendering.of(request, work.templates, seconds, exchange))

    async def _done(self, begin: Callable[[], Awaitable[Sent | Partly | Why]], work: Work) -> Sent | Partly | Verdict:
        """Return what is sent instead of a search, or what becomes of the caller's own; `begin` does the work."""
        try:
            found = await begin()
            return passed(found) if isinstance(found, Why) else _within(found, self._rules.largest_sent)
        except UnreadJson:
            return passed(Why.NOT_READ)
        except TextTooLong:
            verdict = passed(Why.LONG)
        except Late:
            verdict = failed_open(Why.ENCODER_SLOW)
        except (EncoderFailed, EncoderError):
            verdict = failed_open(Why.ENCODER_BROKEN)
        except ForbiddenSearch as error:
            raise _forbidden(error) from error
        return await self._allowed(work, verdict)

    async def _allowed(self, work: Work, trouble: Verdict) -> Partly | Verdict:
        """Return what runs without vectors, as far as that can be told within the time that a search has.

        Raises:
            Refusal: nothing may.
        """
        seconds = self._rules.deadline_seconds
        try:
            return await in_time(work.size, seconds, lambda check: _allowed(work, trouble, check))
        except Late:
            return trouble


def _allowed(work: Work, trouble: Verdict, check: Check) -> Partly | Verdict:
    """Return what runs without vectors: what the configuration forbids does not hang on the vectors of its texts.

    Raises:
        Refusal: nothing may.
        Late: `check` says so.
    """
    try:
        found = work.made(TimedEncode(lambda _: _ANY_VECTOR, check))
    except ForbiddenSearch as error:
        raise _forbidden(error) from error
    return replace(found, sent=trouble) if isinstance(found, Partly) else trouble


def _within(found: Sent | Partly, largest: int) -> Sent | Partly | Verdict:
    """Return what is sent, if a cluster takes so much."""

    def fitting(sent: Sent | Verdict) -> Sent | Verdict:
        return failed_open(Why.TOO_LARGE) if isinstance(sent, Sent) and len(sent.body) > largest else sent

    return replace(found, sent=fitting(found.sent)) if isinstance(found, Partly) else fitting(found)


def _forbidden(error: ForbiddenSearch) -> Refusal:
    return Refusal(400, Reason.FORBIDDEN, str(error))
