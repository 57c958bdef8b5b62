"""An encoder folder in float32 becomes one of another precision, measured, or nothing; needs the extras [export, eval].

The new folder differs in its graph, and so in its fingerprint: an index must be written and asked with the same one.
"""

import dataclasses
import math
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from csplade.pipelines.contract import Contract, check_files, read_contract
from csplade.pipelines.development import Development
from csplade.pipelines.encode import Encoder
from csplade.pipelines.encode_processor import read_processor
from csplade.pipelines.errors import UsageError
from csplade.pipelines.export_folder import check_output
from csplade.pipelines.export_parity import MOST_ROUNDED, as_measured, largest
from csplade.pipelines.folder import IDF_FILE, MODEL_FILE, TERMS_FILE, TOKENIZER_FILE, deciding_files
from csplade.pipelines.golden import GOLDEN_FILE, Drift, drifts, read_golden
from csplade.pipelines.model_card import CARD_FILE
from csplade.pipelines.quantize import QuantizeOptions, quantize_graph
from csplade.pipelines.quantize_kinds import Precision, Target, needs_wide_sums
from csplade.pipelines.quantize_measure import Measured, compared, encoded, lost, measurable, ndcg
from csplade.pipelines.quantize_products import products
from csplade.pipelines.quantize_static import calibration_texts, chosen_layers, layers_of, seen_in_folder

EXACT = "fp32"
_CHOOSING = (Precision.INT8, Precision.INT8_STATIC)
"""Formats that round activations: where that costs too much, some layers go on with float ones."""
_COPIED = (TOKENIZER_FILE, TERMS_FILE, IDF_FILE, GOLDEN_FILE)


@dataclass(frozen=True)
class Settings:
    """What is asked for."""

    precision: Precision
    target: Target = Target.AVX2
    most_loss: float = 0.01
    """Share of nDCG@10 that may be lost."""
    force: bool = False
    """Whether the folder is written whatever is lost, and however far its golden vectors are off."""
    calibration_texts: int = 64
    """Documents, and as many beginnings of them as queries, on which ranges are taken for `INT8_STATIC`."""


@dataclass(frozen=True)
class Quantized:
    """What came of it."""

    rows: tuple[Measured, ...]
    """The float32 encoder's, and the new one's."""
    refused: str
    """Why the folder is not there: what is lost, or how far off it is; empty where it is there."""
    left_out: tuple[str, ...]
    """Layers with float activations."""
    contract: Contract


def quantize_folder(
    source: Path, output: Path, settings: Settings, development: Development, tell: Callable[[str], None]
) -> Quantized:
    """Quantize, measure, and write the folder if it is good enough; `tell` is called with what takes long.

    Raises:
        UsageError: something stands at `output`, the source is no float32 encoder, it finds nothing in the
            collection, or what comes out could not be measured on the processor here.
        EncoderError: the source is damaged.
    """
    check_output(output)
    contract = read_contract(source)
    check_files(source, contract)
    if contract.quantization != "none":
        raise UsageError(
            f"{source} is quantized already ({contract.quantization}): name an encoder that csplade export wrote "
            "without --int8"
        )
    options = QuantizeOptions(settings.precision, settings.target)
    _check_target(options)
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=f".{output.name}.") as work:
        fresh = Path(work) / "encoder"
        if settings.precision in _CHOOSING:
            options = _with_float_layers(source, Path(work), options, settings, development, tell)
        found = write_precision(source, fresh, options)
        tell(f"measuring {EXACT} and {settings.precision} on {len(development.documents)} documents")
        rows = tuple(compared({EXACT: source, settings.precision.value: fresh}, development))
        refused = "" if settings.force else _refusal(rows[-1], found, settings.most_loss)
        if not refused:
            _finish_card(source, fresh, rows)
            fresh.rename(output)
    left_out = tuple(layers_of(options.kept))
    return Quantized(rows, refused, left_out, contract if refused else read_contract(output))


def _check_target(options: QuantizeOptions) -> None:
    processor = read_processor()
    if processor is not None and processor.sums_overflow and needs_wide_sums(options.said):
        raise UsageError(
            f"--target {options.target.value} gives {options.said}, whose sums overflow on the processor here "
            f"({processor}), so that nothing could be measured: take the default --target, or run this where there is "
            "VNNI, AMX or arm64"
        )


def _refusal(row: Measured, found: Sequence[Drift], most_loss: float) -> str:
    """Return why it is not good enough, if it is not.

    A small collection may rank well with vectors that have little to do with the model's. So golden vectors are looked
    at too, and may be as far off as those of an export with int8 weights.
    """
    if row.loss > most_loss:
        return f"loses {row.loss:.1%} of nDCG@10, allowed are {100 * most_loss:g}%"
    off = largest(found)
    if off.whole > MOST_ROUNDED.whole or off.expansion > MOST_ROUNDED.expansion:
        return (
            f"moves golden vectors by up to {off.whole:.3g} of their length (allowed are {MOST_ROUNDED.whole:g}), and "
            f"their expansion by up to {off.expansion:.3g} (allowed are {MOST_ROUNDED.expansion:g})"
        )
    raised = next((drift.golden.text for drift in found if math.isinf(drift.distance)), None)
    return "" if raised is None else f"gives terms to texts that have none in {EXACT}, such as {raised[:40]!r}"


def _with_float_layers(
    source: Path,
    work: Path,
    options: QuantizeOptions,
    settings: Settings,
    development: Development,
    tell: Callable[[str], None],
) -> QuantizeOptions:
    """Return the options with float activations in those layers where the ranking needs them; `work` is for trials."""
    import onnx

    static = options.precision is Precision.INT8_STATIC
    ranges = seen_in_folder(source, calibration_texts(development, settings.calibration_texts)) if static else {}
    layers = layers_of(each.name for each in products(onnx.load(source / MODEL_FILE)))
    exact = measurable(ndcg(encoded(Encoder.open(source), development), development))

    def with_kept(kept: frozenset[str]) -> QuantizeOptions:
        names = frozenset(name for layer in kept for name in layers[layer])
        return dataclasses.replace(options, ranges=ranges, kept=names)

    def score(kept: frozenset[str]) -> float:
        tried = work / "tried"
        write_precision(source, tried, with_kept(kept))
        found = ndcg(encoded(Encoder.open(tried), development), development)
        shutil.rmtree(tried)
        tell(f"nDCG@10 {found:.4f} ({lost(exact, found):+.1%} lost) without {', '.join(sorted(kept)) or 'exclusions'}")
        return found

    return with_kept(chosen_layers(layers, score, exact * (1 - settings.most_loss)))


def write_precision(source: Path, folder: Path, options: QuantizeOptions) -> list[Drift]:
    """Write all but the card, and return how far golden vectors are off.

    The contract allows that, and some room, but no terms of a text that has none in float32.
    """
    folder.mkdir()
    for name in _COPIED:
        shutil.copy2(source / name, folder / name)
    quantize_graph(source / MODEL_FILE, folder / MODEL_FILE, options)
    contract = dataclasses.replace(read_contract(source), quantization=options.said, files=deciding_files(folder))
    contract.write(folder)
    found = drifts(Encoder.open(folder), read_golden(folder))
    as_measured(contract, found).write(folder)
    return found


def _finish_card(source: Path, folder: Path, rows: tuple[Measured, ...]) -> None:
    """Copy the model card, correct what is said of weights and fingerprint, and add the table."""
    old, new = read_contract(source), read_contract(folder)
    path = source / CARD_FILE
    text = path.read_text(encoding="utf-8") if path.exists() else f"# {new.name}\n"
    text = text.replace("| weights | float32 |", f"| weights | {new.quantization} |")
    text = text.replace(old.fingerprint, new.fingerprint)
    (folder / CARD_FILE).write_text(f"{text.rstrip()}\n\n{_table(rows)}", encoding="utf-8")


def _table(rows: tuple[Measured, ...]) -> str:
    lines = [
        f"| {row.precision} | {row.megabytes:.1f} | {row.documents_per_second:.1f} | {row.query_ms:.1f} "
        f"| {row.difference:.3f} | {row.overlap:.1%} | {row.ndcg:.4f} | {row.loss:+.2%} |"
        for row in rows
    ]
    head = "| precision | MB | documents/s | query p50 ms | weight difference | same top 10 | nDCG@10 | lost |"
    title = "## Precision\n\nMeasured by `csplade quantize` on one machine, in one run.\n\n"
    return "\n".join([title + head, "|---|---|---|---|---|---|---|---|", *lines, ""])
