"""The options of `csplade ingest`, gathered in one object."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from csplade.commands.options import index_option

if TYPE_CHECKING:
    from csplade.integration.bulk import Patience

_FILE = click.Path(path_type=Path)


@dataclass(frozen=True)
class IngestChoices:
    """What a user chose."""

    index: str
    format: str | None
    id_field: str | None
    text_fields: str
    analyzer: str | None
    shards: int
    replicas: int | None
    on_bad_record: str
    dead_letters: Path | None
    checkpoint: Path | None
    batch: int
    requests: int
    min_weight: float
    wait_for_cluster: float
    load_settings: str
    dry_run: bool
    restore: bool
    calibrate: bool

    @property
    def patience(self) -> "Patience":
        """Return how long a cluster is waited for."""
        from csplade.integration.bulk import Patience

        return Patience(outage=self.wait_for_cluster)

    @property
    def deciding(self) -> str:
        """Return what decides which documents come of a source."""
        return f"{self.format} {self.id_field} {self.text_fields} {self.on_bad_record} {self.min_weight}"


_OPTIONS = (
    index_option,
    click.option(
        "--format",
        default=None,
        type=click.Choice(["jsonl", "csv", "tsv", "parquet"]),
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
    click.option("--analyzer", default=None, help="The cluster's analyzer for BM25, of a new index. Default: english."),
    click.option("--shards", default=1, show_default=True, type=click.IntRange(1, 1024), help="Shards of a new index."),
    click.option(
        "--replicas",
        default=None,
        type=click.IntRange(0, 10),
        help="Replicas of a new index. Default: 1 as soon as a second node can hold it, on a single node none.",
    ),
    click.option(
        "--on-bad-record",
        default="stop",
        show_default=True,
        type=click.Choice(["stop", "skip"]),
        help="Refuse the whole source for a record that cannot be used, or write it to the dead letters and go on.",
    ),
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
        default=200,
        show_default=True,
        type=click.IntRange(1, 10_000),
        help="The most documents per bulk request.",
    ),
    click.option(
        "--requests", default=4, show_default=True, type=click.IntRange(1, 64), help="The most bulk requests at once."
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
    click.option(
        "--load-settings",
        default="keep",
        show_default=True,
        type=click.Choice(["keep", "safe", "fast"]),
        help="Settings of the index during the run, restored after it. safe: no refresh. fast: besides, no replicas, "
        "and a translog that is written every 5 s, so that a node that dies takes documents with it.",
    ),
    click.option("--dry-run", is_flag=True, help="Read all, encode a sample, tell what would be done, and do nothing."),
    click.option("--restore", is_flag=True, help="Put settings back that a killed run has left; needs no SOURCE."),
    click.option(
        "--calibrate",
        is_flag=True,
        help="Afterwards, measure what good hits score in the index, for `csplade query --fusion normalized`.",
    ),
)


def ingest_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options; the command gets all of them as one `choices`."""
    names = IngestChoices.__dataclass_fields__

    @wraps(command)
    def chosen(**options: object) -> None:
        given: dict[str, Any] = {name: options.pop(name) for name in names}  # Any: click checks their types
        choices = IngestChoices(**given)
        command(choices=choices, **options)

    for option in reversed(_OPTIONS):
        chosen = option(chosen)
    return chosen
