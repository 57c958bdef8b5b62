"""Large batches in little memory, and over several devices: gradients of vectors first, of weights after; needs torch.

Gradient caching (Gao et al. 2021, arXiv 2101.06983): all texts are encoded in parts without gradients, the loss is
taken over the whole batch, and each part is encoded again with the gradients of its vectors. The result is that of the
whole batch at once.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import torch
from csplade.pipelines.collectives import gather_with_gradient
from csplade.pipelines.training_model import Encoded, Encodings
from torch import Tensor

_Told = TypeVar("_Told")
Encode = Callable[[], Encodings]
"""Encodes one part."""
Cost = Callable[[Encodings], tuple[Tensor, _Told]]
"""What a device's parts say, together -> its loss, and anything to tell of it."""


def cached_backward(parts: Sequence[Encode], cost: Cost[_Told]) -> _Told:
    """Add the gradients of `cost` over all parts to the parameters that encode them, and return what it tells.

    A single part is encoded only once.
    """
    if len(parts) == 1:
        loss, told = cost(parts[0]())
        _run_back(loss)
        return told
    states, encoded = _first_pass(parts)
    leaves = _leaves(joined(encoded))
    loss, told = cost(leaves)
    _run_back(loss)
    begins = (0, 0)
    for number, (part, state) in enumerate(zip(parts, states, strict=True)):
        sizes = len(encoded[number].queries.vectors), len(encoded[number].documents.vectors)
        gradients = [
            _gradients(side, *place) for side, place in zip(leaves, zip(begins, sizes, strict=True), strict=True)
        ]
        with state.restored():
            _run_back(_surrogate(part(), gradients))
        begins = begins[0] + sizes[0], begins[1] + sizes[1]
    return told


def joined(parts: Sequence[Encodings]) -> Encodings:
    """Return the parts as one."""
    return Encodings(_joined([part.queries for part in parts]), _joined([part.documents for part in parts]))


def gathered(encoded: Encodings) -> Encodings:
    """Return what all devices encoded, in the order of devices; only the own part has gradients."""
    return Encodings(*(_mapped(side, gather_with_gradient) for side in encoded))


@dataclass(frozen=True)
class RandomState:
    """Where the generators of chance stood, so that dropout can fall the same way again."""

    cpu: Tensor
    cuda: Tensor | None

    @classmethod
    def take(cls) -> "RandomState":
        """Return the present state."""
        return cls(torch.get_rng_state(), torch.cuda.get_rng_state() if torch.cuda.is_available() else None)

    @contextmanager
    def restored(self) -> Iterator[None]:
        """Go back to this state, and forth to the present one behind the block."""
        with torch.random.fork_rng(devices=[] if self.cuda is None else [torch.cuda.current_device()]):
            torch.set_rng_state(self.cpu)
            if self.cuda is not None:
                torch.cuda.set_rng_state(self.cuda)
            yield


@torch.no_grad()
def _first_pass(parts: Sequence[Encode]) -> tuple[list[RandomState], list[Encodings]]:
    states, encoded = [], []
    for part in parts:
        states.append(RandomState.take())
        encoded.append(part())
    return states, encoded


def _run_back(loss: Tensor) -> None:
    loss.backward()  # type: ignore[no-untyped-call]


def _leaves(encoded: Encodings) -> Encodings:
    """Return the same values as leaves that collect gradients."""
    return Encodings(*(_mapped(side, lambda values: values.detach().requires_grad_()) for side in encoded))


def _mapped(side: Encoded, change: Callable[[Tensor], Tensor]) -> Encoded:
    """Change each tensor of a side; where vectors are the expansion itself, one large tensor is enough for both."""
    vectors = change(side.vectors)
    expansion = vectors if side.expansion is side.vectors else change(side.expansion)
    return Encoded(vectors, expansion, None if side.logits is None else change(side.logits))


def _joined(sides: Sequence[Encoded]) -> Encoded:
    vectors = torch.cat([side.vectors for side in sides])
    same = all(side.expansion is side.vectors for side in sides)
    logits = [side.logits for side in sides if side.logits is not None]
    expansion = vectors if same else torch.cat([side.expansion for side in sides])
    return Encoded(vectors, expansion, torch.cat(logits) if logits else None)


def _gradients(leaves: Encoded, begin: int, size: int) -> list[Tensor | None]:
    """Return the gradients of a part's tensors, None for one that the loss did not see."""
    return [None if leaf is None or leaf.grad is None else leaf.grad[begin : begin + size] for leaf in leaves]


def _surrogate(encoded: Encodings, gradients: Sequence[Sequence[Tensor | None]]) -> Tensor:
    """Return the sum of products whose gradients are those of the loss."""
    total = encoded.documents.vectors.new_zeros(())
    for side, of_side in zip(encoded, gradients, strict=True):
        shared = side.expansion is side.vectors
        for name, values, gradient in zip(Encoded._fields, side, of_side, strict=True):
            if values is not None and gradient is not None and not (shared and name == "expansion"):
                total = total + (values * gradient).sum()
    return total
