"""Whether one ranking is better than another beyond chance: Fisher's paired randomization test.

Smucker, Allan and Carterette (CIKM 2007) compare tests for retrieval and find this one and Student's t to agree, and
advise against Wilcoxon's and the sign test.
"""

from collections.abc import Sequence

ROUNDS = 10_000
_AT_ONCE = 4_000_000
"""Random signs held at a time."""


def randomization(first: Sequence[float], second: Sequence[float], rounds: int = ROUNDS, seed: int = 0) -> float:
    """Return how often random signs of the differences give a mean as far from 0 as that found, both ways.

    Args:
        first: a measure of each query.
        second: the same measure of the same queries, ranked otherwise.
        rounds: random signs that are tried; the least that can be returned is 1 / (rounds + 1).
        seed: of the random signs.
    """
    # Here: whoever asks a command for help waits for no arrays.
    import numpy as np

    differences = np.asarray(second, dtype=np.float64) - np.asarray(first, dtype=np.float64)
    moving = differences[differences != 0]
    if not len(moving):
        return 1.0
    found, chance, extreme = abs(moving.sum()), np.random.default_rng(seed), 0
    step = max(1, _AT_ONCE // len(moving))
    for begin in range(0, rounds, step):
        signs = chance.integers(0, 2, (min(step, rounds - begin), len(moving)), dtype=np.int8) * 2 - 1
        # A sum in another order may differ in its last digits from an equal one.
        extreme += int((np.abs(signs @ moving) >= found * (1 - 1e-12)).sum())
    return (extreme + 1) / (rounds + 1)
