"""What has become of the documents of an ingest, and whether the cluster says the same."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from csplade.integration.answers import count_documents
from csplade.integration.errors import ClusterError, CredentialsError
from csplade.integration.refresh import refresh
from csplade.pipelines.number_of import number_of
from opensearchpy import OpenSearch

_LOST = "look whether somebody deletes from it or a node has lost data, then ingest again"


@dataclass(frozen=True)
class IngestReport:
    """What has become of the documents; at the end `read == indexed + skipped + failed`."""

    read: int
    """Encoded, rejected or passed over."""
    indexed: int
    """In this run."""
    failed: int
    """In this run and in those that it continues."""
    seconds: float
    skipped: int = 0
    """Indexed by an earlier run that this one continues."""
    created: int = 0
    """Of those that this run has indexed: they were not there before, in whatever run or by whomever."""
    doubtful: int = 0
    """Of the others: perhaps they were made by a request of this run that was given up, and sent again."""
    repeated: int = 0
    """Of those that are indexed: their id came before with the same routing, and they replaced the earlier document."""
    unnumbered: float | None = None
    """Of the weight that this run has indexed, the share whose terms have no number in the index's SEISMIC field.

    None if it has no such field.
    """
    first_reason: str = ""
    """Why the first document failed."""
    dead_letters: Path | None = None
    """The file that holds what failed, if anything did."""

    @property
    def distinct(self) -> int:
        """Return how many documents the cluster must hold of this source."""
        return self.indexed + self.skipped - self.repeated


Progress = Callable[[IngestReport], None]


def count_refreshed(client: OpenSearch, index: str) -> int | None:
    """Return how many documents an index holds, also of what was written a moment ago.

    None if this user may not count, or not refresh, or the cluster refreshes by itself alone.

    Raises:
        ClusterError: the cluster does not answer in full.
    """
    try:
        return count_documents(client, index) if refresh(client, index) else None
    except CredentialsError:
        return None


def count_if_allowed(client: OpenSearch, index: str) -> int | None:
    """Return how many documents the cluster counts in the index; None if this user may not count.

    Raises:
        ClusterError: the cluster does not answer in full.
    """
    try:
        return count_documents(client, index)
    except CredentialsError:
        return None


def check_count(report: IngestReport, counted: int | None, index: str, before: int | None = None) -> str | None:
    """Compare the account with what the cluster counts after a refresh, and has counted before the run.

    Returns:
        what to tell of documents that others have added meanwhile, None if there are none.

    Raises:
        ClusterError: a record is not accounted for, or the index holds fewer documents than it must.
    """
    if report.read != report.indexed + report.skipped + report.failed:
        raise ClusterError(
            f"{number_of(report.read, 'record was', 'records were')} read, and {report.indexed} indexed, "
            f"{report.skipped} skipped, {report.failed} failed: that does not add up, ingest again and report this"
        )
    if counted is None:
        return None
    if counted < report.distinct:
        raise ClusterError(
            f"the index {index!r} holds {number_of(counted, 'document')}, and {report.distinct} were acknowledged: "
            f"{_LOST}"
        )
    return None if before is None else _compared(report, counted, index, before)


def _compared(report: IngestReport, counted: int, index: str, before: int) -> str | None:
    least = before + report.created
    account = (
        f"the index {index!r} holds {number_of(counted, 'document')}, {number_of(before, 'was', 'were')} there "
        f"before and {number_of(report.created, 'is', 'are')} new"
    )
    if counted < least:
        raise ClusterError(f"{account}: {_LOST}")
    others = counted - least - report.doubtful
    if others > 0:
        return f"{account}: {number_of(others, 'is', 'are')} of another writer, or of requests whose answers were lost."
    return None
