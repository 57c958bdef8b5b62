"""The exported graph: token ids in, the heaviest expansion terms and one literal gate per token out.

The model, the pooling over positions, log1p(relu), the fold into term keys and top-k are all inside, so that a
(batch, length, vocabulary) tensor never leaves the runtime.
"""

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Protocol

import numpy as np
from csplade.pipelines.encode_options import Device
from csplade.pipelines.errors import EncoderError, MissingExtraError, UsageError
from numpy.typing import NDArray

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

_RUNTIMES = ("onnxruntime", "onnxruntime-gpu")
_CUDA, _CPU = "CUDAExecutionProvider", "CPUExecutionProvider"


class Role(enum.IntEnum):
    """Which side a text is on; the graph's input `role`."""

    DOCUMENT = 0
    QUERY = 1


@dataclass(frozen=True)
class GraphOutput:
    """What the graph says of a batch."""

    term_ids: NDArray[np.int64]
    """(batch, k): positions in the list of terms."""
    weights: NDArray[np.float32]
    """(batch, k): their weights, heaviest first; 0 where fewer than k terms fire."""
    gates: NDArray[np.float32]
    """(batch, length): gate of each token; meaningless for padding."""


class Runs(Protocol):
    """What an encoder asks of a model."""

    def run(self, token_ids: Sequence[Sequence[int]], role: Role) -> GraphOutput:
        """Run one batch of texts, each a non-empty list of token ids."""
        ...


class Graph:
    """A loaded graph."""

    def __init__(self, session: "InferenceSession") -> None:
        self._session = session

    @classmethod
    def open(cls, path: Path, threads: int | None = None, device: Device | None = None) -> "Graph":
        """Load the graph on a device; without one on a GPU if the runtime has one, else on the processor.

        Raises:
            EncoderError: the file is no graph that the runtime can load.
            MissingExtraError: there is no onnxruntime.
            UsageError: the device is not there, or two runtimes are installed.
        """
        require_runtime()
        providers = _providers(device)
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        # Dequantize int8 weights once, when the graph is loaded, instead of in every run.
        options.add_session_config_entry("session.disable_quant_qdq", "1")
        if threads is not None:
            options.intra_op_num_threads = threads
        try:
            session = onnxruntime.InferenceSession(str(path), options, providers=providers)
        # The runtime's own exceptions have no common base but this.
        except Exception as error:
            raise EncoderError(f"{path} cannot be loaded ({error}): copy the encoder folder again") from error
        graph = cls(session)
        # The runtime goes on without a provider that fails to begin.
        if device is Device.CUDA and _CUDA not in graph.providers:
            raise _no_gpu("onnxruntime could not begin with CUDA; its own message is above")
        return graph

    @property
    def providers(self) -> list[str]:
        """Return what the graph runs on, the preferred first."""
        found: list[str] = self._session.get_providers()
        return found

    def run(self, token_ids: Sequence[Sequence[int]], role: Role) -> GraphOutput:
        """Run one batch of texts, each a non-empty list of token ids."""
        padded, mask = padded_batch(token_ids)
        feeds = {"input_ids": padded, "attention_mask": mask, "role": np.array(role, dtype=np.int64)}
        return GraphOutput(*self._session.run(["term_ids", "weights", "gates"], feeds))


class LateGraph:
    """A graph that is loaded when it is first run: where queries go by a table, it may never be."""

    def __init__(self, load: Callable[[], Graph]) -> None:
        self._load, self._lock = load, Lock()
        self._graph: Graph | None = None

    @property
    def providers(self) -> list[str]:
        """Return what the graph runs on, the preferred first."""
        return self._loaded().providers

    def run(self, token_ids: Sequence[Sequence[int]], role: Role) -> GraphOutput:
        """Run one batch of texts, each a non-empty list of token ids."""
        return self._loaded().run(token_ids, role)

    def _loaded(self) -> Graph:
        with self._lock:
            if self._graph is None:
                self._graph = self._load()
            return self._graph


def _providers(device: Device | None) -> list[str]:
    """Return CUDA, if it is there, and the processor; TensorRT and CoreML would compile for each shape of batch."""
    import onnxruntime

    if device is Device.CPU:
        return [_CPU]
    available = onnxruntime.get_available_providers()
    if device is Device.CUDA and _CUDA not in available:
        raise _no_gpu(f"the onnxruntime here has only {', '.join(available)}")
    return [name for name in (_CUDA, _CPU) if name in available]


def usable_device() -> Device:
    """Return the device that is taken where none is asked for.

    Raises:
        MissingExtraError: there is no onnxruntime.
        UsageError: two runtimes are installed.
    """
    require_runtime()
    return Device.CUDA if _CUDA in _providers(None) else Device.CPU


def _no_gpu(reason: str) -> UsageError:
    return UsageError(
        f"a GPU was asked for, and {reason}: uninstall onnxruntime, then  pip install 'csplade[gpu]'  on a machine "
        "with CUDA, or leave the device to csplade"
    )


def padded_batch(token_ids: Sequence[Sequence[int]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return token ids padded on the right, and the mask of those that count: (batch, length) both."""
    padded = np.zeros((len(token_ids), max(map(len, token_ids))), dtype=np.int64)
    mask = np.zeros_like(padded)
    for row, ids in enumerate(token_ids):
        padded[row, : len(ids)] = ids
        mask[row, : len(ids)] = 1
    return padded, mask


def require_runtime() -> None:
    """Check that exactly one of the two runtimes is installed; both share one import name.

    Raises:
        MissingExtraError: there is none.
        UsageError: both are there, and which one is used is a matter of chance.
    """
    installed = [name for name in _RUNTIMES if _is_installed(name)]
    if not installed:
        raise MissingExtraError("onnxruntime", "cpu")
    if len(installed) > 1:
        raise UsageError(
            "onnxruntime and onnxruntime-gpu are both installed and overwrite each other: uninstall both, then install "
            "the one for this machine with  pip install 'csplade[cpu]'  or  pip install 'csplade[gpu]'"
        )


def _is_installed(name: str) -> bool:
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True
