"""A trained model in all forms that `encode.py` compares, made once in a work folder."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from csplade.benchmarks.encode_logits import export_logits
from csplade.benchmarks.encode_systems import Material
from csplade.pipelines.export_folder import export_folder
from csplade.pipelines.quantize import QuantizeOptions
from csplade.pipelines.quantize_folder import EXACT, write_precision
from csplade.pipelines.quantize_kinds import Precision
from csplade.pipelines.trained_folder import read_trained, write_trained

LONGEST = 512
"""Tokens of a document, at most; the same for all ways."""


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
            write_precision(folders[EXACT], folders[precision.value], QuantizeOptions(precision))
    if not graph.exists():
        export_logits(read_trained(model).model, graph)
    return Material(model, folders, graph)
