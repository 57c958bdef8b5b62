"""Documents into an index: encoded while earlier ones are sent, what fails written down, what is settled kept.

In constant memory, but for 8 bytes per id. A run that was killed goes on where it was if there is a checkpoint, and
without one it is safe to run again.
"""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from csplade.integration.bulk import Action, Sent
from csplade.integration.bulk_pace import Pace, PaceOptions
from csplade.integration.bulk_senders import Batch, Senders
from csplade.integration.dead_letters import DeadLetters, Mark
from csplade.integration.documents import Document, RecordError, Rejected, bulk_lines
from csplade.integration.encoded_text import marked
from csplade.integration.encoder import Encoder
from csplade.integration.index_mapping import mapping_if_there
from csplade.integration.ingest_items import Item, encoded_items
from csplade.integration.ingest_report import IngestReport, Progress
from csplade.integration.passages import Long
from csplade.integration.patience import Patience, patient
from csplade.integration.refresh import refresh
from csplade.integration.seismic import Coverage, Remap
from csplade.integration.seismic_field import remap_in
from csplade.integration.survey import DuplicateCounter
from csplade.pipelines.sparse import SparseVector
from csplade.pipelines.stopping import uninterrupted
from opensearchpy import OpenSearch

__all__ = ["IngestOptions", "IngestReport", "Progress", "ingest"]

_TELL_SECONDS = 0.1
"""Between reports while nothing is settled; one of each document would take longer than to write it."""


@dataclass(frozen=True)
class IngestOptions:
    """Where documents go and in which portions."""

    index: str
    dead_letters: Path
    """Created when the first document fails; must not exist, unless it may be numbered."""
    number_dead_letters: bool = False
    """Whether a number is added to the name of that file if it is taken."""
    pace: PaceOptions = field(default_factory=PaceOptions)
    """The most; a cluster that is slow or refuses gets less."""
    batch_seconds: float = 5.0
    """After so long a request goes as it is: a slow encoder should not have much to lose."""
    least_weight: float = 0.0
    """Smaller weights are left out."""
    long: Long = Long.CUT
    """What becomes of long texts; that of the index."""
    patience: Patience = field(default_factory=Patience)
    text_fields: tuple[str, ...] = ()
    """Of which fields of a record its text was joined, as `csplade enrich` has to know; none: of no others."""


class Settled(Protocol):
    """Which records of a source are settled; such as a `Checkpoint`."""

    @property
    def mark(self) -> Mark | None:
        """Return how far the dead letters of an earlier run had come."""
        ...

    def holds(self, number: int) -> bool:
        """Return whether an earlier run has settled the record of that number, counted from 0."""
        ...

    def failed(self, number: int) -> bool:
        """Return whether it is among the dead letters."""
        ...

    def settle(self, begin: int, end: int, failed: list[int], mark: Mark | None) -> None:
        """Write down that the records from `begin` to before `end` are settled."""
        ...


def ingest(
    client: OpenSearch,
    encoder: Encoder,
    documents: Iterable[Document | Rejected],
    options: IngestOptions,
    progress: Progress | None = None,
    checkpoint: Settled | None = None,
) -> IngestReport:
    """Encode and index the documents under their ids; an id that comes again replaces the earlier document.

    Records that the checkpoint holds are passed over; those that become settled are added to it.

    Raises:
        ClusterError: the cluster is gone, or takes nothing any more; what was indexed stays.
        SourceError: the dead letters or the checkpoint cannot be written.
    """
    pace = Pace(options.pace)
    remap = remap_in(mapping_if_there(patient(client, options.patience), options.index))
    with (
        DeadLetters(options.dead_letters, options.number_dead_letters) as dead,
        Senders(client, options.index, options.patience, pace) as senders,
    ):
        if checkpoint is not None and checkpoint.mark is not None:
            dead.resume(checkpoint.mark)
        run = _Run(options, encoder.contract.fingerprint, senders, pace, dead, checkpoint, progress, remap)
        try:
            for item in encoded_items(encoder, run.fresh(documents), options.long):
                run.add(item)
            run.finish()
        except BaseException:
            run.rescue()
            raise
    waiting = patient(client, options.patience)
    refresh(waiting, options.index)
    return run.report(final=True)


class _Run:
    """The counts and the open batch of one ingest."""

    def __init__(
        self,
        options: IngestOptions,
        fingerprint: str,
        senders: Senders,
        pace: Pace,
        dead: DeadLetters,
        checkpoint: Settled | None,
        progress: Progress | None,
        remap: Remap | None,
    ) -> None:
        self._options, self._fingerprint, self._remap = options, fingerprint, remap
        self._coverage = None if remap is None else Coverage(remap)
        self._senders, self._pace, self._dead = senders, pace, dead
        self._checkpoint, self._progress = checkpoint, progress
        self._started = self._told = time.monotonic()
        self._read = self._indexed = self._skipped = self._created = self._doubtful = 0
        self._ids = DuplicateCounter()
        self._batch: Batch | None = None

    def fresh(self, records: Iterable[Document | Rejected]) -> Iterator[tuple[int, Document | Rejected]]:
        """Number the records, and pass over those that an earlier run has settled."""
        for number, record in enumerate(records):
            if self._checkpoint is None or not self._checkpoint.holds(number):
                yield number, record
                continue
            self._read += 1
            self._tell(_TELL_SECONDS)
            if not self._checkpoint.failed(number) and isinstance(record, Document):
                self._skipped += 1
                self._ids.add(record.id, record.routing)

    def add(self, item: Item) -> None:
        """Put a record into the open batch; send that first if it is full."""
        self._read += 1
        self._tell(_TELL_SECONDS)
        number, record, vector = item
        if isinstance(record, Rejected) or vector is None:
            reason = record.sentence if isinstance(record, Rejected) else "has no vector"
            self._bury(number, record, reason)
            return
        try:
            document = marked(record, self._fingerprint, self._options.text_fields)
            lines = bulk_lines(document, vector, self._options.least_weight, remap=self._remap)
        except RecordError as error:
            self._bury(number, record, str(error))
            return
        if self._coverage is not None and isinstance(vector, SparseVector):
            self._coverage.add(vector)
        batch = self._room(number, record.id, len(lines))
        batch.actions[record.id] = Action(record, lines)
        batch.positions[record.id] = number
        batch.bytes += len(lines)
        self._settle(self._senders.settled())

    def finish(self) -> None:
        """Send the open batch and wait for all."""
        self._send()
        self._settle(self._senders.settled(0))
        self._tell()

    def rescue(self) -> None:
        """Take note of what arrived although the run ends early."""
        self._settle(self._senders.rescued())
        self._tell()

    def report(self, final: bool = False) -> IngestReport:
        """Return the counts so far; those of repeated ids, which take time, only at the end."""
        dead = self._dead
        return IngestReport(
            *(self._read, self._indexed, dead.count, time.monotonic() - self._started),
            skipped=self._skipped,
            created=self._created,
            doubtful=self._doubtful,
            repeated=self._ids.count if final else 0,
            unnumbered=None if self._coverage is None else self._coverage.missing,
            first_reason=dead.first_reason,
            dead_letters=dead.path if dead.count else None,
        )

    def _bury(self, number: int, record: Document | Rejected, reason: str) -> None:
        """Put into the open batch what cannot be sent; it is written down with the batch."""
        batch = self._open(number)
        batch.unusable.append((number, record, reason))
        if len(batch.unusable) >= self._options.pace.documents:
            self._send()

    def _open(self, number: int) -> Batch:
        """Return the open batch, now with the record of that number."""
        if self._batch is None:
            self._batch = Batch(number, number)
        self._batch.end = number + 1
        return self._batch

    def _room(self, number: int, identity: str, size: int) -> Batch:
        """Return the open batch with room for a document of that id."""
        batch = self._batch
        if batch is not None and batch.actions:
            full = len(batch.actions) >= self._pace.documents or batch.bytes + size > self._pace.bytes
            late = time.monotonic() - batch.began > self._options.batch_seconds
            if full or late or identity in batch.actions:
                self._send()
        # Two of one id on their way could end with the earlier document.
        if self._senders.flies(identity):
            self._settle(self._senders.settled(0))
        return self._open(number)

    def _send(self) -> None:
        batch, self._batch = self._batch, None
        if batch is None:
            return
        self._settle(self._senders.settled())
        if batch.actions:
            self._senders.submit(batch)
        else:
            self._settle([(batch, Sent())])

    def _settle(self, results: Iterable[tuple[Batch, Sent]]) -> None:
        """Take note of what became of batches, of each all or nothing: one that is settled later marks all letters."""
        for batch, sent in results:
            with uninterrupted():
                with self._dead.together():
                    self._write_down(batch, sent)
                self._count(batch, sent)
            self._tell()

    def _write_down(self, batch: Batch, sent: Sent) -> None:
        """Write down first what failed, then that the batch is settled."""
        refused = [(batch.positions[one.document.id], one.document, one.reason) for one in sent.failures]
        failed = sorted([*batch.unusable, *refused], key=lambda one: one[0])
        if failed and self._checkpoint is not None and not self._dead.begun:
            # Before anything is in the file: a run that is killed now must find it as its own.
            self._dead.begin()
            self._checkpoint.settle(batch.begin, batch.begin, [], self._dead.mark)
        for _, record, reason in failed:
            self._dead.add(record, reason)
        if self._checkpoint is not None:
            self._checkpoint.settle(batch.begin, batch.end, [number for number, *_ in failed], self._dead.mark)

    def _count(self, batch: Batch, sent: Sent) -> None:
        lost = {one.document.id for one in sent.failures}
        for identity, action in batch.actions.items():
            if identity not in lost:
                self._ids.add(identity, action.document.routing)
        self._indexed += len(batch.actions) - len(lost)
        self._created += sent.created
        self._doubtful += sent.doubtful

    def _tell(self, pause: float = 0.0) -> None:
        """Report, unless the last report is no longer ago than that."""
        if self._progress is not None and time.monotonic() - self._told >= pause:
            self._progress(self.report())
            self._told = time.monotonic()
