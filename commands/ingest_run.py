"""One run of `csplade ingest`: with a checkpoint, settings for loading, and a progress bar."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from csplade.commands.ingest_options import IngestChoices
from csplade.commands.output import notice
from csplade.commands.records import Plan
from csplade.commands.settled_run import open_checkpoint, settled_run, with_bar

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
    origins: "Sequence[Source]",
    choices: IngestChoices,
) -> "tuple[IngestReport, int | None]":
    """Ingest with a checkpoint and the settings that are asked for; return the report and the cluster's count."""
    return settled_run(
        *(client, choices.index, choices),
        begin=lambda waiting: _checkpoint(waiting, encoder, origins, choices),
        stream=lambda checkpoint: _stream(client, encoder, planned, options, checkpoint),
        account=lambda report: report,
    )


def _checkpoint(
    client: "OpenSearch", encoder: "Encoder", origins: "Sequence[Source]", choices: IngestChoices
) -> "Checkpoint | None":
    """Open the checkpoint of this job; None for what is read only once, or where the index cannot be told apart."""
    from csplade.integration.checkpoint import Job
    from csplade.integration.index_mapping import index_uuid
    from csplade.pipelines.sources import digest_of

    digest = digest_of(origins)
    uuid = index_uuid(client, choices.index)
    if digest is None or uuid is None:
        if uuid is None:
            notice("This user may not read the index's settings, so that there is no checkpoint.")
        return None
    job = Job(digest, choices.index, uuid, encoder.contract.fingerprint, choices.deciding)
    path = choices.checkpoint or Path(f"{choices.index}.{digest[:8]}.checkpoint")
    return open_checkpoint(path, job)


def _stream(
    client: "OpenSearch",
    encoder: "Encoder",
    planned: Plan,
    options: "IngestOptions",
    checkpoint: "Checkpoint | None",
) -> "IngestReport":
    from csplade.integration.ingest import ingest

    again = (
        "begins with the first document; that is safe, as each replaces itself."
        if checkpoint is None
        else "goes on from there."
    )
    return with_bar(
        planned.total, lambda show: ingest(client, encoder, planned.documents, options, show, checkpoint), again
    )
