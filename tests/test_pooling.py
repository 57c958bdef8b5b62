"""Chunked max pooling against the plain formula, values and gradients."""

import pytest
import torch
from csplade.pipelines.pooling import max_pool, max_pool_for_training


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


def test_the_training_form_has_the_same_values_and_the_same_gradient_for_states() -> None:
    torch.manual_seed(0)
    hidden = torch.randn(3, 5, 4, requires_grad=True)
    head, mask = torch.randn(7, 4), torch.tensor([[1, 1, 1, 1, 1], [0, 1, 1, 0, 0], [1, 0, 0, 0, 0]])
    weights = torch.randn(3, 7).relu()
    plain, trained = max_pool(hidden, head, mask), max_pool_for_training(hidden, head, mask)
    torch.testing.assert_close(trained, plain)
    (expected,) = torch.autograd.grad((plain * weights).sum(), hidden)
    (found,) = torch.autograd.grad((trained * weights).sum(), hidden)
    torch.testing.assert_close(found, expected)
