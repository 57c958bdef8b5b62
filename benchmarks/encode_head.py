"""Peak memory of a batch over a large vocabulary: csplade's graph beside one that stops at logits.

    python benchmarks/encode_head.py
    python benchmarks/encode_head.py --texts 8 --tokens 512 --vocabulary 128256 --json

Both graphs are exported from one model of two layers with random weights, 576 wide. Each runs one batch in a process of
its own; the peak is the largest resident size after the batch less that before it, when the graph is loaded.
"""

import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import numpy as np
import orjson
from csplade.benchmarks.peak_memory import peak_mb
from csplade.commands.output import print_json, print_table

_INSIDE = "--inside"
_OURS, _LOGITS = "csplade", "logits"
_HEADS, _HEAD_SIZE = 9, 64


@dataclass(frozen=True)
class Cost:
    """What one batch took."""

    peak_mb: float
    seconds: float


def export(folder: Path, vocabulary: int, heads: int = _HEADS) -> None:
    """Write both graphs of a model with so many heads, a multiple of 3."""
    import torch
    from csplade.benchmarks.encode_logits import export_logits
    from csplade.pipelines.export import export_graph
    from csplade.pipelines.fold import Fold
    from csplade.pipelines.model import HeadOptions, SparseEncoderModel
    from transformers import LlamaConfig, LlamaModel

    torch.manual_seed(0)
    width = heads * _HEAD_SIZE
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=2,
        num_attention_heads=heads,
        num_key_value_heads=heads // 3,
        attn_implementation="eager",
    )
    rows = np.arange(vocabulary)
    fold = Fold(rows, tuple(map(str, rows)), rows[:, None])
    head = torch.randn(vocabulary, width) / width**0.5
    model = SparseEncoderModel(LlamaModel(config), head, fold, HeadOptions(None, 400, 100))
    export_graph(model, folder / f"{_OURS}.onnx")
    export_logits(model, folder / f"{_LOGITS}.onnx")


def measure(name: str, path: Path, texts: int, tokens: int, vocabulary: int) -> Cost:
    """Run one batch in this process."""
    from onnxruntime import InferenceSession

    session = InferenceSession(str(path), providers=["CPUExecutionProvider"])
    ids = np.random.default_rng(0).integers(1, vocabulary, (texts, tokens))
    feeds = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
    if name == _OURS:
        feeds["role"] = np.array(0)
    before, began = peak_mb(), time.perf_counter()
    session.run(None, feeds)
    return Cost(peak_mb() - before, time.perf_counter() - began)


def measure_apart(name: str, folder: Path, texts: int, tokens: int, vocabulary: int) -> Cost:
    """Do `measure` in a process of its own."""
    sizes = [str(size) for size in (texts, tokens, vocabulary)]
    command = [sys.executable, __file__, _INSIDE, name, str(folder / f"{name}.onnx"), *sizes]
    return Cost(**orjson.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout))


@click.command()
@click.option("--texts", default=32, show_default=True)
@click.option("--tokens", default=512, show_default=True)
@click.option("--vocabulary", default=128_256, show_default=True)
@click.option("--json", "as_json", is_flag=True)
def main(texts: int, tokens: int, vocabulary: int, as_json: bool) -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder:
        export(Path(folder), vocabulary)
        costs = {name: measure_apart(name, Path(folder), texts, tokens, vocabulary) for name in (_OURS, _LOGITS)}
    ratio = costs[_LOGITS].peak_mb / costs[_OURS].peak_mb
    if as_json:
        print_json({**{name: asdict(cost) for name, cost in costs.items()}, "memory_ratio": ratio})
        return
    rows = [(name, f"{cost.peak_mb:.0f}", f"{cost.seconds:.1f}") for name, cost in costs.items()]
    print_table(f"{texts} texts of {tokens} tokens, {vocabulary} terms", ("graph", "peak MB", "seconds"), rows)
    print_table("", ("logits / csplade",), [(f"{ratio:.1f}",)])


if __name__ == "__main__":
    if sys.argv[1:2] == [_INSIDE]:
        print_json(asdict(measure(sys.argv[2], Path(sys.argv[3]), *map(int, sys.argv[4:]))))
    else:
        main()
