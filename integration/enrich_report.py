"""What has become of the documents that enriching has looked at, and whether that adds up."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from csplade.integration.errors import ClusterError
from csplade.pipelines.number_of import number_of


@dataclass(frozen=True)
class EnrichReport:
    """The account; after each round, also one that was stopped, `read == current + encoded + superseded + failed`."""

    read: int = 0
    """A document that changes between rounds is read again, and so is one that was encoded in the round before."""
    current: int = 0
    """Their weights are those of their texts."""
    encoded: int = 0
    superseded: int = 0
    """Changed or deleted by others before their weights came; read again in the next round."""
    failed: int = 0
    rounds: int = 0
    seconds: float = 0.0
    pending: int = 0
    """Superseded in the last round, so that nobody has looked at them since."""
    without_text: int = 0
    """Of those that were not current: none of the text fields has text, so that they have no weights."""
    first_reason: str = ""
    """Why the first document failed."""
    dead_letters: Path | None = None


Progress = Callable[[EnrichReport], None]


class Tally:
    """Counts as it goes, and tells whoever wants to know."""

    def __init__(self, progress: Progress | None = None) -> None:
        self._progress = progress
        self._began = time.monotonic()
        self._report = EnrichReport()
        self._passed = 0

    @property
    def report(self) -> EnrichReport:
        """Return the account so far."""
        return replace(self._report, seconds=time.monotonic() - self._began)

    def begin(self) -> int:
        """Begin a round; return how many documents were read before."""
        self._report = replace(self._report, pending=0)
        self._passed = 0
        return self._report.read

    def passed(self) -> None:
        """Take note of a document that is as it was when it failed in an earlier round; it is counted there alone."""
        self._passed += 1

    def read(self, current: bool) -> None:
        """Take note of a document that was read, and whether it is current."""
        now = self._report
        self._report = replace(now, read=now.read + 1, current=now.current + current)
        self._tell()

    def written(self, encoded: int, superseded: int) -> None:
        """Take note of what became of documents that were sent."""
        now = self._report
        self._report = replace(
            now,
            encoded=now.encoded + encoded,
            superseded=now.superseded + superseded,
            pending=now.pending + superseded,
        )
        self._tell()

    def without_text(self, documents: int) -> None:
        """Take note of documents without text, of those that were not current and are settled."""
        self._report = replace(self._report, without_text=self._report.without_text + documents)

    def failed(self, reason: str, dead_letters: Path) -> None:
        """Take note of a document that failed for good."""
        now = self._report
        first = now.first_reason or reason
        self._report = replace(now, failed=now.failed + 1, first_reason=first, dead_letters=dead_letters)

    def end(self, expected: int | None, before: int) -> None:
        """End a round that was to read so many documents; None: nobody knows how many.

        Raises:
            ClusterError: a document is not accounted for.
        """
        now, settled = self._report, self._settled
        looked_at = now.read - before + self._passed
        if now.read != settled or (expected is not None and looked_at != expected):
            # A round after this one must be able to add up.
            self.stop()
            raise ClusterError(
                f"{number_of(looked_at, 'document was', 'documents were')} read in this round, {expected} were "
                f"there, and of {now.read} in all {settled} are settled: that does not add up, run again and report "
                "this"
            )
        self._report = replace(now, rounds=now.rounds + 1)

    def stop(self) -> None:
        """End a round before its end: what was read and is not settled is as if nobody had read it."""
        self._report = replace(self._report, read=self._settled)

    @property
    def _settled(self) -> int:
        now = self._report
        return now.current + now.encoded + now.superseded + now.failed

    def _tell(self) -> None:
        if self._progress is not None:
            self._progress(self.report)
