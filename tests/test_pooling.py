"""Chunked max pooling against the plain formula, values and gradients."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest
import torch
from csplade.pipelines.pooling import max_pool, max_pool_for_training
from torch import Tensor

BENCHMARK = Path(__file__).resolve().parent.parent / "benchmarks" / "train.py"
Pool = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]

MASKS = {
    "all positions count": [[1, 1, 1, 1, 1]] * 3,
    "padded on the right": [[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [1, 0, 0, 0, 0]],
    "closed at the start and between": [[0, 1, 1, 1, 1], [0, 1, 0, 0, 1], [0, 0, 0, 0, 1]],
}


def inputs(width: int = 4, vocabulary: int = 7) -> tuple[Tensor, Tensor, Tensor]:
    """Return states of 3 texts of 5 tokens, a head and its bias."""
    torch.manual_seed(0)
    shapes = ((3, 5, width), (vocabulary, width), (vocabulary,))
    hidden, head, bias = (torch.randn(shape, requires_grad=True) for shape in shapes)
    return hidden, head, bias


def plain(hidden: Tensor, head: Tensor, mask: Tensor, bias: Tensor) -> Tensor:
    """Return the formula with the whole (batch, length, vocabulary) tensor."""
    return (hidden @ head.T + bias).masked_fill(mask[..., None] == 0, float("-inf")).amax(dim=1)


def gradients(pooled: Tensor, weights: Tensor, *of: Tensor) -> tuple[Tensor, ...]:
    return torch.autograd.grad((pooled * weights).sum(), of)


@pytest.mark.parametrize("chunk", [1, 3, 7, 100])
def test_chunks_change_neither_the_maximum_nor_its_gradient(chunk: int) -> None:
    hidden, head, bias = inputs()
    mask = torch.tensor(MASKS["closed at the start and between"])
    found, expected = max_pool(hidden, head, mask, bias, chunk), plain(hidden, head, mask, bias)
    torch.testing.assert_close(found, expected)
    weights = torch.randn_like(expected)
    torch.testing.assert_close(
        gradients(found, weights, hidden, head, bias), gradients(expected, weights, hidden, head, bias)
    )


@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS.keys())
# 15 positions: 1, 3 and 7 rows at once of 7, and less than one row.
@pytest.mark.parametrize("logits_at_once", [1, 15, 50, 105, 2**24])
def test_the_training_form_equals_plain_values_and_gradients(mask: list[list[int]], logits_at_once: int) -> None:
    hidden, head, bias = inputs()
    counted = torch.tensor(mask)
    found = max_pool_for_training(hidden, head, counted, bias, logits_at_once)
    expected = plain(hidden, head, counted, bias)
    torch.testing.assert_close(found, expected)
    weights = torch.randn_like(expected)
    torch.testing.assert_close(
        gradients(found, weights, hidden, head, bias), gradients(expected, weights, hidden, head, bias)
    )


def test_the_training_form_stands_a_numerical_check() -> None:
    tensors = [tensor.detach().double().requires_grad_() for tensor in inputs(width=2, vocabulary=5)]
    mask = torch.tensor(MASKS["padded on the right"])

    def pooled(hidden: Tensor, head: Tensor, bias: Tensor) -> Tensor:
        return max_pool_for_training(hidden, head, mask, bias, 15 * 2)

    assert torch.autograd.gradcheck(pooled, tensors)


def test_a_wide_head_with_few_live_terms_has_gradients_within_1e_4_of_plain() -> None:
    hidden, head, bias = inputs(width=64, vocabulary=5000)
    mask = torch.tensor(MASKS["padded on the right"])
    found = max_pool_for_training(hidden, head, mask, bias, 15 * 512)
    expected = plain(hidden, head, mask, bias)
    threshold = expected.detach().topk(40, dim=-1).values[:, -1:]
    mine, theirs = (
        torch.autograd.grad(torch.log1p(torch.relu(one - threshold)).square().sum(), (hidden, head, bias))
        for one in (found, expected)
    )
    assert 0 < int((theirs[1] != 0).any(dim=1).sum()) <= 120
    torch.testing.assert_close(mine, theirs, atol=1e-4, rtol=0)


def test_where_no_term_is_alive_gradients_are_zero_and_not_absent() -> None:
    hidden, head, _ = inputs()
    pooled = max_pool_for_training(hidden, head, torch.ones(3, 5))
    for gradient, of in zip(gradients(pooled, torch.zeros(3, 7), hidden, head), (hidden, head), strict=True):
        torch.testing.assert_close(gradient, torch.zeros_like(of))


def test_each_gradient_is_given_only_to_what_wants_one() -> None:
    hidden, head, bias = inputs()
    weights = torch.randn(3, 7)
    everything = gradients(max_pool_for_training(hidden, head, torch.ones(3, 5), bias), weights, hidden, head, bias)
    for wanted, expected in enumerate(everything):
        tensors = [tensor.detach() for tensor in (hidden, head, bias)]
        tensors[wanted].requires_grad_()
        pooled = max_pool_for_training(tensors[0], tensors[1], torch.ones(3, 5), tensors[2])
        torch.testing.assert_close(gradients(pooled, weights, tensors[wanted])[0], expected)


def test_of_equal_maxima_one_open_position_gets_the_whole_gradient() -> None:
    _, head, _ = inputs()
    hidden = torch.ones(2, 5, 4, requires_grad=True)
    mask = torch.tensor([[1, 1, 1, 1, 1], [0, 0, 1, 1, 0]])
    pooled, weights = max_pool_for_training(hidden, head, mask), torch.rand(2, 7)
    torch.testing.assert_close(pooled, head.sum(dim=1).expand(2, 7))
    for_hidden, for_head = gradients(pooled, weights, hidden, head)
    torch.testing.assert_close(for_hidden.sum(dim=1), weights @ head)
    assert not for_hidden[1, [0, 1, 4]].any()
    torch.testing.assert_close(for_head, weights.sum(dim=0)[:, None].expand(7, 4))


@pytest.mark.parametrize("form", [max_pool, max_pool_for_training])
def test_a_text_without_a_position_that_counts_gives_zero_weights_and_no_nan(
    form: Pool,
) -> None:
    hidden, head, bias = inputs()
    scale = torch.full((7,), 3.0, requires_grad=True)
    pooled = form(hidden, head, torch.tensor([[1, 1, 1, 0, 0], [0] * 5, [1] * 5]), bias)
    assert torch.isfinite(pooled).all()
    weights = torch.log1p(torch.relu(scale * pooled))
    assert not weights[1].any()
    assert weights[0].any()
    for gradient in torch.autograd.grad(weights.sum(), (hidden, head, bias, scale)):
        assert torch.isfinite(gradient).all()


def test_a_text_without_a_position_that_counts_has_no_gradient_even_if_the_loss_sends_one() -> None:
    hidden, head, _ = inputs()
    pooled = max_pool_for_training(hidden, head, torch.tensor([[1] * 5, [0] * 5, [1] * 5]))
    for_hidden, _ = gradients(pooled, torch.ones(3, 7), hidden, head)
    assert not for_hidden[1].any()
    assert for_hidden[0].any()


def test_bfloat16_gives_what_plain_bfloat16_gives() -> None:
    hidden, head, bias = (tensor.detach().bfloat16().requires_grad_() for tensor in inputs(width=32, vocabulary=50))
    mask = torch.tensor(MASKS["padded on the right"])
    found, expected = max_pool_for_training(hidden, head, mask, bias), plain(hidden, head, mask, bias)
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found, expected)
    mine = gradients(found, torch.ones(3, 50), hidden, head, bias)
    assert {gradient.dtype for gradient in mine} == {torch.bfloat16}
    exact = tuple(tensor.detach().float().requires_grad_() for tensor in (hidden, head, bias))
    theirs = gradients(plain(exact[0], exact[1], mask, exact[2]), torch.ones(3, 50), *exact)
    # Two positions that differ by less than bfloat16 tells may change places, so the sum over positions is compared.
    torch.testing.assert_close(mine[0].float().sum(dim=1), theirs[0].sum(dim=1), atol=0.1, rtol=0.02)


@pytest.mark.parametrize("backward_inside", [True, False])
def test_autocast_pools_in_bfloat16_and_keeps_gradients_in_float32(backward_inside: bool) -> None:
    hidden, head, _ = inputs(width=32, vocabulary=50)
    mask, weights = torch.tensor(MASKS["padded on the right"]), torch.randn(3, 50)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = max_pool_for_training(hidden, head, mask, logits_at_once=15 * 16)
    torch.testing.assert_close(found, max_pool(hidden.bfloat16(), head.bfloat16(), mask))
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=backward_inside):
        mine = gradients(found, weights, hidden, head)
    assert {gradient.dtype for gradient in mine} == {torch.float32}
    # At the places that bfloat16 chose, gradients are exact: bfloat16 would be off by up to 1%.
    chosen = (hidden.bfloat16() @ head.bfloat16().T).masked_fill(mask[..., None] == 0, float("-inf")).argmax(dim=1)
    exact = (hidden @ head.T).gather(1, chosen[:, None]).squeeze(1)
    rounded = weights.bfloat16().float()
    torch.testing.assert_close(mine, gradients(exact, rounded, hidden, head), atol=1e-5, rtol=1e-5)


def test_states_in_bfloat16_meet_a_float32_head_under_autocast() -> None:
    hidden, head, _ = inputs(width=32, vocabulary=50)
    short = hidden.detach().bfloat16().requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        pooled = max_pool_for_training(short, head, torch.ones(3, 5))
    for_states, for_head = gradients(pooled, torch.ones(3, 50), short, head)
    assert (for_states.dtype, for_head.dtype) == (torch.bfloat16, torch.float32)


def test_a_second_derivative_is_refused_and_not_wrong() -> None:
    hidden, head, _ = inputs()
    pooled = max_pool_for_training(hidden, head, torch.ones(3, 5))
    (once,) = torch.autograd.grad(pooled.square().sum(), hidden, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        torch.autograd.backward(once.sum())


def test_the_benchmark_sees_four_times_less_memory_and_equal_gradients() -> None:
    sizes = "--vocabulary 32768 --width 32 --steps 1 --json".split()
    done = subprocess.run([sys.executable, str(BENCHMARK), *sizes], capture_output=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr.decode()
    found = orjson.loads(done.stdout)
    # Plain logits and their gradient alone are 512 MB.
    assert found["plain"]["peak_mb"] > 500
    assert found["memory_ratio"] > 4
    assert max(found["largest_gradient_difference"].values()) < 1e-4
