"""Commands that fetch from a registry, which may have a bad moment."""

import subprocess
import time
from collections.abc import Sequence

_TRIES = 3
_WAIT_SECONDS = 5.0


def run_fetching(command: Sequence[str]) -> "subprocess.CompletedProcess[str]":
    """Run a command, up to three times as long as it fails, and return how it ended the last time."""
    for _ in range(_TRIES - 1):
        done = subprocess.run(command, capture_output=True, text=True)
        if not done.returncode:
            return done
        time.sleep(_WAIT_SECONDS)
    return subprocess.run(command, capture_output=True, text=True)
