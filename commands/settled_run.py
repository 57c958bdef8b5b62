"""A run that fills an index, as `csplade ingest` and `reindex` make it: settings for loading, and checked counts."""

import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from csplade.commands.output import notice
from csplade.pipelines.errors import CspladeError
from csplade.pipelines.number_of import number_of

if TYPE_CHECKING:
    from csplade.commands.ingest_options import IngestChoices
    from csplade.commands.reindex_options import ReindexChoices
    from csplade.integration.checkpoint import Checkpoint, Job
    from csplade.integration.ingest_report import IngestReport
    from opensearchpy import OpenSearch

Found = TypeVar("Found")


def settled_run(
    client: "OpenSearch",
    index: str,
    choices: "IngestChoices | ReindexChoices",
    begin: "Callable[[OpenSearch], Checkpoint | None]",
    stream: "Callable[[Checkpoint | None], Found]",
    account: "Callable[[Found], IngestReport]",
) -> tuple[Found, int | None]:
    """Fill the index with the settings that are asked for; return what was found, and the cluster's count.

    `begin` opens the checkpoint, `stream` sends, and `account` says of what it returns how many documents that were.
    """
    from csplade.integration.ingest_report import check_count, count_refreshed
    from csplade.integration.load_settings import LoadSettings, loading
    from csplade.integration.patience import patient

    waiting = patient(client, choices.patience)
    before = count_refreshed(waiting, index)
    checkpoint = begin(waiting)
    kind = LoadSettings(choices.load_settings)
    with checkpoint or nullcontext(), loading(client, index, kind, choices.patience):
        found = stream(checkpoint)
    counted = count_refreshed(waiting, index)
    # Also where documents are missing: run again, it is to send all of them.
    if checkpoint is not None:
        checkpoint.remove()
    if (more := check_count(account(found), counted, index, before)) is not None:
        notice(more)
    return found, counted


def open_checkpoint(path: Path, job: "Job") -> "Checkpoint":
    """Open the checkpoint of a job, and tell of an earlier run that it goes on from."""
    from csplade.integration.checkpoint import Checkpoint

    checkpoint = Checkpoint.open(path, job)
    if checkpoint.resumed:
        notice(f"Going on where an earlier run was, which {path} tells; delete that file to begin anew.")
    return checkpoint


def with_bar(total: int | None, send: "Callable[[Callable[[IngestReport], None]], Found]", again: str) -> Found:
    """Send behind a progress bar; whatever stops it, say how far it came and what the same command does `again`.

    `send` calls what it is given with its report so far.
    """
    from tqdm import tqdm

    indexed = 0
    # disable=None: no bar where standard error is not a terminal.
    with tqdm(total=total, unit=" documents", disable=None, file=sys.stderr) as bar:

        def show(report: "IngestReport") -> None:
            nonlocal indexed
            indexed = report.indexed
            bar.update(report.read - bar.n)

        try:
            return send(show)
        except (CspladeError, KeyboardInterrupt):
            bar.close()
            notice(f"{number_of(indexed, 'document is', 'documents are')} indexed. Run again, the same command {again}")
            raise
