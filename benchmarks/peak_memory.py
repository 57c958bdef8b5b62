"""The largest resident size that this process has had; light, for processes that measure little else."""

import resource


def peak_mb() -> float:
    """Return it in MB, as getrusage tells it."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
