"""An ONNX graph becomes smaller: dynamic int8 through Optimum and ONNX Runtime; needs the extra [export].

Weights are unsigned 8-bit per channel: signed ones overflow in the 16-bit sums of processors that have AVX2 without
VNNI, and the same file should give the same vectors everywhere.
"""

import shutil
import tempfile
from pathlib import Path

from optimum.onnxruntime import ORTQuantizer
from optimum.onnxruntime.configuration import AutoQuantizationConfig

_GATHERED_AND_MULTIPLIED = ["MatMul", "Gather"]


def quantize_int8(graph: Path, output: Path, keep: tuple[str, ...] = ()) -> None:
    """Write `graph` with int8 weights to `output`; nodes named in `keep` stay in float32."""
    settings = AutoQuantizationConfig.avx2(
        is_static=False, per_channel=True, operators_to_quantize=_GATHERED_AND_MULTIPLIED, nodes_to_exclude=list(keep)
    )
    settings.reduce_range = False
    with tempfile.TemporaryDirectory() as folder:
        quantizer = ORTQuantizer.from_pretrained(graph.parent, file_name=graph.name)
        quantizer.quantize(save_dir=folder, quantization_config=settings, file_suffix="")
        shutil.move(Path(folder) / graph.name, output)
