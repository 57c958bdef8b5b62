"""What has become of the documents of an ingest, and whether the cluster says the same."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from csplade.integration.answers import count_documents
from csplade.integration.errors import ClusterError, CredentialsError
from opensearchpy import OpenSearch


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
    repeated: int = 0
    """Of those that are indexed: they had an id that came before, and replaced the earlier document."""
    first_reason: str = ""
    """Why the first document failed."""
    dead_letters: Path | None = None
    """The file that holds what failed, if anything did."""

    @property
    def distinct(self) -> int:
        """Return how many documents the cluster must hold of this source."""
        return self.indexed + self.skipped - self.repeated


Progress = Callable[[IngestReport], None]


def count_if_allowed(client: OpenSearch, index: str) -> int | None:
    """Return how many documents the cluster counts in the index; None if this user may not count.

    Raises:
        ClusterError: the cluster does not answer in full.
    """
    try:
        return count_documents(client, index)
    except CredentialsError:
        return None


def check_count(report: IngestReport, counted: int | None, index: str) -> None:
    """Compare the account with what the cluster counts after a refresh.

    Raises:
        ClusterError: a record is not accounted for, or the index holds fewer documents than were acknowledged.
    """
    if report.read != report.indexed + report.skipped + report.failed:
        raise ClusterError(
            f"{report.read} records were read, and {report.indexed} indexed, {report.skipped} skipped, {report.failed} "
            "failed: that does not add up, ingest again and report this"
        )
    if counted is not None and counted < report.distinct:
        raise ClusterError(
            f"the index {index!r} holds {counted} documents, and {report.distinct} were acknowledged: look whether "
            "somebody deletes from it or a node has lost data, then ingest again"
        )
