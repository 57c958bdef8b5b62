"""SmolLM2's layers for processors with bf16 units: the same function as transformers', three times as fast in training.

Weights are bf16 there, and float elsewhere; the residual stream is float; attention is causal, padding stands on the
right. What transformers does in a dozen operations over memory is one function with its own gradient here.
"""

from types import SimpleNamespace
from typing import Any

import torch
from csplade.models.recipe.narrow import NARROW
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx
from torch.nn.functional import linear, silu
from transformers import PreTrainedModel

# What stands between two products is one pass over memory each, compiled for sizes of any kind.
_fused = torch.compile(dynamic=True)


@_fused
def _norm(x: Tensor, weight: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    factor = torch.rsqrt(x.square().mean(-1, keepdim=True) + eps)
    return (x * factor * weight).to(NARROW), factor


@_fused
def _norm_gradient(gradient: Tensor, x: Tensor, factor: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    exact, normed = gradient.float(), x * factor
    inner = exact * weight
    for_weight = (exact * normed).sum((0, 1))
    return factor * (inner - normed * (inner * normed).mean(-1, keepdim=True)), for_weight


@_fused
def _softmax_gradient(for_shares: Tensor, shares: Tensor) -> Tensor:
    exact, share = for_shares.float(), shares.float()
    return (share * (exact - (exact * share).sum(-1, keepdim=True))).to(NARROW)


@_fused
def _gated(halves: Tensor) -> Tensor:
    gate, up = halves.float().chunk(2, -1)
    return (silu(gate) * up).to(NARROW)


@_fused
def _gated_gradient(gradient: Tensor, halves: Tensor) -> tuple[Tensor, Tensor]:
    gate, up = halves.float().chunk(2, -1)
    exact, share = gradient.float(), torch.sigmoid(gate)
    active = gate * share
    return (exact * up * (share + active * (1 - share))).to(NARROW), (exact * active).to(NARROW)


def _saved(ctx: FunctionCtx) -> list[Tensor]:
    """Return what was saved, detached: that some tensors need gradients is no reason to compile again."""
    return [tensor.detach() for tensor in ctx.saved_tensors]  # type: ignore[attr-defined]


class _Norm(torch.autograd.Function):
    """x / sqrt(mean(x^2) + eps) * weight: (..., width) float -> narrow."""

    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor, weight: Tensor, eps: float) -> Tensor:
        normed, factor = _norm(x.detach(), weight.detach(), eps)
        ctx.save_for_backward(x, factor, weight)
        return normed

    @staticmethod
    def backward(ctx: FunctionCtx, gradient: Tensor) -> tuple[Tensor, Tensor, None]:
        for_x, for_weight = _norm_gradient(gradient, *_saved(ctx))
        return for_x, for_weight, None


class _Attention(torch.autograd.Function):
    """softmax(q k^T + mask) v: (batch, heads, length, size) each -> the same."""

    @staticmethod
    def forward(ctx: FunctionCtx, query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> Tensor:
        shares = torch.softmax(torch.matmul(query, key.transpose(-1, -2)).add_(mask), -1)
        ctx.save_for_backward(query, key, value, shares)
        return shares @ value

    @staticmethod
    def backward(ctx: FunctionCtx, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        query, key, value, shares = _saved(ctx)
        inner = _softmax_gradient(gradient @ value.transpose(-1, -2), shares)
        return inner @ key, inner.transpose(-1, -2) @ query, shares.transpose(-1, -2) @ gradient, None


class _Gated(torch.autograd.Function):
    """silu(gate) * up of the two halves: (..., 2 inner) -> (..., inner)."""

    @staticmethod
    def forward(ctx: FunctionCtx, halves: Tensor) -> Tensor:
        ctx.save_for_backward(halves)
        return _gated(halves.detach())

    @staticmethod
    def backward(ctx: FunctionCtx, gradient: Tensor) -> Tensor:
        (halves,) = _saved(ctx)
        # Put together outside: compiled, it would take every number of both halves.
        return torch.cat(_gated_gradient(gradient, halves), -1)


class _Layer(nn.Module):
    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        parts: Any = layer  # of transformers' Llama
        attention, mlp = parts.self_attn, parts.mlp
        self.heads_in = _narrow(attention.q_proj.weight, attention.k_proj.weight, attention.v_proj.weight)
        self.heads_out = _narrow(attention.o_proj.weight)
        self.inner_in = _narrow(mlp.gate_proj.weight, mlp.up_proj.weight)
        self.inner_out = _narrow(mlp.down_proj.weight)
        self.norms = nn.Parameter(
            torch.stack([parts.input_layernorm.weight, parts.post_attention_layernorm.weight]).detach().clone()
        )


class Llama(nn.Module):
    """Takes the place of a transformers model without its head."""

    def __init__(self, model: PreTrainedModel, frozen: int) -> None:
        """Copy the weights; the lowest `frozen` layers and the embedding are not trained."""
        super().__init__()
        self.config = model.config
        self.size = self.config.hidden_size // self.config.num_attention_heads
        self.embedding = nn.Parameter(model.embed_tokens.weight.detach().to(NARROW, copy=True), requires_grad=False)
        self.layers: Any = nn.ModuleList(_Layer(layer) for layer in model.layers)  # Any: it gives plain modules
        self.layers[:frozen].requires_grad_(False)
        self.frozen = frozen
        self.norm = nn.Parameter(model.norm.weight.detach().clone())

    def forward(self, input_ids: Tensor, attention_mask: None = None, use_cache: bool = False) -> SimpleNamespace:
        """Return the last hidden states: (batch, length) -> `last_hidden_state` (batch, length, width)."""
        turns = self._turns(input_ids.shape[1])
        states = self.embedding[input_ids].float()
        # Types are chosen here; autocast would widen some of them.
        with torch.autocast("cpu", enabled=False):
            with torch.no_grad():
                for layer in self.layers[: self.frozen]:
                    states = self._layer(states, layer, *turns)
            for layer in self.layers[self.frozen :]:
                states = self._layer(states, layer, *turns)
        return SimpleNamespace(last_hidden_state=_Norm.apply(states, self.norm, self.config.rms_norm_eps))

    @torch.no_grad()
    def copy_to(self, model: PreTrainedModel) -> None:
        """Write the weights into the transformers model that they came from."""
        for ours, theirs in zip(self.layers, model.layers, strict=True):
            attention, mlp = theirs.self_attn, theirs.mlp
            heads = [part.weight for part in (attention.q_proj, attention.k_proj, attention.v_proj)]
            for weight, value in zip(heads, ours.heads_in.split([len(part) for part in heads]), strict=True):
                weight.copy_(value)
            attention.o_proj.weight.copy_(ours.heads_out)
            for part, value in zip((mlp.gate_proj, mlp.up_proj), ours.inner_in.chunk(2), strict=True):
                part.weight.copy_(value)
            mlp.down_proj.weight.copy_(ours.inner_out)
            theirs.input_layernorm.weight.copy_(ours.norms[0])
            theirs.post_attention_layernorm.weight.copy_(ours.norms[1])
        model.norm.weight.copy_(self.norm)

    def _turns(self, length: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return cosines and sines of the rotary embedding, and the mask of what follows."""
        rates = self.config.rope_theta ** -(torch.arange(0, self.size, 2).float() / self.size)
        angles = torch.outer(torch.arange(length).float(), rates).repeat(1, 2)
        mask = torch.full((length, length), -torch.inf).triu(1)
        return angles.cos().to(NARROW), angles.sin().to(NARROW), mask.to(NARROW)

    def _layer(self, states: Tensor, layer: _Layer, cosine: Tensor, sine: Tensor, mask: Tensor) -> Tensor:
        eps, heads, groups = (
            self.config.rms_norm_eps,
            self.config.num_attention_heads,
            self.config.num_key_value_heads,
        )
        mixed = linear(_Norm.apply(states, layer.norms[0], eps), layer.heads_in)
        mixed = mixed.view(*states.shape[:2], heads + 2 * groups, self.size).transpose(1, 2)
        turned, value = mixed[:, : heads + groups], mixed[:, heads + groups :]
        first, second = turned.chunk(2, -1)
        turned = turned * cosine + torch.cat([-second, first], -1) * sine
        query, key = turned[:, :heads] * self.size**-0.5, turned[:, heads:]
        key, value = (part.repeat_interleave(heads // groups, 1) for part in (key, value))
        attended = _Attention.apply(query, key, value, mask).transpose(1, 2).flatten(2)
        states = states + linear(attended, layer.heads_out)
        inner = _Gated.apply(linear(_Norm.apply(states, layer.norms[1], eps), layer.inner_in))
        return states + linear(inner, layer.inner_out)


def _narrow(*weights: Tensor) -> nn.Parameter:
    return nn.Parameter(torch.cat([weight.detach() for weight in weights]).to(NARROW))
