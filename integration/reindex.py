"""An index, of whatever mapping, is copied into one of ours: read in slices, encoded, indexed, and accounted for.

Ids, routing and all fields stay. A run that was killed goes on from its checkpoint, which holds places of documents in
their shards, see `slices`: what has changed in the source meanwhile has another place and is copied again, and so is
what was only arriving.
"""

from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

from csplade.integration.checkpoint import Checkpoint
from csplade.integration.dead_letters import Mark
from csplade.integration.dialect import Dialect
from csplade.integration.documents import Document, Rejected
from csplade.integration.encoder import Encoder
from csplade.integration.errors import ClusterError
from csplade.integration.ingest import IngestOptions, ingest
from csplade.integration.ingest_report import IngestReport, Progress
from csplade.integration.reindex_documents import copied, refused
from csplade.integration.same_ids import SameIds
from csplade.integration.slices import Found, position, ranges_of
from csplade.integration.slices_read import ReadOptions, read_index
from csplade.integration.slices_snapshot import Snapshot
from csplade.integration.stored_weights import whole_source
from opensearchpy import OpenSearch


@dataclass(frozen=True)
class Origin:
    """The index that is copied, and how it is read."""

    client: OpenSearch
    index: str
    dialect: Dialect
    text_fields: tuple[str, ...]
    """Joined in this order, and encoded."""
    slices: int = 4
    """Read at the same time."""
    page: int = 200
    """Documents of one answer."""

    @property
    def source(self) -> object:
        """Return what `_source` of a search must be for all of a document to come back."""
        return whole_source(self.dialect.hides_weights)


@dataclass(frozen=True)
class ReindexReport:
    """What has become of the documents; `account.read` counts those that an earlier run has settled too."""

    account: IngestReport
    in_source: int
    """Documents of the source at the moment at which it was read."""
    gone: int
    """Failures of an earlier run whose documents have changed, gone, or were read anew since; they count as read."""
    empty: int
    """Documents without text, which are indexed without weights; of this run."""
    frozen: bool
    """Whether all was read as it was at one moment."""


def reindex(
    origin: Origin,
    target: OpenSearch,
    encoder: Encoder,
    options: IngestOptions,
    progress: Progress | None = None,
    checkpoint: Checkpoint | None = None,
) -> ReindexReport:
    """Copy the documents of an index into `options.index`, which is there and of this encoder.

    Raises:
        ClusterError: one of the clusters is gone or does not answer in full, or the account does not add up.
        SourceError: the dead letters or the checkpoint cannot be written.
    """
    with Snapshot(origin.client, origin.index, origin.dialect, options.patience) as snapshot:
        same = SameIds(snapshot, target, options.index, options.patience)
        run = _Copy(origin, snapshot, checkpoint, same)
        tell = None if progress is None else lambda report: progress(run.whole(report))
        with closing(run.documents()) as documents:
            made = replace(options, text_fields=origin.text_fields)
            report = run.whole(ingest(target, encoder, documents, made, tell, run), final=True)
        found = ReindexReport(report, snapshot.total, run.gone, run.empty, snapshot.frozen)
    check_source(found, origin.index)
    return found


def check_source(found: ReindexReport, index: str) -> None:
    """Compare what was read with what the source holds; only what was read at one moment can be compared.

    Raises:
        ClusterError: they differ.
    """
    read = found.account.read - found.gone
    if found.frozen and read != found.in_source:
        raise ClusterError(
            f"{read} documents of {index!r} were read, and it holds {found.in_source}: run the same command again, and "
            "report this"
        )


class _Copy:
    """The documents that are still to be copied, numbered for `ingest`, and their places for the checkpoint."""

    def __init__(self, origin: Origin, snapshot: Snapshot, checkpoint: Checkpoint | None, same: SameIds) -> None:
        self._origin, self._snapshot, self._checkpoint, self._same = origin, snapshot, checkpoint, same
        self._passed = self._failed_before = 0
        self._unsettled: dict[int, Found] = {}
        self.empty = 0

    def documents(self) -> Generator[Document | Rejected, None, None]:
        """Read the source, and pass over what an earlier run has settled."""
        # Closed whatever fails: its threads read from points in time that are given back then.
        with closing(self._fresh()) as fresh:
            for number, (found, reason) in enumerate(self._same.told(fresh)):
                self._unsettled[number] = found
                document = copied(found.hit, self._origin.text_fields) if reason is None else refused(found.hit, reason)
                self.empty += isinstance(document, Document) and not document.text.strip()
                yield document

    def _fresh(self) -> Generator[Found, None, None]:
        with closing(self._read()) as read:
            for found in read:
                place = position(found.shard, found.place)
                if self._checkpoint is not None and self._checkpoint.holds(place):
                    self._passed += 1
                    self._failed_before += self._checkpoint.failed(place)
                else:
                    yield found

    @property
    def gone(self) -> int:
        """Return how many documents that failed in an earlier run were not met among those that it has settled."""
        before = 0 if self._checkpoint is None else self._checkpoint.failures
        return before - self._failed_before

    def whole(self, report: IngestReport, final: bool = False) -> IngestReport:
        """Return the report with what was passed over; at the end also with the failures that are gone."""
        gone = self.gone if final else 0
        return replace(
            report, read=report.read + self._passed + gone, skipped=report.skipped + self._passed - self._failed_before
        )

    @property
    def mark(self) -> Mark | None:
        """Return how far the dead letters of an earlier run had come."""
        return None if self._checkpoint is None else self._checkpoint.mark

    def holds(self, number: int) -> bool:
        """Return whether a record is settled; those are passed over before they get a number."""
        return False

    def failed(self, number: int) -> bool:
        """Return whether a settled record had failed."""
        return False

    def settle(self, begin: int, end: int, failed: Sequence[int], mark: Mark | None) -> None:
        """Write down the places of the records from `begin` to before `end`."""
        settled = {number: self._unsettled.pop(number) for number in range(begin, end)}
        if self._checkpoint is not None:
            places = [position(settled[number].shard, settled[number].place) for number in failed]
            told, shown = self._snapshot.told, self._snapshot.history is not None
            ranges = ranges_of([*settled.values()], None if told is None else told.complete, shown)
            self._checkpoint.settle_ranges(ranges, places, mark)

    def _read(self) -> Generator[Found, None, None]:
        origin, snapshot = self._origin, self._snapshot
        options = ReadOptions(origin.source, origin.slices, origin.page)
        return read_index(snapshot, options, settled=self._settled_to)

    def _settled_to(self, shard: int, place: int) -> int | None:
        if self._checkpoint is None:
            return None
        end = self._checkpoint.settled_to(position(shard, place))
        return None if end is None else end - position(shard, 0)
