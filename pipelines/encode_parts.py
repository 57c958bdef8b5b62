"""An encoder folder's parts, once they are what its contract says, fit each other and can be run on this machine."""

from functools import partial
from pathlib import Path
from typing import NamedTuple

from csplade.pipelines.contract import Contract, check_files, read_contract
from csplade.pipelines.encode_options import EncodeOptions
from csplade.pipelines.encode_processor import check_sums, read_processor
from csplade.pipelines.errors import EncoderError
from csplade.pipelines.folder import DECIDING_FILES, MODEL_FILE, TOKENIZER_FILE, Tables, check_terms, read_tables
from csplade.pipelines.graph import Graph, LateGraph
from csplade.pipelines.runtime import preferred_device
from csplade.pipelines.words import check_analysis


class EncoderParts(NamedTuple):
    """What an encoder is made of."""

    contract: Contract
    tokenizer: str
    """The text of `tokenizer.json`."""
    graph: Graph | LateGraph
    tables: Tables


def read_parts(folder: Path, options: EncodeOptions) -> EncoderParts:
    """Read and check the parts; with `table_queries` the graph is loaded and checked when it is first run.

    Raises:
        EncoderError: the folder is incomplete, damaged or of another version, its files are of several encoders, the
            stemmer here gives other terms, or this processor would add its 8-bit products up wrongly.
        MissingExtraError: there is no onnxruntime.
        UsageError: the device asked for is not there, or both runtimes are installed.
    """
    contract = read_contract(folder)
    check_files(folder, contract)
    if contract.literal is not None:
        check_analysis(contract.literal.analysis)
    if unsure := [name for name in DECIDING_FILES if name not in contract.files]:
        raise EncoderError(f"the contract of {folder} has files without {', '.join(unsure)}: export the encoder again")
    try:
        tokenizer = (folder / TOKENIZER_FILE).read_text(encoding="utf-8")
    except OSError as error:
        raise EncoderError(f"{folder} cannot be read ({error}): copy the encoder folder again") from error
    tables = read_tables(folder)
    check_terms(folder, contract, tables)
    load = partial(_load, folder, contract, options)
    # With the option nobody encodes documents. With a contract that says so somebody may, and hears now what lacks.
    return EncoderParts(contract, tokenizer, LateGraph(load) if options.table_queries else load(), tables)


def _load(folder: Path, contract: Contract, options: EncodeOptions) -> Graph:
    # On a GPU too: these products go back to the processor.
    check_sums(folder, contract, read_processor())
    device = preferred_device(options.device, contract.quantization)
    return Graph.open(folder / MODEL_FILE, options.threads, device, contract.opset)
