"""What the gateway says about itself, below `/_csplade`: whether it lives, whether the cluster answers, its counts.

The files of the page of comparisons lie there too.
"""

import asyncio
import enum
import os
import time
from collections.abc import Callable
from pathlib import Path

from csplade.integration.gateway_config import PREFIX
from csplade.integration.gateway_metrics import exposition
from csplade.integration.gateway_pages import page_routes
from csplade.integration.gateway_refusals import Reason, Refusal
from csplade.integration.gateway_upstream import Upstream
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

_PROBE_SECONDS = 2.0
# Who asks more often gets what was found last: probes must not become a load.
_FRESH_SECONDS = 1.0


class ClusterProbe:
    """Finds out whether any node answers, whatever it says: without credentials it may well refuse."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        self._found = False
        self._found_at = -_FRESH_SECONDS
        self._lock = asyncio.Lock()

    async def reachable(self) -> bool:
        """Return whether one of the nodes answers."""
        async with self._lock:
            if time.monotonic() - self._found_at >= _FRESH_SECONDS:
                self._found = await self._ask()
                self._found_at = time.monotonic()
            return self._found

    async def _ask(self) -> bool:
        for node in self._upstream.turns():
            try:
                async with asyncio.timeout(_PROBE_SECONDS):
                    answer = await self._upstream.send("GET", b"/", [(b"host", node.host)], None, node)
                    await answer.close()
                    return True
            except (ConnectionError, Refusal, TimeoutError):
                self._upstream.leave_out(node)
        return False


class EncoderState(enum.StrEnum):
    """Whether a worker can make weights."""

    OK = "ok"
    BROKEN = "broken"
    """It could not be opened, and searches and writes pass."""
    NONE = "none"
    """Nothing is rewritten."""


def control(upstream: Upstream, folder: Path, encoder: Callable[[], EncoderState]) -> Starlette:
    """Return the application that answers below PREFIX; `encoder` tells of that of this worker."""
    probe = ClusterProbe(upstream)

    async def live(_: Request) -> Response:
        return JSONResponse({"status": "live"})

    async def health(_: Request) -> Response:
        reachable = await probe.reachable()
        state = {
            "status": "ok" if reachable else "degraded",
            "cluster": "reachable" if reachable else "unreachable",
            "encoder": encoder().value,
        }
        return JSONResponse(state, status_code=200 if reachable else 503)

    async def metrics(_: Request) -> Response:
        text = exposition(folder, frozenset(_alive(folder)))
        return PlainTextResponse(text, media_type="text/plain; version=0.0.4")

    pages = {"live": live, "health": health, "metrics": metrics}
    routes = [Route(f"{PREFIX.decode()}/{name}", page, methods=["GET"]) for name, page in pages.items()]
    routes += page_routes(PREFIX.decode())
    return Starlette(routes=routes, exception_handlers={HTTPException: _no_page})


async def _no_page(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    refusal = Refusal(status, Reason.NO_SUCH_PAGE, f"the gateway has no {request.method} {request.url.path}")
    body = refusal.body()
    raw = Response(body, status)
    raw.raw_headers = refusal.headers(body, close=False)
    return raw


def _alive(folder: Path) -> list[int]:
    """Return the processes that count in the folder and still work."""
    found = []
    for path in folder.glob("*.counts"):
        try:
            os.kill(int(path.stem), 0)
        except ProcessLookupError:
            continue
        found.append(int(path.stem))
    return found
