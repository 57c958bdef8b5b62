"""Seeds of what a step draws: they depend on the run's seed and the step alone, so a resumed run draws the same."""

import random


def seed_of(seed: int, step: int, stream: int = 0) -> int:
    """Return the seed of one of a step's streams of random numbers, which have nothing in common."""
    return random.Random(f"{seed} {step} {stream}").getrandbits(63)
