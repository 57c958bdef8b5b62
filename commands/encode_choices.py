"""The options of `csplade encode`, gathered in one object."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click
from csplade.commands.engine_options import ENGINE_OPTIONS, RAY, EngineChoices
from csplade.commands.options import gathered
from csplade.commands.records import record_options
from csplade.commands.source_options import delimiter_option, format_option, id_field_option, on_bad_record_option
from csplade.pipelines.encode_lines import VECTOR_FIELD
from csplade.pipelines.encode_options import Device, EncodeOptions, LongTexts
from csplade.pipelines.encode_parquet import PARQUET
from csplade.pipelines.errors import UsageError

if TYPE_CHECKING:
    from csplade.integration.documents import RecordOptions

_FILE = click.Path(path_type=Path)
_LINES = (".jsonl", ".ndjson")
DOCUMENT = "document"
BLOCK = 2_000
"""Records of a block, if nobody says how many."""


@dataclass(frozen=True)
class EncodeChoices(EngineChoices):
    """What a user chose."""

    role: str
    output: Path | None
    force: bool
    keep_fields: bool
    vector_field: str | None
    format: str | None
    delimiter: str | None
    id_field: str | None
    text_fields: str
    on_bad_record: str
    dead_letters: Path | None
    device: str | None
    lanes: int | None
    batch_tokens: int
    deterministic: bool
    stride: int | None
    passages: int | None
    block: int | None

    @property
    def skip(self) -> bool:
        """Say whether records that cannot be used are passed over."""
        return self.on_bad_record == "skip"

    @property
    def as_parquet(self) -> bool:
        """Say whether vectors go into Parquet."""
        return self.output is not None and self.output.suffix == PARQUET

    @property
    def long_texts(self) -> LongTexts | None:
        """Return how long documents are read."""
        return None if self.stride is None else LongTexts(self.stride, self.passages or LongTexts.most)

    @property
    def kept_vector(self) -> str | None:
        """Return the field that vectors get in records that are kept whole, None if those are not."""
        return (self.vector_field or VECTOR_FIELD) if self.keep_fields else None

    @property
    def records(self) -> "RecordOptions":
        """Return which fields of a record mean what.

        Raises:
            UsageError: a name of a text field is empty.
        """
        options = record_options(self.id_field, self.text_fields, indexed=False)
        return replace(options, vector_field=self.kept_vector)

    @property
    def deciding(self) -> str:
        """Return what decides which lines come of a source, besides the encoder."""
        kept = (self.role, self.keep_fields, self.format, self.id_field, self.text_fields, self.on_bad_record)
        # Parts of a run were written before there was a choice.
        chosen = filter(None, (self.delimiter, self.vector_field and f"vector field {self.vector_field}"))
        return " ".join(map(str, (*kept, self.long_texts, self.deterministic, *chosen)))

    @property
    def options(self) -> EncodeOptions:
        """Return how texts are read and run, but for how many at the same time."""
        return EncodeOptions(
            batch_tokens=self.batch_tokens,
            deterministic=self.deterministic,
            device=None if self.device is None else Device(self.device),
            long_texts=self.long_texts,
        )

    def check(self) -> None:
        """Check that the options fit together.

        Raises:
            UsageError: one would do nothing, or two say the opposite of each other.
        """
        self._check_long()
        self.check_engine({"--block": self.block}, {"--dead-letters": self.dead_letters})
        if self.keep_fields and self.as_parquet:
            raise UsageError(f"--keep-fields writes JSON lines, and {self.output} is Parquet: name it otherwise")
        if self.vector_field is not None and not self.keep_fields:
            raise UsageError("--vector-field names a field of whole records: add --keep-fields, or leave it out")
        if self.vector_field == "":
            raise UsageError("--vector-field is empty: name the field that vectors get, or leave it out")
        if self.output is not None and self.dead_letters is not None:
            _check_two(self.output, self.dead_letters)
        if self.engine == RAY:
            self._check_device()
        elif self.output is not None:
            _check_ending(self.output)

    def _check_long(self) -> None:
        """Queries are cut whatever is asked, and documents are, unless passages of them are read."""
        if self.stride is not None and self.role != DOCUMENT:
            raise UsageError(f"--stride {self.stride} is for documents, and queries are always cut: leave it out")
        if self.passages is not None and self.stride is None:
            raise UsageError(
                f"--passages {self.passages} is a limit of what --stride reads: add --stride, or leave --passages out"
            )

    def _check_device(self) -> None:
        """Ray hides all GPUs from a worker that is to have none."""
        if self.device == Device.CUDA and not self.gpus_per_worker:
            raise UsageError("--device cuda needs GPUs for Ray's workers: say how many each has by --gpus-per-worker")
        if self.device == Device.CPU and self.gpus_per_worker:
            raise UsageError(
                f"--gpus-per-worker {self.gpus_per_worker:g} would reserve GPUs that --device cpu does not use: "
                "leave one of them out"
            )


def _check_two(output: Path, dead_letters: Path) -> None:
    """Check that vectors, which take their place at the end, take that of nothing else."""
    if output.resolve() == dead_letters.resolve():
        raise UsageError(f"--output and --dead-letters are both {output}: name another file for one of them")


def _check_ending(output: Path) -> None:
    """Check that a file is not called what it will not be."""
    if output.suffix not in ("", *_LINES, PARQUET):
        packed = "; for packed ones leave --output out, and pipe them into gzip" if output.suffix == ".gz" else ""
        lines = ", ".join(_LINES)
        raise UsageError(
            f"--output {output} ends with {output.suffix}, and vectors are written as JSON lines ({lines}, or no "
            f"ending) or as Parquet ({PARQUET}): name it otherwise{packed}"
        )


_OPTIONS = (
    click.option(
        "--role",
        default=DOCUMENT,
        show_default=True,
        type=click.Choice([DOCUMENT, "query"]),
        help="The side that the texts are on.",
    ),
    click.option(
        "--output",
        default=None,
        type=_FILE,
        metavar="FILE",
        help="Where vectors go: FILE.jsonl, or FILE.parquet; with --engine ray a folder of such files, of Parquet if "
        "that is called FILE.parquet. Default: standard output.",
    ),
    click.option(
        "--force",
        is_flag=True,
        help="Overwrite FILE, and what a run of another kind has left beside it, or in its folder.",
    ),
    click.option(
        "--keep-fields",
        is_flag=True,
        help="Write the whole record with its vector; JSON lines only.",
    ),
    click.option(
        "--vector-field",
        default=None,
        metavar="NAME",
        help="The field for vectors of whole records, which none may have already; with --keep-fields. Default: "
        f"{VECTOR_FIELD}.",
    ),
    format_option,
    delimiter_option,
    id_field_option,
    click.option(
        "--text-fields",
        default="title,text",
        show_default=True,
        metavar="NAMES",
        help="The fields that are encoded, joined in this order; a title may be missing.",
    ),
    on_bad_record_option,
    click.option(
        "--dead-letters",
        default=None,
        type=_FILE,
        metavar="FILE",
        help="Where records that cannot be used are written. Default: encode.failed.jsonl, with a number if taken; "
        "with --engine ray always beside their block.",
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
        help="Read long documents, not queries, whole, in passages that begin so many tokens apart. Default: cut them.",
    ),
    click.option(
        "--passages",
        default=None,
        type=click.IntRange(1),
        help=f"The most passages of a document; only with --stride. Default: {LongTexts.most}.",
    ),
    *ENGINE_OPTIONS,
    click.option(
        "--block",
        default=None,
        type=click.IntRange(1),
        help="Records of a file of vectors, which a worker that dies has to do again; only with --engine ray. "
        f"Default: {BLOCK}.",
    ),
)

encode_options = gathered("choices", EncodeChoices, _OPTIONS)
"""Adds the options; the command gets all of them as one `choices`."""
