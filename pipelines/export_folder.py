"""A trained model becomes an encoder folder, whole and checked, or nothing; needs the extra [export].

The folder is written beside its place, opened as anybody would open it, and compared with what the torch model says of
some texts (`export_parity`). Only then does it get its name.
"""

import dataclasses
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from csplade.pipelines.contract import Contract
from csplade.pipelines.encode import Encoder
from csplade.pipelines.errors import SourceError, UsageError
from csplade.pipelines.export import OPSET, export_graph
from csplade.pipelines.export_parity import EXACT, MOST_ROUNDED, as_measured, check_parity, golden_vectors
from csplade.pipelines.folder import MODEL_FILE, TOKENIZER_FILE, Tables, deciding_files, write_tables
from csplade.pipelines.golden import Drift, write_golden
from csplade.pipelines.model_card import CARD_FILE, model_card
from csplade.pipelines.quantize import QuantizeOptions, quantize_graph
from csplade.pipelines.quantize_kinds import Precision
from csplade.pipelines.torch_graph import TorchGraph
from csplade.pipelines.trained import Trained
from csplade.pipelines.trained_contract import contract_of

_INT8 = QuantizeOptions(Precision.INT8_WEIGHTS)


@dataclass(frozen=True)
class Exported:
    """What was written."""

    contract: Contract
    drifts: tuple[Drift, ...]
    """Of the golden vectors, and of a text for each side that is as long as it can be."""


@dataclass(frozen=True)
class GraphOptions:
    """How the graph is written."""

    opset: int = OPSET
    fused: bool = True
    """Let ONNX Runtime's own operator attend, where it does what the model does."""


_GRAPH = GraphOptions()


def export_folder(trained: Trained, output: Path, quantize: bool, graph: GraphOptions = _GRAPH) -> Exported:
    """Write the encoder folder, with int8 weights if asked for.

    Its contract allows golden vectors to be off by what float arithmetic in another order needs, and with int8 weights
    by what the rounding was measured to cost here besides.

    Raises:
        UsageError: something stands at `output` already.
        EncoderError: the folder does not give the torch model's vectors; nothing is left.
    """
    check_output(output)
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=f".{output.name}.") as work:
        fresh = Path(work) / "encoder"
        fresh.mkdir()
        _write_graph(trained, Path(work) / "exact", fresh, quantize, graph)
        exported = _complete(trained, fresh, quantize, graph.opset)
        fresh.rename(output)
    return exported


def check_output(output: Path) -> None:
    """Look, before long work, whether the folder can be written; nothing is left of it.

    Raises:
        UsageError: something stands there already.
        SourceError: its place cannot be written.
    """
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise UsageError(f"{output} is there already: name a new folder")
    # What is missing above it will be made inside this.
    place = next(path for path in output.absolute().parents if path.exists())
    try:
        tempfile.TemporaryDirectory(dir=place, prefix=f".{output.name}.").cleanup()
    except OSError as error:
        raise SourceError(f"{output} cannot be written ({error.strerror}): name another --output") from error


def describe(trained: Trained, folder: Path, quantize: bool, opset: int = OPSET) -> Contract:
    """Return the contract of the files in the folder, with the largest tolerance that is let pass."""
    allowed_drift = MOST_ROUNDED if quantize else EXACT
    return dataclasses.replace(
        contract_of(trained),
        quantization=_INT8.said if quantize else "none",
        opset=opset,
        tolerance=allowed_drift.whole,
        expansion_tolerance=allowed_drift.expansion,
        files=deciding_files(folder),
    )


def _write_graph(trained: Trained, work: Path, folder: Path, quantize: bool, graph: GraphOptions) -> None:
    longest = max(trained.reading.query_tokens, trained.reading.document_tokens) if graph.fused else None
    if not quantize:
        export_graph(trained.model, folder / MODEL_FILE, graph.opset, longest)
        return
    work.mkdir()
    export_graph(trained.model, work / MODEL_FILE, graph.opset, longest)
    quantize_graph(work / MODEL_FILE, folder / MODEL_FILE, _INT8)
    shutil.rmtree(work)


def _complete(trained: Trained, folder: Path, quantize: bool, opset: int) -> Exported:
    """Write all but the graph, and check the whole."""
    # Not by `Tokenizer.save`, whose error of a full disk is of no kind of its own.
    (folder / TOKENIZER_FILE).write_text(trained.tokenizer.to_str(pretty=True), encoding="utf-8")
    tables = Tables(trained.terms, trained.idf)
    write_tables(folder, tables)
    contract = describe(trained, folder, quantize, opset)
    contract.write(folder)
    exact = Encoder(contract, trained.tokenizer.to_str(), TorchGraph(trained.model), tables)
    golden = golden_vectors(exact)
    write_golden(folder, golden)
    found = check_parity(folder, exact, golden)
    if quantize:
        contract = as_measured(contract, found)
        contract.write(folder)
    (folder / CARD_FILE).write_text(model_card(contract, trained.reading, len(trained.terms)), encoding="utf-8")
    return Exported(contract, found)
