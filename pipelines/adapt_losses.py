"""The losses of the adaptation phase of CSPLADE (arXiv 2504.10816), in chunks of positions; needs torch.

    L_CLM  = cross-entropy of the next token over logits
    L_relu = the same over log(1 + relu(logits)), the weights that the encoder makes of them

Both come from one forward pass. A chunk's logits are computed again in the backward pass, so that those of a whole
batch (batch, length, vocabulary) never exist.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.utils.checkpoint import checkpoint

_CHUNK_LOGITS = 1 << 25
"""Logits that exist at once: 128 MiB in float32, a few times over."""


class Predictions(NamedTuple):
    """What a model made of tokens it was to predict; each a sum over positions."""

    clm: Tensor
    relu: Tensor
    positive: Tensor
    """Positions whose best logit is above 0: at the others log(1 + relu(.)) says nothing and learns nothing."""


def predict(
    states: Tensor, targets: Tensor, logits_of: Callable[[Tensor], Tensor], cap: float | None, vocabulary: int
) -> Predictions:
    """Return the sums of both losses; `logits_of` is the model's head, `cap` the model's soft cap of logits, if any.

    The encoder pools logits without a cap, so that L_relu is without it. Shapes: states (positions, width), targets
    (positions,), () each.
    """
    size = max(1, _CHUNK_LOGITS // vocabulary)
    sums = [states.new_zeros((), dtype=torch.float32) for _ in Predictions._fields]
    for begin in range(0, len(targets), size):
        part = checkpoint(
            _chunk,
            states[begin : begin + size],
            targets[begin : begin + size],
            logits_of,
            cap,
            use_reentrant=False,
            preserve_rng_state=False,
        )
        sums = [sum_ + value for sum_, value in zip(sums, part, strict=True)]
    return Predictions(*sums)


def hide(ids: Tensor, share: float, mask_id: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return the ids with a share of them replaced by the mask token, and where: both (batch, length).

    The first token of a sequence stays, as no state before it could predict it; one at least is hidden.
    """
    hidden = torch.rand(ids.shape, generator=generator).to(ids.device) < share
    hidden[:, 0] = False
    if not hidden.any():
        hidden[0, -1] = True
    return ids.masked_fill(hidden, mask_id), hidden


def _chunk(
    states: Tensor, targets: Tensor, logits_of: Callable[[Tensor], Tensor], cap: float | None
) -> tuple[Tensor, Tensor, Tensor]:
    logits = logits_of(states).float()  # (positions, vocabulary)
    capped = logits if cap is None else cap * torch.tanh(logits / cap)
    return (
        cross_entropy(capped, targets, reduction="sum"),
        cross_entropy(torch.log1p(torch.relu(logits)), targets, reduction="sum"),
        (logits.detach().amax(dim=-1) > 0).sum(),
    )
