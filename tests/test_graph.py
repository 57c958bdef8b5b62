"""Loading a graph: what is refused, and which runtime is asked for."""

from importlib.metadata import PackageNotFoundError
from pathlib import Path

import numpy as np
import pytest
from csplade.pipelines import graph
from csplade.pipelines.errors import EncoderError, MissingExtraError, UsageError
from csplade.pipelines.graph import Graph, padded_batch, require_runtime


def test_batches_are_padded_on_the_right() -> None:
    ids, mask = padded_batch([[5, 6, 7], [8]])
    assert ids.tolist() == [[5, 6, 7], [8, 0, 0]]
    assert mask.tolist() == [[1, 1, 1], [1, 0, 0]]
    assert {ids.dtype, mask.dtype} == {np.dtype(np.int64)}


def test_a_file_that_is_no_graph_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"no graph")
    with pytest.raises(EncoderError, match=r"model\.onnx cannot be loaded .*copy the encoder folder again"):
        Graph.open(path)


@pytest.mark.parametrize(
    ("installed", "error", "told"),
    [
        ((), MissingExtraError, r"pip install 'csplade\[cpu\]'"),
        (("onnxruntime", "onnxruntime-gpu"), UsageError, "both installed"),
    ],
)
def test_none_or_two_runtimes_are_told(
    monkeypatch: pytest.MonkeyPatch, installed: tuple[str, ...], error: type[Exception], told: str
) -> None:
    def distribution(name: str) -> object:
        if name not in installed:
            raise PackageNotFoundError(name)
        return object()

    monkeypatch.setattr(graph, "distribution", distribution)
    with pytest.raises(error, match=told):
        require_runtime()


def test_the_runtime_that_is_here_is_accepted() -> None:
    require_runtime()
