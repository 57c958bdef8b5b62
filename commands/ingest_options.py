"""The options of `csplade ingest`, gathered in one object."""

from dataclasses import dataclass
from pathlib import Path

import click
from csplade.commands.engine_options import ENGINE_OPTIONS, EngineChoices
from csplade.commands.new_index_options import NEW_INDEX_OPTIONS, NewIndexChoices
from csplade.commands.options import gathered, index_option
from csplade.commands.sending_options import SENDING_OPTIONS, SendingChoices
from csplade.commands.source_options import delimiter_option, format_option, id_field_option, on_bad_record_option

_FILE = click.Path(path_type=Path)


@dataclass(frozen=True)
class IngestChoices(SendingChoices, NewIndexChoices, EngineChoices):
    """What a user chose."""

    index: str
    format: str | None
    delimiter: str | None
    id_field: str | None
    text_fields: str
    on_bad_record: str
    dead_letters: Path | None
    checkpoint: Path | None
    load_settings: str
    dry_run: bool
    restore: bool
    vectors: str | None

    @property
    def deciding(self) -> str:
        """Return what decides which documents come of a source."""
        kept = (self.format, self.id_field, self.text_fields, self.on_bad_record, self.min_weight)
        # Checkpoints were written before there was a choice.
        chosen = (each for each in (self.vectors, self.delimiter) if each is not None)
        return " ".join(map(str, (*kept, *chosen)))


LOADING_OPTIONS = (
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
    *SENDING_OPTIONS,
    click.option(
        "--load-settings",
        default="keep",
        show_default=True,
        type=click.Choice(["keep", "safe", "fast"]),
        help="Settings of the index during the run, restored after it. safe: no refresh. fast: besides, no replicas, "
        "and a translog that is written every 5 s, so that a node that dies takes documents with it.",
    ),
)
"""How documents get into an index, and where it stands which have; of every command that fills one."""

_OPTIONS = (
    index_option,
    format_option,
    delimiter_option,
    id_field_option,
    click.option(
        "--text-fields",
        default="title,text",
        show_default=True,
        metavar="NAMES",
        help="The fields that are searched, joined in this order; a title may be missing.",
    ),
    *NEW_INDEX_OPTIONS,
    on_bad_record_option,
    *LOADING_OPTIONS,
    click.option("--dry-run", is_flag=True, help="Read all, encode a sample, tell what would be done, and do nothing."),
    click.option("--restore", is_flag=True, help="Put settings back that a killed run has left; needs no SOURCE."),
    click.option(
        "--vectors",
        default=None,
        metavar="FIELD",
        help="Take the vectors that `csplade encode --keep-fields` wrote into FIELD, and open no model. --encoder is "
        "the one that made them.",
    ),
    *ENGINE_OPTIONS,
)

ingest_options = gathered("choices", IngestChoices, _OPTIONS)
"""Adds the options; the command gets all of them as one `choices`."""
