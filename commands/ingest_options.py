"""The options of `csplade ingest`, gathered in one object."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click
from csplade.commands.engine_options import engine_option, gpus_option, workers_option
from csplade.commands.options import gathered, index_option, long_option, replicas_option, shards_option
from csplade.integration.bulk_pace import PaceOptions
from csplade.pipelines.sources import Format

if TYPE_CHECKING:
    from csplade.integration.bulk import Patience

_FILE = click.Path(path_type=Path)
_PACE = PaceOptions()


@dataclass(frozen=True)
class IngestChoices:
    """What a user chose."""

    index: str
    format: str | None
    id_field: str | None
    text_fields: str
    analyzer: str | None
    long: str | None
    shards: int
    replicas: int | None
    on_bad_record: str
    dead_letters: Path | None
    checkpoint: Path | None
    batch: int
    requests: int
    min_weight: float
    wait_for_cluster: float
    request_timeout: float
    load_settings: str
    dry_run: bool
    restore: bool
    vectors: str | None
    engine: str
    workers: int
    gpus_per_worker: float

    @property
    def patience(self) -> "Patience":
        """Return how long a cluster is waited for."""
        from csplade.integration.bulk import Patience

        return Patience(outage=self.wait_for_cluster, request_seconds=self.request_timeout)

    @property
    def deciding(self) -> str:
        """Return what decides which documents come of a source."""
        kept = (self.format, self.id_field, self.text_fields, self.on_bad_record, self.min_weight)
        # Checkpoints were written before there was a choice.
        return " ".join(map(str, kept if self.vectors is None else (*kept, self.vectors)))


analyzer_option = click.option(
    "--analyzer", default=None, help="The cluster's analyzer for BM25, of a new index. Default: english."
)
request_timeout_option = click.option(
    "--request-timeout",
    default=120.0,
    show_default=True,
    type=click.FloatRange(min=0.1),
    metavar="SECONDS",
    help="How long the answer to one bulk request is waited for before it is sent again.",
)
SENDING_OPTIONS = (
    click.option(
        "--dead-letters",
        default=None,
        type=_FILE,
        metavar="FILE",
        help="Where documents that failed are written. Default: INDEX.failed.jsonl, with a number if that is taken.",
    ),
    click.option(
        "--checkpoint",
        default=None,
        type=_FILE,
        metavar="FILE",
        help="Where it stands which records are settled; deleted at the end. Default: INDEX.DIGEST.checkpoint.",
    ),
    click.option(
        "--batch",
        default=_PACE.documents,
        show_default=True,
        type=click.IntRange(1, 10_000),
        help="The most documents per bulk request.",
    ),
    click.option(
        "--requests",
        default=_PACE.requests,
        show_default=True,
        type=click.IntRange(1, 64),
        help="The most bulk requests at once.",
    ),
    click.option(
        "--min-weight",
        default=0.0,
        show_default=True,
        type=click.FloatRange(min=0.0),
        help="Leave out smaller weights: a smaller index, which finds a little less.",
    ),
    click.option(
        "--wait-for-cluster",
        default=600.0,
        show_default=True,
        type=click.FloatRange(min=0.0),
        metavar="SECONDS",
        help="How long a cluster that takes nothing is waited for.",
    ),
    request_timeout_option,
    click.option(
        "--load-settings",
        default="keep",
        show_default=True,
        type=click.Choice(["keep", "safe", "fast"]),
        help="Settings of the index during the run, restored after it. safe: no refresh. fast: besides, no replicas, "
        "and a translog that is written every 5 s, so that a node that dies takes documents with it.",
    ),
)
"""How documents go to the cluster, and where it stands which have; of every command that sends some."""

_OPTIONS = (
    index_option,
    click.option(
        "--format",
        default=None,
        type=click.Choice([each.value for each in Format]),
        help="How SOURCE is written. Default: as the end of its name says, else jsonl.",
    ),
    click.option("--id-field", default=None, metavar="NAME", help="The field of the id. Default: _id, else id."),
    click.option(
        "--text-fields",
        default="title,text",
        show_default=True,
        metavar="NAMES",
        help="The fields that are searched, joined in this order; a title may be missing.",
    ),
    analyzer_option,
    long_option,
    shards_option,
    replicas_option,
    click.option(
        "--on-bad-record",
        default="stop",
        show_default=True,
        type=click.Choice(["stop", "skip"]),
        help="Refuse the whole source for a record that cannot be used, or write it to the dead letters and go on.",
    ),
    *SENDING_OPTIONS,
    click.option("--dry-run", is_flag=True, help="Read all, encode a sample, tell what would be done, and do nothing."),
    click.option("--restore", is_flag=True, help="Put settings back that a killed run has left; needs no SOURCE."),
    click.option(
        "--vectors",
        default=None,
        metavar="FIELD",
        help="Take the vectors that `csplade encode --keep-fields` wrote into FIELD, and open no model. --encoder is "
        "the one that made them.",
    ),
    engine_option,
    workers_option,
    gpus_option,
)

ingest_options = gathered("choices", IngestChoices, _OPTIONS)
"""Adds the options; the command gets all of them as one `choices`."""
