"""The same weights as others would run them: a model that gives (batch, length, vocabulary) logits, pooled outside."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from csplade.benchmarks.encode_attention import attend_as_users
from csplade.pipelines.encode_reading import cutting_tokenizer
from csplade.pipelines.export import OPSET, SparseEncoderOnnxConfig
from csplade.pipelines.graph import padded_batch
from csplade.pipelines.model import SparseEncoderModel
from numpy.typing import NDArray
from onnxruntime import InferenceSession
from optimum.exporters.onnx.convert import export_pytorch
from sentence_transformers import SparseEncoder
from sentence_transformers.base.modules.input_module import InputModule
from sentence_transformers.sparse_encoder.modules import SpladePooling
from torch import Tensor, nn

BATCH = 32
"""Texts that are run together: the default of sentence-transformers."""
_TOKENS = {0: "batch", 1: "length"}


class Logits(nn.Module):
    """Backbone, attending as transformers would load it, and head, which has all in it that is linear."""

    def __init__(self, model: SparseEncoderModel) -> None:
        super().__init__()
        attend_as_users(model)
        self.backbone, self.config = model.backbone, model.config
        head = nn.Linear(model.head.shape[1], model.head.shape[0])
        head.weight = nn.Parameter(model.head.detach() * model.scale.detach().unsqueeze(1))
        head.bias = nn.Parameter(model.shift.detach().clone())
        self.head = head

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Return logits: (batch, length) both -> (batch, length, vocabulary)."""
        states = self.backbone(input_ids=input_ids, attention_mask=attention_mask, use_cache=False).last_hidden_state
        logits: Tensor = self.head(states)
        return logits


class _LogitsOnnxConfig(SparseEncoderOnnxConfig):
    """Optimum's description of `Logits`."""

    @property
    def inputs(self) -> dict[str, dict[int, str]]:
        """Return the inputs with their dynamic axes."""
        return {"input_ids": _TOKENS, "attention_mask": _TOKENS}

    @property
    def outputs(self) -> dict[str, dict[int, str]]:
        """Return the output with its dynamic axes."""
        return {"logits": _TOKENS}


def export_logits(model: SparseEncoderModel, path: Path) -> None:
    """Write the ONNX graph that stops at logits, through Optimum as well."""
    with warnings.catch_warnings():
        # The tracer warns of every Python number that becomes a constant.
        warnings.simplefilter("ignore")
        export_pytorch(Logits(model).eval(), _LogitsOnnxConfig(model.config), OPSET, path)


class OnnxLogits:
    """Runs the exported graph."""

    def __init__(self, path: Path) -> None:
        self._session = InferenceSession(str(path), providers=["CPUExecutionProvider"])

    def run(self, ids: NDArray[np.int64], mask: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return logits: (batch, length) both -> (batch, length, vocabulary)."""
        logits: NDArray[np.float32] = self._session.run(["logits"], {"input_ids": ids, "attention_mask": mask})[0]
        return logits

    def __call__(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Do the same for tensors."""
        return torch.from_numpy(self.run(ids.numpy(), mask.numpy()))


class PlainOnnx:
    """Tokenizer, exported graph, and pooling in NumPy: what a plain export leaves to its user."""

    def __init__(self, tokenizer: str, graph: OnnxLogits, most_tokens: int) -> None:
        self._tokenizer = cutting_tokenizer(tokenizer, most_tokens)
        self._graph = graph

    def encode(self, texts: list[str]) -> list[NDArray[np.float32]]:
        """Return the weights of each text: (vocabulary,) each."""
        return [vector for begin in range(0, len(texts), BATCH) for vector in self._batch(texts[begin : begin + BATCH])]

    def _batch(self, texts: list[str]) -> NDArray[np.float32]:
        ids, mask = padded_batch([encoding.ids for encoding in self._tokenizer.encode_batch(texts)])
        logits = self._graph.run(ids, mask)
        pooled: NDArray[np.float32] = np.where(mask[:, :, None] == 1, logits, -np.inf).max(axis=1)
        return np.log1p(np.maximum(pooled, 0))


class _Module(InputModule):  # type: ignore[misc]  # its base is not typed
    """What sentence-transformers asks of a module that reads texts."""

    def __init__(self, tokenizer: str, run: Logits | OnnxLogits, most_tokens: int) -> None:
        super().__init__()
        self.tokenizer = cutting_tokenizer(tokenizer, most_tokens)
        self._run = run

    def preprocess(
        self, inputs: list[str], prompt: str | None = None, **_options: object
    ) -> dict[str, Any]:  # Any: tensors
        """Return token ids and mask."""
        encodings = self.tokenizer.encode_batch([(prompt or "") + text for text in inputs])
        ids, mask = map(torch.from_numpy, padded_batch([encoding.ids for encoding in encodings]))
        return {"input_ids": ids, "attention_mask": mask}

    def forward(self, features: dict[str, Any], **_options: object) -> dict[str, Any]:  # Any: tensors
        """Add the logits."""
        with torch.inference_mode():
            return features | {"token_embeddings": self._run(features["input_ids"], features["attention_mask"])}

    def save(self, output_path: str, *_arguments: object, **_options: object) -> None:
        """Save nothing: it is never loaded."""


def sentence_transformer(tokenizer: str, run: Logits | OnnxLogits, most_tokens: int) -> SparseEncoder:
    """Return the library's encoder around the same weights, with its own pooling."""
    return SparseEncoder(modules=[_Module(tokenizer, run, most_tokens), SpladePooling("max")], device="cpu")
