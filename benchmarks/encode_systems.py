"""The ways to encode that `encode.py` compares; each is opened in a process of its own."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

EXACT, INT8 = "csplade fp32", "csplade int8"
EAGER, LIBRARY, LIBRARY_ONNX = "torch eager", "sentence-transformers", "sentence-transformers, ONNX"
PLAIN = "ONNX to logits"
_MOST_TOKENS = 100_000


@dataclass(frozen=True)
class Material:
    """What was made of one trained model."""

    trained: Path
    folders: Mapping[str, Path]
    """Encoder folders by precision."""
    logits: Path
    """The graph that stops at logits."""


@dataclass(frozen=True)
class System:
    """A way to encode, opened."""

    documents: Callable[[list[str]], object]
    query: Callable[[str], object]


def names(folders: Mapping[str, Path]) -> list[str]:
    """Return the names of all ways, in the order of the table."""
    return [*(f"csplade {name}" for name in folders), EAGER, "torch.compile", LIBRARY, LIBRARY_ONNX, PLAIN]


def disk(name: str, material: Material) -> Path:
    """Return the file or folder that this way needs."""
    if name.startswith("csplade "):
        return material.folders[name.removeprefix("csplade ")]
    return material.logits if name in (LIBRARY_ONNX, PLAIN) else material.trained


def open_system(name: str, material: Material) -> System:
    """Open the way of this name; whatever it needs is imported here."""
    if name.startswith("csplade "):
        return _ours(material.folders[name.removeprefix("csplade ")])
    if name in (EAGER, "torch.compile"):
        return _torch(material, compiled=name != EAGER)
    tokenizer = (material.trained / "tokenizer.json").read_text(encoding="utf-8")
    return _plain(tokenizer, material) if name == PLAIN else _library(tokenizer, material, name == LIBRARY_ONNX)


def _ours(folder: Path) -> System:
    import os

    from csplade.pipelines.encode import EncodeOptions, Encoder

    # Many texts as `csplade encode` runs them, single queries with all threads as `csplade query` does.
    many = Encoder.open(folder, EncodeOptions(lanes=os.cpu_count() or 1, threads=1))
    one = cache(lambda: Encoder.open(folder, EncodeOptions(kept_queries=0)))
    return System(lambda texts: list(many.documents(texts)), lambda text: one().query(text))


def _torch(material: Material, compiled: bool) -> System:
    import torch
    from csplade.benchmarks.encode_attention import attend_as_users
    from csplade.pipelines.encode import EncodeOptions, Encoder
    from csplade.pipelines.folder import read_tables
    from csplade.pipelines.torch_graph import TorchGraph
    from csplade.pipelines.trained_contract import contract_of
    from csplade.pipelines.trained_folder import read_trained

    trained = read_trained(material.trained)
    attend_as_users(trained.model)
    if compiled:
        # The layers alone: top-k takes how many to keep from a tensor, which the compiler does not.
        layers: Any = torch.compile(trained.model.backbone, dynamic=True)  # Any: a wrapper
        trained.model.backbone = layers
    graph = TorchGraph(trained.model)
    tables = read_tables(material.trained)
    options = EncodeOptions(batch_tokens=4096, kept_queries=0)
    encoder = Encoder(contract_of(trained), trained.tokenizer.to_str(), graph, tables, options)
    return System(lambda texts: list(encoder.documents(texts)), encoder.query)


def _library(tokenizer: str, material: Material, onnx: bool) -> System:
    from csplade.benchmarks.encode_logits import Logits, OnnxLogits, sentence_transformer
    from csplade.pipelines.trained_folder import read_trained

    run = OnnxLogits(material.logits) if onnx else Logits(read_trained(material.trained).model).eval()
    encoder = sentence_transformer(tokenizer, run, _MOST_TOKENS)
    return System(encoder.encode_document, encoder.encode_query)


def _plain(tokenizer: str, material: Material) -> System:
    from csplade.benchmarks.encode_logits import OnnxLogits, PlainOnnx

    encoder = PlainOnnx(tokenizer, OnnxLogits(material.logits), _MOST_TOKENS)
    return System(encoder.encode, lambda text: encoder.encode([text]))
