"""A trained model in all forms that `encode.py` compares, made once in a work folder."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from csplade.benchmarks.encode_logits import export_logits
from csplade.benchmarks.encode_systems import Material
from csplade.benchmarks.encode_texts import texts_of
from csplade.pipelines.export_folder import export_folder
from csplade.pipelines.folder import TOKENIZER_FILE
from csplade.pipelines.graph import Role
from csplade.pipelines.quantize import QuantizeOptions
from csplade.pipelines.quantize_folder import EXACT, write_precision
from csplade.pipelines.quantize_kinds import Precision
from csplade.pipelines.quantize_static import seen_in_folder
from csplade.pipelines.trained_folder import read_trained, write_trained
from tokenizers import Tokenizer

LONGEST = 512
"""Tokens of a document, at most; the same for all ways."""
_QUERY, _CALIBRATION = 16, 64
"""Tokens of the queries, and documents and queries, on which ranges of activations are taken."""


def make(trained: Path, work: Path, precisions: Sequence[Precision]) -> Material:
    """Export and quantize; what is there already is taken as it is."""
    model, graph = work / "trained", work / "logits.onnx"
    if not model.exists():
        read = read_trained(trained)
        reading = dataclasses.replace(read.reading, document_tokens=LONGEST)
        write_trained(model, dataclasses.replace(read, reading=reading))
    folders = {EXACT: work / EXACT}
    if not folders[EXACT].exists():
        export_folder(read_trained(model), folders[EXACT], quantize=False)
    for precision in precisions:
        folders[precision.value] = work / precision.value
        if not folders[precision.value].exists():
            write_precision(folders[EXACT], folders[precision.value], _options(folders[EXACT], precision))
    if not graph.exists():
        export_logits(read_trained(model).model, graph)
    return Material(model, folders, graph)


def _options(exact: Path, precision: Precision) -> QuantizeOptions:
    """Return how it is quantized; static ranges are those of texts like the measured ones."""
    if precision is not Precision.INT8_STATIC:
        return QuantizeOptions(precision)
    tokenizer = Tokenizer.from_file(str(exact / TOKENIZER_FILE))
    lengths = {Role.DOCUMENT: LONGEST // 2, Role.QUERY: _QUERY}
    texts = {role: texts_of(tokenizer, tokens, _CALIBRATION) for role, tokens in lengths.items()}
    return QuantizeOptions(precision, ranges=seen_in_folder(exact, texts))
