"""The exported graph: token ids in, the heaviest expansion terms and one literal gate per token out.

The model, the pooling over positions, log1p(relu), the fold into term keys and top-k are all inside, so that a
(batch, length, vocabulary) tensor never leaves the runtime.
"""

import enum
import re
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Protocol

import numpy as np
from csplade.pipelines.encode_options import Device
from csplade.pipelines.errors import EncoderError
from csplade.pipelines.onnx_header import read_header
from csplade.pipelines.runtime import CUDA, no_gpu, providers, require_runtime
from numpy.typing import NDArray

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

_INPUTS, _OUTPUTS = ("input_ids", "attention_mask", "role"), ("term_ids", "weights", "gates")
_KNOWN_VERSION = re.compile(r"max supported IR version: (\d+)|domain ai\.onnx is till opset (\d+)")
"""How the runtime says which versions it knows, in a sentence that is not for users."""


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

    def __init__(self, session: "InferenceSession", path: Path) -> None:
        self._session, self._path = session, path

    @classmethod
    def open(
        cls, path: Path, threads: int | None = None, device: Device | None = None, opset: int | None = None
    ) -> "Graph":
        """Load the graph on a device; without one on a GPU if the runtime has one, else on the processor.

        With `opset` the graph must be of that version of ONNX's operators.

        Raises:
            EncoderError: the file is no graph that the runtime can load, or none of ours.
            MissingExtraError: there is no onnxruntime.
            UsageError: the device is not there, or two runtimes are installed.
        """
        require_runtime()
        wanted = providers(device)
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        # Dequantize int8 weights once, when the graph is loaded, instead of in every run.
        options.add_session_config_entry("session.disable_quant_qdq", "1")
        if threads is not None:
            options.intra_op_num_threads = threads
        try:
            # The runtime prints where results go when a provider fails to begin.
            with redirect_stdout(sys.stderr):
                session = onnxruntime.InferenceSession(str(path), options, providers=wanted)
        # The runtime's own exceptions have no common base but this.
        except Exception as error:
            raise _unloadable(path, error) from error
        _check_names(session, path)
        _check_opset(path, opset)
        graph = cls(session, path)
        # The runtime goes on without a provider that fails to begin.
        if device is Device.CUDA and CUDA not in graph.providers:
            raise no_gpu("onnxruntime could not begin with CUDA; its own message is above")
        return graph

    @property
    def providers(self) -> list[str]:
        """Return what the graph runs on, the preferred first."""
        found: list[str] = self._session.get_providers()
        return found

    def run(self, token_ids: Sequence[Sequence[int]], role: Role) -> GraphOutput:
        """Run one batch of texts, each a non-empty list of token ids.

        Raises:
            EncoderError: the runtime cannot, as tokens do not fit the graph, or there is too little memory.
        """
        padded, mask = padded_batch(token_ids)
        feeds = dict(zip(_INPUTS, (padded, mask, np.array(role, dtype=np.int64)), strict=True))
        try:
            return GraphOutput(*self._session.run(list(_OUTPUTS), feeds))
        # The runtime's own exceptions have no common base but this.
        except Exception as error:
            rows, length = padded.shape
            raise EncoderError(
                f"{self._path} failed on {rows} texts of at most {length} tokens ({_said(error)}): look whether the "
                f"folder is sound with  csplade inspect {self._path.parent} --check , and copy or export it again if "
                "not; where memory was short, take smaller batches"
            ) from error


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


def _unloadable(path: Path, error: Exception) -> EncoderError:
    """Return what is said of a graph that the runtime refuses: that it is too new, if that is why, else damaged."""
    known, header = _KNOWN_VERSION.search(str(error)), read_header(path)
    if known is None or header is None:
        return EncoderError(f"{path} cannot be loaded ({_said(error)}): copy the encoder folder again")
    too_new = f"IR version {header.ir_version}" if known[1] else f"opset {header.opset}"
    return EncoderError(
        f"{path} has ONNX's {too_new}, and the onnxruntime here knows none above {known[1] or known[2]}: upgrade "
        "onnxruntime, or export the encoder again with a lower --opset"
    )


def _check_names(session: "InferenceSession", path: Path) -> None:
    inputs, outputs = ([each.name for each in values] for values in (session.get_inputs(), session.get_outputs()))
    if set(inputs) != set(_INPUTS) or not set(_OUTPUTS) <= set(outputs):
        raise EncoderError(
            f"{path} is no graph of csplade's: it takes {', '.join(inputs)} and gives {', '.join(outputs)}, not "
            f"{', '.join(_INPUTS)} and {', '.join(_OUTPUTS)}; name an encoder that csplade export wrote"
        )


def _check_opset(path: Path, wanted: int | None) -> None:
    header = None if wanted is None else read_header(path)
    if header is not None and header.opset != wanted:
        raise EncoderError(
            f"{path} has ONNX's opset {header.opset}, and the contract says {wanted}: copy or export the encoder again"
        )


def _said(error: Exception) -> str:
    """Return the runtime's words on one line."""
    return " ".join(str(error).split())


def padded_batch(token_ids: Sequence[Sequence[int]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return token ids padded on the right, and the mask of those that count: (batch, length) both."""
    padded = np.zeros((len(token_ids), max(map(len, token_ids))), dtype=np.int64)
    mask = np.zeros_like(padded)
    for row, ids in enumerate(token_ids):
        padded[row, : len(ids)] = ids
        mask[row, : len(ids)] = 1
    return padded, mask
