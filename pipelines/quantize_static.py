"""Ranges of activations on a calibration set, and which layers keep float activations, chosen by ranking; needs onnx.

A range that reconstructs activations well says little of what a ranking loses (CSPLADE, section 5.3: GPTQ and AWQ
collapse). So layers are left out by what the development collection gains from it.
"""

import re
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx
from csplade.pipelines.contract import Contract, read_contract
from csplade.pipelines.encode import Encoder
from csplade.pipelines.folder import MODEL_FILE, TOKENIZER_FILE, Tables, read_tables
from csplade.pipelines.graph import GraphOutput, Role, padded_batch
from csplade.pipelines.quantize_products import products, save_graph
from csplade.pipelines.runtime import require_runtime
from onnx import TensorProto, helper

if TYPE_CHECKING:
    from csplade.pipelines.development import Development

_OUTPUTS = ("term_ids", "weights", "gates")
_LAYER = re.compile(r"layers?[./](\d+)")

_QUERY_WORDS = 8
"""Of a document, that stand for a query."""

Ranges = dict[str, tuple[float, float]]


class WatchedGraph:
    """Runs a float graph as `csplade.pipelines.graph.Runs`, and keeps the range of what its products multiply."""

    def __init__(self, graph: Path) -> None:
        require_runtime()
        import onnxruntime

        model = onnx.load(graph)
        widths = {each.activation: each.weight.shape[0] for each in products(model)}
        self._names = list(widths)
        self.ranges: Ranges = {}
        model.graph.output.extend(
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", "length", width])
            for name, width in widths.items()
        )
        with tempfile.TemporaryDirectory() as folder:
            save_graph(model, Path(folder) / MODEL_FILE)
            path = str(Path(folder) / MODEL_FILE)
            self._session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])

    def run(self, token_ids: Sequence[Sequence[int]], role: Role) -> GraphOutput:
        """Run one batch of texts, each a non-empty list of token ids; padding counts, as it is multiplied too."""
        padded, mask = padded_batch(token_ids)
        feeds = {"input_ids": padded, "attention_mask": mask, "role": np.array(role, dtype=np.int64)}
        found = self._session.run([*_OUTPUTS, *self._names], feeds)
        for name, values in zip(self._names, found[len(_OUTPUTS) :], strict=True):
            low, high = self.ranges.get(name, (np.inf, -np.inf))
            self.ranges[name] = min(low, float(values.min())), max(high, float(values.max()))
        return GraphOutput(*found[: len(_OUTPUTS)])


def calibration_texts(development: "Development", most: int) -> dict[Role, list[str]]:
    """Return documents that nobody has judged, and their first words as queries: so no query that is measured is seen.

    Where there are too few of these, judged ones come behind them.
    """
    judged = development.collection.documents
    unjudged_first = sorted(development.documents, key=lambda document: document in judged)
    documents = [development.documents[document] for document in unjudged_first[:most]]
    return {
        Role.DOCUMENT: documents,
        Role.QUERY: [" ".join(text.split(maxsplit=_QUERY_WORDS)[:_QUERY_WORDS]) for text in documents],
    }


def seen_ranges(
    graph: Path, contract: Contract, tokenizer: str, tables: Tables, texts: Mapping[Role, Iterable[str]]
) -> Ranges:
    """Return the smallest and largest value of each activation over the texts, read as the encoder reads them."""
    watched = WatchedGraph(graph)
    encoder = Encoder(contract, tokenizer, watched, tables)
    for role, own in texts.items():
        for _ in encoder.documents(own) if role is Role.DOCUMENT else encoder.queries(own):
            pass
    return watched.ranges


def seen_in_folder(source: Path, texts: Mapping[Role, Iterable[str]]) -> Ranges:
    """Return the ranges over the texts of the encoder in a folder."""
    contract, tables = read_contract(source), read_tables(source)
    tokenizer = (source / TOKENIZER_FILE).read_text(encoding="utf-8")
    return seen_ranges(source / MODEL_FILE, contract, tokenizer, tables, texts)


def layers_of(names: Iterable[str]) -> dict[str, frozenset[str]]:
    """Group products by the layer that their names tell; what is outside of layers stands for itself."""
    layers: dict[str, set[str]] = {}
    for name in names:
        found = _LAYER.search(name)
        layers.setdefault(f"layer {found[1]}" if found else name, set()).add(name)
    return {layer: frozenset(members) for layer, members in layers.items()}


def chosen_layers(layers: Iterable[str], score: Callable[[frozenset[str]], float], enough: float) -> frozenset[str]:
    """Return the layers to leave out, none if `score` of none is enough.

    Each layer is left out alone and scored; then the best of them go, one more at a time, until it is enough. Where it
    never is, those with which the score was the highest.
    """
    kept: frozenset[str] = frozenset()
    best, best_score = kept, score(kept)
    if best_score >= enough:
        return kept
    alone = {layer: score(frozenset({layer})) for layer in layers}
    for layer in sorted(alone, key=lambda layer: (-alone[layer], layer)):
        kept |= {layer}
        found = alone[layer] if len(kept) == 1 else score(kept)
        if found > best_score:
            best, best_score = kept, found
        if best_score >= enough:
            break
    return best
