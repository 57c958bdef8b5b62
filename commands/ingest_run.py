"""One run of `csplade ingest`: with a checkpoint, settings for loading, and a progress bar."""

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from csplade.commands.ingest_options import IngestChoices
from csplade.commands.output import notice
from csplade.commands.records import Plan
from csplade.pipelines.errors import CspladeError

if TYPE_CHECKING:
    from csplade.integration.checkpoint import Checkpoint
    from csplade.integration.encoder import Encoder
    from csplade.integration.ingest import IngestOptions, IngestReport
    from csplade.pipelines.sources import Source
    from opensearchpy import OpenSearch


def run(
    client: "OpenSearch",
    encoder: "Encoder",
    planned: Plan,
    options: "IngestOptions",
    origin: "Source",
    choices: IngestChoices,
) -> "tuple[IngestReport, int | None]":
    """Ingest with a checkpoint and the settings that are asked for; return the report and the cluster's count."""
    from csplade.integration.ingest_report import check_count, count_before, count_if_allowed
    from csplade.integration.load_settings import LoadSettings, loading
    from csplade.integration.patience import patient

    waiting = patient(client, choices.patience)
    before = count_before(waiting, choices.index)
    checkpoint = _checkpoint(waiting, encoder, origin, choices)
    kind = LoadSettings(choices.load_settings)
    with checkpoint or nullcontext(), loading(client, choices.index, kind, choices.patience):
        report = _stream(client, encoder, planned, options, checkpoint)
    counted = count_if_allowed(waiting, choices.index)
    # Also where documents are missing: run again, it is to send all of them.
    if checkpoint is not None:
        checkpoint.remove()
    if (more := check_count(report, counted, choices.index, before)) is not None:
        notice(more)
    return report, counted


def _checkpoint(
    client: "OpenSearch", encoder: "Encoder", origin: "Source", choices: IngestChoices
) -> "Checkpoint | None":
    """Open the checkpoint of this job; None for what is read only once, or where the index cannot be told apart."""
    from csplade.integration.checkpoint import Checkpoint, Job
    from csplade.integration.index_mapping import index_uuid

    digest = origin.digest()
    uuid = index_uuid(client, choices.index)
    if digest is None or uuid is None:
        if uuid is None:
            notice("This user may not read the index's settings, so that there is no checkpoint.")
        return None
    job = Job(digest, choices.index, uuid, encoder.contract.fingerprint, choices.deciding)
    path = choices.checkpoint or Path(f"{choices.index}.{digest[:8]}.checkpoint")
    checkpoint = Checkpoint.open(path, job)
    if checkpoint.resumed:
        notice(f"Going on where an earlier run was, which {path} tells; delete that file to begin anew.")
    return checkpoint


def _stream(
    client: "OpenSearch",
    encoder: "Encoder",
    planned: Plan,
    options: "IngestOptions",
    checkpoint: "Checkpoint | None",
) -> "IngestReport":
    """Ingest behind a progress bar; whatever stops it, say how far it came."""
    from csplade.integration.ingest import IngestReport, ingest
    from tqdm import tqdm

    latest = IngestReport(0, 0, 0, 0.0)
    # disable=None: no bar where standard error is not a terminal.
    with tqdm(total=planned.total, unit=" documents", disable=None, file=sys.stderr) as bar:

        def show(report: IngestReport) -> None:
            nonlocal latest
            latest = report
            bar.update(report.read - bar.n)

        try:
            return ingest(client, encoder, planned.documents, options, show, checkpoint)
        except (CspladeError, KeyboardInterrupt):
            bar.close()
            again = (
                "begins with the first document; that is safe, as each replaces itself."
                if checkpoint is None
                else "goes on from there."
            )
            notice(f"{latest.indexed} documents are indexed. Run again, the same command {again}")
            raise
