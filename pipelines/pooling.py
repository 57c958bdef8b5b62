"""Max pooling of language-model logits over positions, in chunks of the vocabulary; needs torch.

max over positions, then log(1 + relu(.)) is equation 1 of CSPLADE (arXiv 2504.10816); chunks keep the
(batch, length, vocabulary) tensor from ever existing, in training too.
"""

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable
from torch.nn.functional import embedding_bag

_CHUNK = 8192
_LOGITS_AT_ONCE = 2**24
"""64 MB of float32; a chunk of 8192 rows for 8 texts of 256 tokens."""


def max_pool(hidden: Tensor, head: Tensor, mask: Tensor, bias: Tensor | None = None, chunk: int = _CHUNK) -> Tensor:
    """Return the largest logit of each vocabulary row over the positions that count.

    Shapes: hidden (batch, length, width), head (vocabulary, width), mask (batch, length), bias (vocabulary,)
    -> (batch, vocabulary). A text none of whose positions counts gets the lowest finite number.
    """
    opened = mask != 0
    first = opened.int().argmax(dim=1)  # (batch,); 0 where nothing counts
    # A repeated position changes no maximum, so that nothing has to be done with logits, which are wider than states.
    some = hidden.gather(1, first[:, None, None].expand(-1, 1, hidden.shape[2]))  # (batch, 1, width)
    states = torch.where(opened.unsqueeze(-1), hidden, some)
    parts = []
    for begin in range(0, head.shape[0], chunk):
        # Slices, not `split`: the exporter folds a slice of a constant into a constant, which can then be quantized.
        parts.append(torch.matmul(states, head[begin : begin + chunk].transpose(0, 1)).amax(dim=1))
    pooled = torch.cat(parts, dim=-1)
    lowest = torch.finfo(pooled.dtype).min
    return _with_bias(pooled.masked_fill(~opened.any(dim=1, keepdim=True), lowest), bias)


def max_pool_for_training(
    hidden: Tensor, head: Tensor, mask: Tensor, bias: Tensor | None = None, logits_at_once: int = _LOGITS_AT_ONCE
) -> Tensor:
    """Return what `max_pool` returns, with gradients for states, head and bias at the cost of the live terms alone.

    Shapes: hidden (batch, length, width), head (vocabulary, width), mask (batch, length), bias (vocabulary,)
    -> (batch, vocabulary). Never holds more than `logits_at_once` logits, or one row of the head for all positions.
    Where several positions share the maximum, one of them gets the whole gradient. Autocast is obeyed as by a plain
    product, but gradients are summed in the type of the head, not of the product.
    """
    rows = max(1, logits_at_once // max(1, mask.numel()))
    pooled: Tensor = _MaxPool.apply(hidden, head, mask, rows)
    return _with_bias(pooled, bias)


def _with_bias(pooled: Tensor, bias: Tensor | None) -> Tensor:
    """Add the bias after the maximum: it is the same at all positions of a row, and so changes no place of one."""
    return pooled if bias is None else pooled + bias


class _MaxPool(torch.autograd.Function):
    """Remembers where each maximum stood; only those places have a gradient.

    Nothing here is tied to one kind of device, as `torch.amp.custom_fwd` and `custom_bwd` would: the forward product
    obeys the autocast of its device by itself, and backward has no operation that autocast changes.
    """

    @staticmethod
    def forward(ctx: FunctionCtx, hidden: Tensor, head: Tensor, mask: Tensor, rows: int) -> Tensor:
        origin = _open_positions(mask)
        states = hidden.flatten(0, 1)[origin.flatten()]  # (batch * length, width)
        # The head on the left: so the maximum runs along memory, which is about four times faster on a processor.
        parts = [_largest(part @ states.T, origin) for part in torch.split(head, rows)]
        pooled = torch.cat([values for values, _ in parts], dim=-1)  # (batch, vocabulary)
        empty = (mask == 0).all(dim=1, keepdim=True)  # (batch, 1)
        ctx.save_for_backward(torch.cat([places for _, places in parts], dim=-1), empty, hidden, head)
        return pooled.masked_fill_(empty, torch.finfo(pooled.dtype).min)

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        places, empty, hidden, head = ctx.saved_tensors  # type: ignore[attr-defined]
        needs_hidden, needs_head, *_ = ctx.needs_input_grad  # type: ignore[attr-defined]
        alive = gradient.masked_fill(empty, 0)
        # After a relu some hundred terms of a vocabulary have a gradient; the transposed form gives them by term.
        terms, texts = alive.T.nonzero(as_tuple=True)  # (live,) each
        factors, at = alive[texts, terms].to(head.dtype), places[texts, terms].long()
        for_hidden = for_head = None
        if needs_hidden:
            order = at.argsort(stable=True)
            summed = _sum_by(at[order], hidden.shape[0] * hidden.shape[1], head, terms[order], factors[order])
            for_hidden = summed.view_as(hidden).to(hidden.dtype)
        if needs_head:
            states = hidden.flatten(0, 1).to(head.dtype)
            for_head = _sum_by(terms, head.shape[0], states, at, factors)
        return for_hidden, for_head, None, None


def _open_positions(mask: Tensor) -> Tensor:
    """Return for each place of the flattened batch itself or, where it does not count, its text's first that does.

    A repeated position changes no maximum, so that no logit has to be masked: (batch, length) -> (batch, length) int32.
    """
    batch, length = mask.shape
    places = torch.arange(batch * length, dtype=torch.int32, device=mask.device).view(batch, length)
    opened = mask != 0
    first = opened.int().argmax(dim=1, keepdim=True)  # (batch, 1); 0 where nothing counts
    return torch.where(opened, places, places.gather(1, first))


def _largest(logits: Tensor, origin: Tensor) -> tuple[Tensor, Tensor]:
    """Return the maxima of one chunk and where in the flattened batch they stood.

    Shapes: logits (rows, batch * length), origin (batch, length) -> (batch, rows) twice, the second int32.
    """
    values, indices = logits.view(-1, *origin.shape).max(dim=2)  # (rows, batch) each
    return values.T, origin.gather(1, indices.T)


def _sum_by(group: Tensor, groups: int, source: Tensor, chosen: Tensor, factors: Tensor) -> Tensor:
    """Return for each group the sum of factor * chosen row of the source; the groups come in order.

    Shapes: group, chosen and factors (live,), source (rows, width) -> (groups, width). Unlike `index_add` this never
    holds the chosen rows, adds in a fixed order on every device, and uses all cores.
    """
    begins = torch.searchsorted(group, torch.arange(groups, device=group.device))
    return embedding_bag(chosen, source, begins, mode="sum", per_sample_weights=factors)
