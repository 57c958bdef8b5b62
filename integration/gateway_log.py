"""What the gateway writes down of each request: a line of JSON, without texts of queries unless asked for."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import BinaryIO

import orjson
from csplade.integration.gateway_metrics import Metrics


@dataclass(slots=True)
class Exchange:
    """A request on its way, and what is known about its answer."""

    method: str
    path: str
    query: str
    caller: str
    opaque_id: str | None
    began: float = field(default_factory=time.perf_counter)
    status: int | None = None
    """None: the caller got no answer."""
    refused: str | None = None
    """The reason's name, if the gateway answered itself."""
    ended: str = "complete"
    """complete, broken (by the cluster), or gone (the caller)."""
    node: str | None = None
    verdict: str | None = None
    """What became of a search or a write, if some are rewritten."""
    upstream_seconds: float | None = None
    request_bytes: int = 0
    answer_bytes: int = 0

    def seconds(self) -> float:
        """Return how long it has taken so far."""
        return time.perf_counter() - self.began


class AccessLog:
    """Writes lines to a stream, and counts those that it does not take."""

    def __init__(self, stream: BinaryIO, queries: bool, metrics: Metrics) -> None:
        self._stream = stream
        self._queries = queries
        self._metrics = metrics

    def write(self, exchange: Exchange) -> None:
        """Write down one exchange that has ended."""
        head = None if exchange.upstream_seconds is None else round(exchange.upstream_seconds * 1000, 3)
        line = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "method": exchange.method,
            "path": exchange.path,
            **({"query": exchange.query} if self._queries else {}),
            "status": exchange.status,
            "ended": exchange.ended,
            "refused": exchange.refused,
            "verdict": exchange.verdict,
            "ms": round(exchange.seconds() * 1000, 3),
            "upstream_ms": head,
            "node": exchange.node,
            "bytes_in": exchange.request_bytes,
            "bytes_out": exchange.answer_bytes,
            "caller": exchange.caller,
            "opaque_id": exchange.opaque_id,
        }
        self.note(line)

    def note(self, line: Mapping[str, object]) -> None:
        """Write down something else."""
        try:
            # One write, so that lines of several workers do not mix.
            self._stream.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
            self._stream.flush()
        except OSError:
            # The disk is full, or who read the pipe has gone: no reason for a request to fail, and nowhere to tell it.
            self._metrics.add("missed_log_lines_total")
