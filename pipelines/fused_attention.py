"""Rotary causal attention as one operator of ONNX Runtime, in exported graphs; needs torch.

Exported piece by piece, the attention of a decoder is dozens of small nodes for each layer, which turn, repeat, mask
and move its tensors. ONNX Runtime's GroupQueryAttention does all of that; the projections before it become one product.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from csplade.pipelines.attention_kinds import Attention
from csplade.pipelines.model import SparseEncoderModel
from csplade.pipelines.quantize_products import RUNTIME_DOMAIN
from onnx import TensorProto
from torch import Tensor, nn
from torch._C import NoneType, Value
from torch.nn.functional import linear, scaled_dot_product_attention
from torch.onnx import register_custom_op_symbolic  # type: ignore[attr-defined]  # not listed, but documented
from torch.onnx.symbolic_helper import parse_args
from transformers import PreTrainedModel

_NAME = "csplade::group_query_attention"

_FUSED = frozenset({"llama", "mistral", "qwen2"})
"""Architectures whose attention is rotary, causal and nothing else; a test sees that each gives the same vectors."""
_CHANGING = ("dynamic", "longrope")
"""Kinds of rotary positions that differ by the length of the text."""
_HEAD_UNIT = 16
"""The operator turns heads whose size is a multiple of this."""


@contextmanager
def fused_attention(model: SparseEncoderModel, tokens: int) -> Iterator[None]:
    """Let the layers run the operator meanwhile, for texts of so many tokens at most, if it does what theirs does."""
    longest = 2 * tokens if model.options.attention is Attention.ECHO else tokens
    if model.options.attention is Attention.BIDIRECTIONAL or not _fusible(model.backbone, longest):
        yield
        return
    with _replaced(model.backbone, longest):
        yield


def _fusible(backbone: PreTrainedModel, tokens: int) -> bool:
    config = backbone.config
    if config.model_type not in _FUSED or getattr(backbone.rotary_emb, "rope_type", "default") in _CHANGING:
        return False
    head = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    if head % _HEAD_UNIT:
        return False
    window = getattr(config, "sliding_window", None) if getattr(config, "use_sliding_window", True) else None
    return window is None or window >= tokens


@contextmanager
def _replaced(backbone: nn.Module, tokens: int) -> Iterator[None]:
    layers: Any = backbone.layers  # Any: transformers' decoder layers
    kept = [layer.self_attn for layer in layers]
    turns = _turns(backbone, tokens)
    try:
        for layer in layers:
            layer.self_attn = _Attention(layer.self_attn, *turns)
        yield
    finally:
        for layer, attention in zip(layers, kept, strict=True):
            layer.self_attn = attention


@torch.no_grad()
def _turns(backbone: nn.Module, tokens: int) -> tuple[Tensor, Tensor]:
    """Return cosines and sines of each position: (tokens, head size / 2) both."""
    rotary: Any = backbone.rotary_emb  # Any: transformers' module
    cosines, sines = rotary(torch.zeros(1), torch.arange(tokens)[None])
    half = cosines.shape[-1] // 2
    return cosines[0, :, :half].contiguous(), sines[0, :, :half].contiguous()


class _Attention(nn.Module):
    """Takes the place of a transformers attention."""

    def __init__(self, attention: nn.Module, cosines: Tensor, sines: Tensor) -> None:
        super().__init__()
        theirs: Any = attention  # Any: transformers' module
        parts = (theirs.q_proj, theirs.k_proj, theirs.v_proj)
        self.weight = nn.Parameter(torch.cat([part.weight for part in parts]), requires_grad=False)
        biased = parts[0].bias is not None
        self.bias = nn.Parameter(torch.cat([part.bias for part in parts]), requires_grad=False) if biased else None
        self.o_proj = theirs.o_proj
        self.size, self.scale = theirs.head_dim, theirs.scaling
        self.cosines: Tensor
        self.sines: Tensor
        self.register_buffer("cosines", cosines)
        self.register_buffer("sines", sines)

    def forward(self, hidden_states: Tensor, **_unused: object) -> tuple[Tensor, None]:
        """Attend: (batch, length, width) -> the same; transformers passes what is not needed here by name."""
        mixed = linear(hidden_states, self.weight, self.bias)
        heads = self.o_proj.weight.shape[1] // self.size
        groups = (self.weight.shape[0] // self.size - heads) // 2
        attended = _group_query_attention(mixed, self.cosines, self.sines, heads, groups, self.scale)
        found: Tensor = self.o_proj(attended)
        return found, None


@torch.library.custom_op(_NAME, mutates_args=())
def _group_query_attention(
    mixed: Tensor, cosines: Tensor, sines: Tensor, heads: int, groups: int, scale: float
) -> Tensor:
    """Return (batch, length, heads * size) of packed (batch, length, (heads + 2 groups) * size)."""
    parts = mixed.view(*mixed.shape[:2], heads + 2 * groups, 2 * cosines.shape[1]).transpose(1, 2)
    turned, value = parts[:, : heads + groups], parts[:, heads + groups :]
    first, second = turned.chunk(2, -1)
    cosine, sine = cosines[: mixed.shape[1]], sines[: mixed.shape[1]]
    turned = torch.cat([first * cosine - second * sine, second * cosine + first * sine], -1)
    query, key = turned[:, :heads], turned[:, heads:]
    found = scaled_dot_product_attention(query, key, value, is_causal=True, scale=scale, enable_gqa=True)
    return found.transpose(1, 2).flatten(2)


@parse_args("v", "v", "v", "i", "i", "f")
def _operator(
    graph: object, mixed: Value, cosines: Value, sines: Value, heads: int, groups: int, scale: float
) -> Value:
    """Return the operator: all texts as long as the longest, since what stands before padding does not see it."""
    tracer: Any = graph  # Any: the operators are not in its type
    constant = partial(tracer.op, "Constant")
    shape = tracer.op("Shape", mixed)
    batch = tracer.op("Gather", shape, constant(value_t=torch.tensor([0])))
    length = tracer.op("Cast", tracer.op("Gather", shape, constant(value_t=torch.tensor(1))), to_i=TensorProto.INT32)
    last = tracer.op("Expand", tracer.op("Sub", length, constant(value_t=torch.tensor(1, dtype=torch.int32))), batch)
    absent = tracer.op("prim::Constant")
    absent.setType(NoneType.get())
    inputs = [mixed, absent, absent, absent, absent, last, length, cosines, sines]
    sizes = {"num_heads_i": heads, "kv_num_heads_i": groups, "do_rotary_i": 1, "scale_f": scale}
    attended, *_ = tracer.op(f"{RUNTIME_DOMAIN}::GroupQueryAttention", *inputs, **sizes, outputs=3)
    turns: Any = cosines.type()
    attended.setType(mixed.type().with_sizes([None, None, 2 * heads * turns.sizes()[1]]))
    found: Value = attended
    return found


register_custom_op_symbolic(_NAME, _operator, 1)
