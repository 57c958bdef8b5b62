"""Vectors of one worker: its encoder, opened once, runs in threads of its own, with a deadline and a memory of queries.

Whoever waits gets the work's result, `Late`, or `EncoderFailed`; nobody waits for another's long text, as what comes
too late is not begun, or ends at its next clause.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from threading import Lock
from typing import TypeVar

from csplade.integration.encoder import Encoder, TellingEncoder
from csplade.integration.gateway_ease import AT_ONCE_SECONDS, Late, check_until
from csplade.integration.gateway_metrics import Metrics
from csplade.integration.rewrite import Check, Encode, unhurried
from csplade.pipelines.encode_kept import LARGEST, ROOM, KeptVectors
from csplade.pipelines.sparse import SparseVector

_LOG = logging.getLogger(__name__)
_Found = TypeVar("_Found")
_MOST_ASIDE = 8


class TextTooLong(Exception):
    """A text of a search is longer than searches may have encoded."""


class EncoderFailed(Exception):
    """The encoder could not be opened, or does not make vectors."""


class _Unknown(Exception):
    """A vector is not remembered."""


@dataclass(frozen=True)
class TimedEncode:
    """What gives searches their vectors as long as there is time."""

    encode: Encode
    check: Check = unhurried
    """Raises `Late` once there is none; called before each clause."""


class Vectors:
    """The encoder of one worker, and the vectors of queries that it made last.

    `cached`: how many of these at most; `longest`: the characters that a query's text may have.
    """

    def __init__(self, opener: Callable[[], Encoder], cached: int, longest: int, metrics: Metrics) -> None:
        self._opener, self._longest, self._metrics = opener, longest, metrics
        self._encoder: Encoder | None = None
        self._cut, self._cut_lock = 0, Lock()
        self._memory = KeptVectors(cached, ROOM, LARGEST)
        # Documents take long, and no search waits for them.
        self._queries = ThreadPoolExecutor(1, "csplade-queries")
        self._documents = ThreadPoolExecutor(1, "csplade-documents")
        # The page and shadows may take long too, and a search whose caller waits must not stand behind them.
        self._asides = ThreadPoolExecutor(1, "csplade-asides")
        self._waiting_aside = 0

    @property
    def fingerprint(self) -> str | None:
        """Return that of the encoder; None: it could not be opened."""
        return None if self._encoder is None else self._encoder.contract.fingerprint

    @property
    def name(self) -> str | None:
        """Return what the encoder is called; None: it could not be opened."""
        return None if self._encoder is None else self._encoder.contract.name

    async def open(self) -> None:
        """Open the encoder; if that fails, it is told, and all work fails."""
        try:
            self._encoder = await asyncio.get_running_loop().run_in_executor(self._queries, self._opener)
            # What was run to warm it up was no search.
            self._cut = _cut_queries(self._encoder)
        # Whatever is wrong with it, the gateway goes on without.
        except Exception:
            _LOG.exception("the encoder cannot be opened, so that searches and writes pass as they are")

    def close(self) -> None:
        """Begin nothing more."""
        self._queries.shutdown(wait=False, cancel_futures=True)
        self._documents.shutdown(wait=False, cancel_futures=True)
        self._asides.shutdown(wait=False, cancel_futures=True)

    async def with_queries(self, work: Callable[[TimedEncode], _Found], seconds: float, small: bool) -> _Found:
        """Return what `work` makes of the vectors of queries; `small`: it mostly takes no time itself.

        Whatever `work` raises is raised.

        Raises:
            Late: not within `seconds`.
            EncoderFailed: the encoder does not make a vector.
            TextTooLong: a query's text is longer than is encoded.
        """
        if small:
            with suppress(_Unknown, Late):
                return work(TimedEncode(self._remembered, check_until(time.monotonic() + AT_ONCE_SECONDS)))
        until = time.monotonic() + seconds
        return await self._within(self._queries, seconds, lambda: work(self._timed(until)))

    async def aside(self, work: Callable[[TimedEncode], _Found], seconds: float) -> _Found:
        """Return what `work` makes of the vectors of queries that no caller's search waits for.

        Whatever `work` raises is raised.

        Raises:
            Late: not within `seconds`, or there are too many that wait already.
            EncoderFailed: the encoder does not make a vector.
            TextTooLong: a query's text is longer than is encoded.
        """
        if self._waiting_aside >= _MOST_ASIDE:
            raise Late
        until = time.monotonic() + seconds
        self._waiting_aside += 1
        try:
            return await self._within(self._asides, seconds, lambda: work(self._timed(until)))
        finally:
            self._waiting_aside -= 1

    async def of_documents(self, texts: Sequence[str], seconds: float) -> list[SparseVector]:
        """Return the vectors of documents' texts.

        Raises:
            Late: not within `seconds`.
            EncoderFailed: the encoder does not make them.
        """
        until = time.monotonic() + seconds
        return await self._within(self._documents, seconds, lambda: self._all(texts, until))

    async def _within(self, pool: ThreadPoolExecutor, seconds: float, work: Callable[[], _Found]) -> _Found:
        began = time.perf_counter()
        try:
            async with asyncio.timeout(seconds):
                return await asyncio.get_running_loop().run_in_executor(pool, work)
        except TimeoutError as error:
            raise Late from error
        finally:
            self._metrics.took("encoding_seconds", time.perf_counter() - began)

    def _remembered(self, text: str) -> SparseVector:
        self._check_length(text)
        vector = self._memory.get(text)
        if vector is None:
            raise _Unknown
        self._metrics.add("remembered_vectors_total")
        return vector

    def _timed(self, until: float) -> TimedEncode:
        # Nobody waits any more for a request with thousands of texts, however well they are remembered.
        return TimedEncode(lambda text: self._query(text, until), check_until(until))

    def _query(self, text: str, until: float) -> SparseVector:
        self._check_length(text)
        vector = self._memory.get(text)
        if vector is None:
            (vector,) = self._made(lambda encoder: list(encoder.queries([text])), until)
            self._memory.keep(text, vector)
        return vector

    def _check_length(self, text: str) -> None:
        if len(text) > self._longest:
            raise TextTooLong

    def _all(self, texts: Sequence[str], until: float) -> list[SparseVector]:
        check = check_until(until)

        def made(encoder: Encoder) -> list[SparseVector]:
            found: list[SparseVector] = []
            for vector in encoder.documents(texts):
                check()
                found.append(vector)
            return found

        vectors = self._made(made, until)
        if len(vectors) != len(texts):
            raise EncoderFailed
        return vectors

    def _made(self, make: Callable[[Encoder], list[SparseVector]], until: float) -> list[SparseVector]:
        if self._encoder is None:
            raise EncoderFailed
        check_until(until)()
        try:
            vectors = make(self._encoder)
            self._count_cut(self._encoder)
            return vectors
        except Late:
            raise
        # A runtime's exceptions have no common base but this; none of them may cost a caller the answer.
        except Exception as error:
            # Not what it says: words of the text may stand in it.
            _LOG.error("the encoder fails with %s, so that searches or writes pass as they are", type(error).__name__)
            raise EncoderFailed from error

    def _count_cut(self, encoder: Encoder) -> None:
        """Count the queries of which the model did not see the end since this was done last."""
        with self._cut_lock:
            cut = _cut_queries(encoder)
            self._metrics.add("cut_queries_total", cut - self._cut)
            self._cut = cut


def _cut_queries(encoder: Encoder) -> int:
    return encoder.counts.cut_queries if isinstance(encoder, TellingEncoder) else 0
