"""Chunked max pooling against the plain formula, values and gradients."""

import pytest
import torch
from csplade.pipelines.pooling import max_pool


@pytest.mark.parametrize("chunk", [1, 3, 7, 100])
def test_chunks_change_neither_the_maximum_nor_its_gradient(chunk: int) -> None:
    torch.manual_seed(0)
    hidden = torch.randn(3, 5, 4, requires_grad=True)
    head = torch.randn(7, 4, requires_grad=True)
    mask = torch.tensor([[1, 1, 1, 1, 1], [0, 1, 1, 0, 0], [1, 0, 0, 0, 0]])
    logits = (hidden @ head.T).masked_fill(mask[..., None] == 0, float("-inf"))
    expected = logits.max(dim=1).values
    found = max_pool(hidden, head, mask, chunk)
    torch.testing.assert_close(found, expected)
    weights = torch.randn_like(expected)
    for mine, theirs in zip(
        torch.autograd.grad((found * weights).sum(), (hidden, head)),
        torch.autograd.grad((expected * weights).sum(), (hidden, head)),
        strict=True,
    ):
        torch.testing.assert_close(mine, theirs)
