"""Each loss against its formula, written out."""

import numpy as np
import pytest
import torch
from csplade.pipelines import losses


def _numbers(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape)).float()


def test_info_nce_is_the_negative_log_share_of_the_positive() -> None:
    scores, targets = _numbers(3, 6), torch.tensor([0, 2, 4])
    shares = [np.exp(row[t] / 0.5) / np.exp(row / 0.5).sum() for row, t in zip(scores.numpy(), (0, 2, 4), strict=True)]
    found = losses.info_nce(scores, targets, None, temperature=0.5)
    assert found.item() == pytest.approx(-np.mean(np.log(shares)), rel=1e-5)


def test_info_nce_leaves_ignored_documents_out() -> None:
    scores, targets = _numbers(2, 4), torch.tensor([0, 2])
    ignored = torch.tensor([[False, False, True, False], [False, False, False, False]])
    first = losses.info_nce(scores[:1, [0, 1, 3]], torch.tensor([0]), None, 1.0)
    second = losses.info_nce(scores[1:], torch.tensor([2]), None, 1.0)
    assert losses.info_nce(scores, targets, ignored, 1.0).item() == pytest.approx(((first + second) / 2).item())


def test_flops_is_the_sum_of_squared_mean_weights() -> None:
    terms = _numbers(5, 7).relu()
    assert losses.flops(terms).item() == pytest.approx((terms.numpy().mean(0) ** 2).sum(), rel=1e-5)


def test_kl_is_zero_for_the_teachers_own_scores_and_else_the_divergence() -> None:
    ours, theirs = _numbers(3, 5), _numbers(3, 5, seed=1)
    assert losses.kl_to_teacher(theirs, theirs, 0.3, 0.3).item() == pytest.approx(0.0, abs=1e-6)
    p, q = (np.exp(s.numpy() / t) / np.exp(s.numpy() / t).sum(1, keepdims=True) for s, t in ((theirs, 0.3), (ours, 2)))
    wanted = (p * np.log(p / q)).sum(1).mean()
    assert losses.kl_to_teacher(ours, theirs, 2.0, 0.3).item() == pytest.approx(wanted, rel=1e-4)


def test_margin_mse_compares_margins_not_scores() -> None:
    ours, theirs, targets = _numbers(3, 4), _numbers(3, 4, seed=1), torch.tensor([1, 0, 3])
    wanted = [
        ((ours[row, t] - ours[row, j]) - (theirs[row, t] - theirs[row, j])).item() ** 2
        for row, t in enumerate(targets.tolist())
        for j in range(4)
        if j != t
    ]
    assert losses.margin_mse(ours, theirs, targets).item() == pytest.approx(np.mean(wanted), rel=1e-5)
    assert losses.margin_mse(ours + 7, theirs, targets).item() == pytest.approx(np.mean(wanted), rel=1e-4)


def test_bag_of_words_is_the_mean_surprise_of_the_words_and_skips_empty_bags() -> None:
    logits = _numbers(3, 4)
    bags = torch.tensor([[1, 0, 1, 0], [0, 0, 0, 0], [0, 1, 0, 0]]) > 0
    log_shares = logits.numpy() - np.log(np.exp(logits.numpy()).sum(1, keepdims=True))
    wanted = -(log_shares[0, [0, 2]].mean() + log_shares[2, 1]) / 2
    assert losses.bag_of_words(logits, bags).item() == pytest.approx(wanted, rel=1e-5)


def test_bag_of_words_of_empty_bags_alone_is_zero() -> None:
    assert losses.bag_of_words(_numbers(2, 3), torch.zeros(2, 3, dtype=torch.bool)).item() == 0.0


def test_bag_of_words_reaches_terms_that_the_relu_has_silenced() -> None:
    logits = torch.tensor([[-3.0, -1.0, torch.finfo(torch.float32).min]], requires_grad=True)
    losses.bag_of_words(logits, torch.tensor([[True, False, False]])).backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None and logits.grad.isfinite().all() and logits.grad[0, 0] < 0


def test_focusing_keeps_the_heaviest_terms_and_their_gradient() -> None:
    terms = torch.tensor([[1.0, 5.0, 3.0, 0.0], [2.0, 0.5, 4.0, 3.0]], requires_grad=True)
    found = losses.focused(terms, 2)
    assert found.tolist() == [[0, 5, 3, 0], [0, 0, 4, 3]]
    found.sum().backward()  # type: ignore[no-untyped-call]
    assert terms.grad is not None and terms.grad.tolist() == [[0, 1, 1, 0], [0, 0, 1, 1]]


@pytest.mark.parametrize("keep", [0, 4, 9])
def test_a_window_as_wide_as_all_terms_keeps_them(keep: int) -> None:
    terms = _numbers(2, 4)
    assert torch.equal(losses.focused(terms, keep), terms)
