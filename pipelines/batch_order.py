"""Which examples a step sees: a pure function of seed and step, so that a resumed training sees the same batches."""

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
from csplade.pipelines.errors import UsageError
from numpy.typing import NDArray

Order = Callable[[int], list[int]]
"""Step, counted from 0 -> positions of its examples."""
_Ints = NDArray[np.int64]


def order(sources: Sequence[str], queries: int, seed: int, one_source: bool) -> Order:
    """Return the order of examples whose sources are given; each epoch is shuffled anew and has no example twice.

    What is left of an epoch and fills no batch is passed over; the next epoch leaves out others.

    Raises:
        UsageError: there are fewer examples than a batch takes, over all or, with `one_source`, of a source.
    """
    pools = _pools(sources, one_source)
    for name, pool in pools.items():
        # Of a single source it is all the same, and neither leaving it out nor mixing would help.
        _check(name, len(pool), queries, one_source and len(pools) > 1)
    per_epoch = sum(len(pool) // queries for pool in pools.values())

    # Steps follow each other, so an epoch is shuffled once.
    @lru_cache(maxsize=1)
    def epoch(number: int) -> _Ints:
        return _epoch(list(pools.values()), queries, np.random.default_rng((seed, number)))

    def positions(step: int) -> list[int]:
        number, place = divmod(step, per_epoch)
        found: list[int] = epoch(number)[place].tolist()
        return found

    return positions


def _pools(sources: Sequence[str], one_source: bool) -> dict[str, _Ints]:
    """Return the positions among which a batch is drawn, by source."""
    if not one_source:
        return {"": np.arange(len(sources))}
    names = np.array(sources)
    return {name: np.flatnonzero(names == name) for name in dict.fromkeys(sources)}


def _epoch(pools: Sequence[_Ints], queries: int, chance: np.random.Generator) -> _Ints:
    """Return the batches of an epoch: (batches, queries)."""
    shuffled = [chance.permutation(pool) for pool in pools]
    batches = [pool[: len(pool) // queries * queries].reshape(-1, queries) for pool in shuffled]
    return chance.permutation(np.concatenate(batches), axis=0)


def _check(name: str, found: int, queries: int, among_others: bool) -> None:
    if found >= queries:
        return
    if among_others:
        raise UsageError(
            f"{name} has {found} examples and batch.queries asks for {queries} of one source: lower it, leave {name} "
            "out, or set batch.one_source to false"
        )
    raise UsageError(
        f"there are {found} examples and batch.queries asks for {queries}: set batch.queries={found} or lower, or add "
        "data"
    )
