"""What changes over a training: learning rate, sparsity and the focusing window, as functions of the step; pure."""

import math

from csplade.pipelines.errors import UsageError


def rate_factor(step: int, steps: int, warm_up: float) -> float:
    """Return the factor of the learning rate: linear up over the share `warm_up` of the steps, then a cosine to 0."""
    warm = round(warm_up * steps)
    if step < warm:
        return (step + 1) / warm
    return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - warm) / max(1, steps - warm))))


def flops_factor(step: int, steps: int, warm_up: float) -> float:
    """Return the factor of the FLOPS lambdas: it grows quadratically over the share `warm_up`, then stays 1 (SPLADE).

    Pruning at once would leave nothing to learn from.
    """
    warm = warm_up * steps
    return 1.0 if step >= warm else (step / warm) ** 2


def focus_window(step: int, steps: int, start: int, end: int, share: float) -> int:
    """Return how many terms of each text are kept at a step, 0 for all (PROSPER, arXiv 2510.18527).

    From `start` the window narrows geometrically to `end` at the share `share` of the steps; then there is none.

    Raises:
        UsageError: the window would not narrow to at least one term.
    """
    if not start:
        return 0
    if not 0 < end <= start:
        raise UsageError(
            f"a focusing window of {start} terms cannot narrow to {end}: set loss.focus_end between 1 and {start}"
        )
    last = share * steps
    return 0 if step >= last else round(start * (end / start) ** (step / last))
