"""What training minimises, on scores and weights alone; needs torch.

Scores are (queries, documents); targets (queries,) is the column of each query's positive.
"""

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, kl_div, log_softmax, softmax


def info_nce(scores: Tensor, targets: Tensor, ignored: Tensor | None, temperature: float) -> Tensor:
    """Return -log(exp(s_+ / T) / sum_j exp(s_j / T)), the mean over queries (van den Oord et al. 2018, equation 4).

    Documents that are `ignored` (queries, documents) bool are left out of a query's sum.
    """
    scaled = scores / temperature
    if ignored is not None:
        scaled = scaled.masked_fill(ignored, float("-inf"))
    return cross_entropy(scaled, targets)


def flops(terms: Tensor) -> Tensor:
    """Return sum_j (mean_i x_ij)^2 (Paria et al. 2020, arXiv 2004.05665): (texts, terms) -> ()."""
    return terms.mean(dim=0).square().sum()


def kl_to_teacher(ours: Tensor, theirs: Tensor, temperature: float, teacher_temperature: float) -> Tensor:
    """Return KL(softmax(theirs / T_teacher) || softmax(ours / T)), the mean over queries (Hinton et al. 2015)."""
    wanted = softmax(theirs / teacher_temperature, dim=-1)
    return kl_div(log_softmax(ours / temperature, dim=-1), wanted, reduction="batchmean")


def margin_mse(ours: Tensor, theirs: Tensor, targets: Tensor) -> Tensor:
    """Return the mean over negatives of ((s_+ - s_-) - (t_+ - t_-))^2 (Hofstätter et al. 2020, arXiv 2010.02666)."""
    difference = ours - theirs
    # The positive's own column is a margin of 0; it is left out of the count.
    margins = difference.gather(1, targets.unsqueeze(1)) - difference
    return margins.square().sum() / max(1, margins.numel() - len(margins))


def bag_of_words(logits: Tensor, bags: Tensor) -> Tensor:
    """Return the mean over texts of -mean_{w in bag} log softmax(logits)_w: (texts, terms), (texts, terms) bool -> ().

    The prediction of another text's words (Ma et al. 2024, arXiv 2401.11248), on logits before the relu, so that terms
    that are silent can come back. Texts with an empty bag do not count.
    """
    sizes = bags.sum(dim=-1)
    # Not a product: the logit of a term that cannot fire may be as low as a float goes.
    of_bag = log_softmax(logits, dim=-1).masked_fill(~bags, 0.0).sum(dim=-1)
    return -(of_bag / sizes.clamp(min=1)).sum() / (sizes > 0).sum().clamp(min=1)


def focused(terms: Tensor, keep: int) -> Tensor:
    """Keep the `keep` heaviest terms of each text, the others become 0 and get no gradient; 0 keeps all."""
    if not 0 < keep < terms.shape[-1]:
        return terms
    best = torch.topk(terms, keep, dim=-1)
    return torch.zeros_like(terms).scatter(-1, best.indices, best.values)
