"""The options of `csplade encode`, gathered in one object."""

from dataclasses import dataclass
from pathlib import Path

import click
from csplade.commands.engine_options import engine_option, gpus_option, workers_option
from csplade.commands.options import gathered
from csplade.pipelines.encode_options import Device, LongTexts
from csplade.pipelines.sources import Format

_FILE = click.Path(path_type=Path)


@dataclass(frozen=True)
class EncodeChoices:
    """What a user chose."""

    role: str
    output: Path | None
    force: bool
    keep_fields: bool
    format: str | None
    id_field: str | None
    text_fields: str
    on_bad_record: str
    dead_letters: Path | None
    device: str | None
    lanes: int | None
    batch_tokens: int
    deterministic: bool
    stride: int | None
    passages: int
    engine: str
    workers: int
    gpus_per_worker: float
    block: int

    @property
    def skip(self) -> bool:
        """Say whether records that cannot be used are passed over."""
        return self.on_bad_record == "skip"

    @property
    def long_texts(self) -> LongTexts | None:
        """Return how long documents are read."""
        return None if self.stride is None else LongTexts(self.stride, self.passages)

    @property
    def deciding(self) -> str:
        """Return what decides which lines come of a source, besides the encoder."""
        kept = (self.role, self.keep_fields, self.format, self.id_field, self.text_fields, self.on_bad_record)
        return " ".join(map(str, (*kept, self.long_texts, self.deterministic)))


_OPTIONS = (
    click.option(
        "--role",
        default="document",
        show_default=True,
        type=click.Choice(["document", "query"]),
        help="The side that the texts are on.",
    ),
    click.option(
        "--output",
        default=None,
        type=_FILE,
        metavar="FILE",
        help="Where vectors go: FILE.jsonl, or FILE.parquet; with --engine ray a folder. Default: standard output.",
    ),
    click.option("--force", is_flag=True, help="Overwrite FILE, and what a run of another kind has left beside it."),
    click.option(
        "--keep-fields",
        is_flag=True,
        help="Write the whole record, with its vector in the field `vector`; JSON lines only.",
    ),
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
        help="The fields that are encoded, joined in this order; a title may be missing.",
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
        help="Where records that cannot be used are written. Default: encode.failed.jsonl, with a number if taken.",
    ),
    click.option(
        "--device",
        default=None,
        type=click.Choice([each.value for each in Device]),
        help="What the model runs on. Default: a GPU if onnxruntime-gpu finds one, else the processor.",
    ),
    click.option(
        "--lanes",
        default=None,
        type=click.IntRange(1, 256),
        help="Batches at the same time, one thread each. Default: as many as cores; 1 on a GPU, and with --engine ray.",
    ),
    click.option(
        "--batch-tokens",
        default=512,
        show_default=True,
        type=click.IntRange(1, 1_000_000),
        help="Tokens of a batch, padding included.",
    ),
    click.option(
        "--deterministic",
        is_flag=True,
        help="Run each text alone: the same bits however texts are grouped, and slower for short ones.",
    ),
    click.option(
        "--stride",
        default=None,
        type=click.IntRange(1),
        metavar="TOKENS",
        help="Read long documents whole, in passages that begin so many tokens apart. Default: cut them.",
    ),
    click.option(
        "--passages",
        default=64,
        show_default=True,
        type=click.IntRange(1),
        help="The most passages of a document, with --stride.",
    ),
    engine_option,
    workers_option,
    gpus_option,
    click.option(
        "--block",
        default=2_000,
        show_default=True,
        type=click.IntRange(1),
        help="Records of a file of vectors, with --engine ray; what a worker that dies has to do again.",
    ),
)

encode_options = gathered("choices", EncodeChoices, _OPTIONS)
"""Adds the options; the command gets all of them as one `choices`."""
