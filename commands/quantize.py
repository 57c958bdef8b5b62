"""`csplade quantize`: a float32 encoder in another precision, measured beside it, or nothing.

With --json exactly one object

    {"output": folder | null, "fingerprint": text | null, "left_out": [layer, ...],
     "rows": [{"precision": text, "megabytes": number, "documents_per_second": number, "query_ms": number,
               "difference": number, "overlap": number, "ndcg": number, "loss": number}, ...]}

where the output is null if more was lost than may be, or golden vectors are too far off.
"""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import click
from csplade.commands.given import OnlyWith, check_folder, check_looked_at
from csplade.commands.options import json_option
from csplade.commands.output import notice, print_json, print_table
from csplade.commands.own_documents import tell_own_documents
from csplade.pipelines.errors import EncoderError, MissingExtraError, UsageError
from csplade.pipelines.quantize_kinds import Precision, Target

if TYPE_CHECKING:
    from csplade.pipelines.quantize_folder import Quantized

_TARGETED = OnlyWith("target", "precision", tuple(each.value for each in Precision if each.has_target))
_COLUMNS = ("precision", "MB", "documents/s", "query p50 ms", "weight difference", "same top 10", "nDCG@10", "lost")


@click.command("quantize")
@click.argument("encoder", type=click.Path(path_type=Path))
@click.option("--output", required=True, type=click.Path(path_type=Path), metavar="FOLDER", help="A new folder.")
@click.option(
    "--collection",
    required=True,
    type=click.Path(path_type=Path),
    metavar="BEIR_FOLDER",
    help="Judged development collection: corpus, queries and qrels/test.tsv.",
)
@click.option(
    "--precision",
    default="int8",
    show_default=True,
    type=click.Choice([each.value for each in Precision]),
    help="int8: weights, and activations with a scale for each token. int8-weights: weights alone, smaller and no "
    "faster. int8-static: activations in ranges of a calibration set. Both of int8 leave float activations in layers "
    "where nDCG@10 needs them. int8-blocks: weights and activations with a scale for each 32 numbers. int8-optimum: "
    "one scale for each activation tensor. int4: weights in blocks of 32. fp16: for GPUs.",
)
@click.option(
    "--target",
    default="avx2",
    show_default=True,
    type=click.Choice([each.value for each in Target]),
    help="Processor that int8, int8-static and int8-optimum are for; with no other precision. avx2 and avx512 give "
    "weights 7 bits, which are right on every processor; the others 8, which overflow on x86 without VNNI, where such "
    "an encoder can be neither made nor opened.",
)
@click.option("--max-loss", default=1.0, show_default=True, type=click.FloatRange(0, 100), help="Percent of nDCG@10.")
@click.option("--force", is_flag=True, help="Write the folder whatever is lost, and however far off.")
@click.option(
    "--documents",
    default=2000,
    show_default=True,
    type=click.IntRange(min=1),
    help="Documents of the collection that are encoded, at most; the judged ones always.",
)
@json_option
def command(
    encoder: Path,
    output: Path,
    collection: Path,
    precision: str,
    target: str,
    max_loss: float,
    force: bool,
    documents: int,
    as_json: bool,
) -> None:
    """Write the float32 encoder in the folder ENCODER in another precision, and show what that costs and gives.

    ENCODER is a folder that csplade export wrote without --int8. Where more than --max-loss of nDCG@10 is lost, or the
    golden vectors are too far from those of the model, nothing is written.

    \b
    Example:
      csplade quantize my-encoder --output my-encoder-int8 --collection my-questions
      csplade quantize my-encoder --output small --precision int4 --collection my-questions --force
      csplade quantize my-encoder --output servers --target avx512_vnni --collection my-questions --json
    """
    if output.resolve() == encoder.resolve():
        raise UsageError(f"{output} is the encoder itself: name a new folder")
    check_looked_at([_TARGETED])
    check_folder(encoder, "ENCODER, the folder of a float32 encoder")
    check_folder(collection, "--collection")
    try:
        from csplade.pipelines.development import read_development
        from csplade.pipelines.quantize_folder import Settings, quantize_folder
    except ModuleNotFoundError as error:
        raise MissingExtraError(error.name or "onnx", "export") from error
    settings = Settings(Precision(precision), Target(target), max_loss / 100, force)
    development = read_development(collection, documents)
    tell_own_documents(development.collection)
    done = quantize_folder(encoder, output, settings, development, notice)
    _print(done, output, as_json)
    if done.refused:
        raise EncoderError(
            f"{precision} {done.refused} (measured on {collection}): nothing was written; take another --precision, or "
            "--force"
        )


def _print(done: "Quantized", output: Path, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "output": None if done.refused else str(output),
                "fingerprint": None if done.refused else done.contract.fingerprint,
                "left_out": list(done.left_out),
                "rows": [dataclasses.asdict(row) for row in done.rows],
            }
        )
        return
    rows = [
        (
            row.precision,
            f"{row.megabytes:.1f}",
            f"{row.documents_per_second:.1f}",
            f"{row.query_ms:.1f}",
            f"{row.difference:.4f}",
            f"{row.overlap:.1%}",
            f"{row.ndcg:.4f}",
            f"{row.loss:+.2%}",
        )
        for row in done.rows
    ]
    print_table("", _COLUMNS, rows)
    if done.left_out:
        notice(f"Float activations in {', '.join(done.left_out)}.")
    if not done.refused:
        notice(f"{output} has the fingerprint {done.contract.fingerprint}: index and query with it.")
