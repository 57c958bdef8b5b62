"""The ASGI application of one worker: counts and logs each request, and forwards all but what is about the gateway.

It is made in the parent process; in each worker its lifespan opens what belongs to a worker alone.
"""

import asyncio
import gc
import logging
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from csplade.integration.encoder import Encoder
from csplade.integration.gateway_compared import of_playground
from csplade.integration.gateway_config import PREFIX, GatewayOptions
from csplade.integration.gateway_control import EncoderState, control
from csplade.integration.gateway_forward import Forwarder
from csplade.integration.gateway_headers import framing
from csplade.integration.gateway_log import AccessLog, Exchange
from csplade.integration.gateway_metrics import Metrics
from csplade.integration.gateway_pits import Pits
from csplade.integration.gateway_playground import Playground
from csplade.integration.gateway_protocol import ABORT
from csplade.integration.gateway_refusals import Reason, Refusal
from csplade.integration.gateway_rewriting import Parts, Rewriting
from csplade.integration.gateway_rules import GatewayRules
from csplade.integration.gateway_sending import Sender
from csplade.integration.gateway_shadow import Shadows
from csplade.integration.gateway_transfer import CallerGone, refuse
from csplade.integration.gateway_upstream import Upstream
from csplade.integration.gateway_vectors import Vectors
from csplade.integration.signing import open_signer
from csplade.integration.trust import tls_context
from csplade.pipelines.errors import CspladeError
from starlette.types import ASGIApp, Receive, Scope, Send

_LOG = logging.getLogger(__name__)
_PARENT_SECONDS = 1.0
_OBJECTS_BETWEEN_LOOKS = 20_000


@dataclass(frozen=True)
class Weighing:
    """What searches and writes are rewritten by."""

    rules: GatewayRules
    opener: Callable[[], Encoder]
    sharing: Callable[[], Encoder | None] | None = None
    """Opens one in the parent for all workers, which are forked then; None: it cannot be shared, here or at all."""
    again: Callable[[], GatewayRules] | None = None
    """Reads the rules anew; None: they cannot be read twice."""


class Worker:
    """What one worker has open."""

    def __init__(self, options: GatewayOptions, folder: Path, via: bytes) -> None:
        limits = options.limits
        secure = any(address.secure for address in options.upstream)
        context = tls_context(options.trust) if secure else None
        self.upstream = Upstream(options.upstream, context, limits)
        self.metrics = Metrics(folder)
        self.log = _log(options, self.metrics)
        self.vectors: Vectors | None = None
        self.shadows: Shadows | None = None
        self._sender = Sender(self.upstream, via, open_signer(options.trust, options.upstream))
        self.forward = Forwarder(self._sender, limits)
        self._limits, self._folder = limits, folder
        self.control: ASGIApp = control(self.upstream, folder, self._encoder_state)
        self.under_way = 0

    async def rewrite(self, weighing: Weighing, shared: Encoder | None) -> None:
        """Open the encoder, unless there is one for all workers, and rewrite from now on."""
        rules = weighing.rules
        opener = weighing.opener if shared is None else lambda: shared
        self.vectors = Vectors(opener, rules.cached_vectors, rules.longest_query, self.metrics)
        await self.vectors.open()
        self.shadows = Shadows(self.metrics, self.log)
        pits = Pits(self._folder)
        parts = Parts(rules, self._sender, self.vectors, self.metrics, pits, self.shadows)
        playground = Playground(rules, self._sender, self.vectors)
        self.forward = Forwarder(self._sender, self._limits, Rewriting(parts), playground)

    def _encoder_state(self) -> EncoderState:
        if self.vectors is None:
            return EncoderState.NONE
        return EncoderState.BROKEN if self.vectors.fingerprint is None else EncoderState.OK

    async def close(self) -> None:
        """Close what is open."""
        if self.shadows is not None:
            await self.shadows.close()
        if self.vectors is not None:
            self.vectors.close()
        await self.upstream.close()


def _log(options: GatewayOptions, metrics: Metrics) -> AccessLog | None:
    return AccessLog(sys.stderr.buffer, options.log_queries, metrics) if options.log_requests else None


class GatewayApp:
    """The application; `folder` is where workers count. Without a `weighing` everything passes as it is."""

    def __init__(self, options: GatewayOptions, folder: Path, via: bytes, weighing: Weighing | None = None) -> None:
        self.options, self.limits = options, options.limits
        self._folder, self._via, self._weighing = folder, via, weighing
        self._parent = os.getpid()
        self._shared: Encoder | None = None
        self._worker: Worker | None = None
        self._prepared = False

    def prepare(self) -> str:
        """Open, in the parent, what workers share, anew if it was open, rules too; return how workers begin."""
        if self._prepared:
            self._read_again()
        self._prepared, self._shared = True, None
        if self._weighing is None or self._weighing.rules.empty or self._weighing.sharing is None:
            return "spawn"
        # A worker that cannot open it either tells why.
        with suppress(Exception):
            self._shared = self._weighing.sharing()
        if self._shared is None:
            return "spawn"
        # What is there now stays; looking it over in each worker would copy it.
        gc.collect()
        gc.freeze()
        return "fork"

    def _read_again(self) -> None:
        if self._weighing is None or self._weighing.again is None:
            return
        try:
            self._weighing = replace(self._weighing, rules=self._weighing.again())
        except CspladeError as error:
            _LOG.error("the rules stay as they were: %s", error)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or live through the worker's life."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif self._worker is not None and _of_gateway(scope["raw_path"]):
            await self._worker.control(scope, receive, send)
        elif self._worker is not None:
            await self._serve(self._worker, scope, receive, send)

    def refused_early(self, reason: Reason) -> None:
        """Count what was refused before it was a request."""
        if self._worker is not None:
            self._worker.metrics.refused(reason)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        worker = Worker(self.options, self._folder, self._via)
        if self._weighing is not None and not self._weighing.rules.empty:
            await worker.rewrite(self._weighing, self._shared)
        self._worker = worker
        # What a worker has now stays, and little of what comes goes round in circles.
        gc.collect()
        gc.freeze()
        gc.set_threshold(_OBJECTS_BETWEEN_LOOKS, *gc.get_threshold()[1:])
        orphan = asyncio.create_task(_end_without(self._parent))
        await send({"type": "lifespan.startup.complete"})
        await receive()
        orphan.cancel()
        await worker.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def _serve(self, worker: Worker, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = _exchange(scope)
        worker.under_way += 1
        worker.metrics.add("in_flight")
        try:
            if worker.under_way > self.limits.requests:
                raise Refusal(503, Reason.TOO_MANY, "the gateway has too many requests under way: try again later")
            await worker.forward(scope, receive, send, exchange)
        except Refusal as refusal:
            exchange.status, exchange.refused = refusal.status, refusal.reason.value
            worker.metrics.refused(refusal.reason)
            exchange.answer_bytes = await refuse(refusal, receive, send, _is_whole(scope))
        except CallerGone:
            exchange.ended = "gone"
            worker.metrics.add("callers_gone_total")
        except ConnectionAbortedError:
            exchange.ended = "broken"
            worker.metrics.add("broken_answers_total")
            scope["extensions"][ABORT]()
        finally:
            worker.under_way -= 1
            _ended(worker, exchange)


def _ended(worker: Worker, exchange: Exchange) -> None:
    metrics = worker.metrics
    metrics.add("in_flight", -1.0)
    metrics.add("request_bytes_total", exchange.request_bytes)
    metrics.add("answer_bytes_total", exchange.answer_bytes)
    metrics.took("seconds", exchange.seconds())
    if exchange.upstream_seconds is not None:
        metrics.took("upstream_seconds", exchange.upstream_seconds)
    if exchange.status is not None and exchange.ended == "complete":
        metrics.answered(exchange.status)
    if worker.log is not None:
        worker.log.write(exchange)


def _exchange(scope: Scope) -> Exchange:
    opaque = next((value for name, value in scope["headers"] if name == b"x-opaque-id"), None)
    caller = scope["client"]
    return Exchange(
        scope["method"],
        scope["raw_path"].decode("latin-1"),
        scope["query_string"].decode("latin-1"),
        caller[0] if caller else "",
        None if opaque is None else opaque.decode("latin-1"),
    )


def _is_whole(scope: Scope) -> bool:
    """Return whether a request has no body that could still be on its way."""
    with suppress(Refusal):
        return framing(scope["headers"]).empty
    return False


def _of_gateway(path: bytes) -> bool:
    """Return whether a request is answered without the cluster."""
    return (path == PREFIX or path.startswith(PREFIX + b"/")) and not of_playground(path)


async def _end_without(parent: int) -> None:
    """End this worker when the process that minds the workers has vanished: nobody else would."""
    while os.getppid() == parent:
        await asyncio.sleep(_PARENT_SECONDS)
    signal.raise_signal(signal.SIGTERM)
