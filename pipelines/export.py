"""The torch encoder becomes an ONNX graph, through Optimum; needs the extra [export].

Optimum's exporters know no sparse output, so the encoder gets an export configuration of its own: token ids, mask and
role go in; term ids, weights and gates come out. It is registered with Optimum as that of the model type `csplade`, as
soon as this module is imported; docs/encoding.md shows how Optimum's users find it.
"""

import warnings
from collections import OrderedDict
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
from csplade.pipelines.fused_attention import fused_attention
from csplade.pipelines.model import SparseEncoderModel
from optimum.exporters.onnx.base import OnnxConfig
from optimum.exporters.onnx.convert import export_pytorch
from optimum.exporters.onnx.model_patcher import ModelPatcher
from optimum.exporters.tasks import TasksManager
from optimum.utils import DummyInputGenerator, NormalizedTextConfig
from transformers import PretrainedConfig

OPSET = 18
MODEL_TYPE, TASK = "csplade", "feature-extraction"
"""How Optimum finds the configuration; it knows no task of sparse vectors, and this one is nearest."""

_Axes = dict[int, str]
_BATCH: _Axes = {0: "batch"}
_TOKENS: _Axes = {0: "batch", 1: "length"}


class SparseDummyInputs(DummyInputGenerator):  # type: ignore[misc]  # optimum is not typed
    """Makes the inputs with which the model is traced; their sizes do not reach the graph."""

    SUPPORTED_INPUT_NAMES = ("input_ids", "attention_mask", "role")
    _BATCH, LENGTH = 2, 12

    def __init__(self, task: str, config: NormalizedTextConfig, **_sizes: int) -> None:
        self._vocabulary = config.vocab_size

    def generate(
        self, input_name: str, framework: str = "pt", int_dtype: str = "int64", float_dtype: str = "fp32"
    ) -> torch.Tensor:
        """Return one input."""
        if input_name == "role":
            return torch.tensor(0)
        if input_name == "attention_mask":
            return torch.ones(self._BATCH, self.LENGTH, dtype=torch.int64)
        return torch.randint(self._vocabulary, (self._BATCH, self.LENGTH))


class SparseEncoderPatcher(ModelPatcher):  # type: ignore[misc]  # optimum is not typed
    """Patches what Optimum patches while it traces; and attention, if the configuration says for how many tokens."""

    def __init__(
        self, config: "SparseEncoderOnnxConfig", model: SparseEncoderModel, model_kwargs: dict[str, Any] | None = None
    ) -> None:
        super().__init__(config, model, model_kwargs=model_kwargs)
        self._encoder, self._fused_tokens = model, config.fused_tokens
        self._fused = ExitStack()

    def __enter__(self) -> None:
        if self._fused_tokens is not None:
            # The tracer's own text must fit as well.
            longest = max(self._fused_tokens, SparseDummyInputs.LENGTH)
            self._fused.enter_context(fused_attention(self._encoder, longest))
        super().__enter__()

    def __exit__(self, *raised: object) -> None:
        super().__exit__(*raised)
        self._fused.close()


@TasksManager.create_register("onnx", overwrite_existing=True)(MODEL_TYPE, TASK)
class SparseEncoderOnnxConfig(OnnxConfig):  # type: ignore[misc]  # optimum is not typed
    """Optimum's description of `SparseEncoderModel`.

    With `fused_tokens` attention is one operator of ONNX Runtime, where that does the same, for texts of so many tokens
    at most; else all operators are ONNX's own.
    """

    _MODEL_PATCHER = SparseEncoderPatcher
    NORMALIZED_CONFIG_CLASS = NormalizedTextConfig
    DUMMY_INPUT_GENERATOR_CLASSES = (SparseDummyInputs,)

    def __init__(
        self,
        config: PretrainedConfig,
        task: str = TASK,
        int_dtype: str = "int64",
        float_dtype: str = "fp32",
        fused_tokens: int | None = None,
    ) -> None:
        super().__init__(config, task, int_dtype=int_dtype, float_dtype=float_dtype)
        self.fused_tokens = fused_tokens

    @property
    def inputs(self) -> dict[str, _Axes]:
        """Return the inputs with their dynamic axes."""
        return OrderedDict(input_ids=_TOKENS, attention_mask=_TOKENS, role={})

    @property
    def outputs(self) -> dict[str, _Axes]:
        """Return the outputs with their dynamic axes."""
        return OrderedDict(term_ids={**_BATCH, 1: "k"}, weights={**_BATCH, 1: "k"}, gates=_TOKENS)


def export_graph(model: SparseEncoderModel, path: Path, opset: int = OPSET, fused_tokens: int | None = None) -> None:
    """Write the model as an ONNX graph in float32; `fused_tokens` as in `SparseEncoderOnnxConfig`."""
    constructor = TasksManager.get_exporter_config_constructor(
        "onnx",
        model_type=MODEL_TYPE,
        task=TASK,
        library_name="transformers",
        exporter_config_kwargs={"fused_tokens": fused_tokens},
    )
    model.eval()
    with warnings.catch_warnings():
        # The tracer warns of every Python number that becomes a constant; golden vectors tell whether one should not.
        warnings.simplefilter("ignore")
        export_pytorch(model, constructor(model.config), opset, path)
