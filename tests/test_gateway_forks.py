"""Forks of a gateway's parent that fail cost it nothing, so that one succeeds as soon as there is room again."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="open files are counted there")

# In a process of its own, as the parent takes the signals.
NO_FORK = """
import os, socket
from csplade.integration.gateway_workers import Workers
from uvicorn.config import Config

def no_room():
    raise BlockingIOError("no room for another process")

def run():
    assert not Workers(Config("", workers=1), listener, lambda: "fork", 1.0).run()

os.fork = no_room
listener = socket.socket()
# What workers share with their parent is opened once.
run()
before = sorted(os.listdir("/proc/self/fd"))
for _ in range(20):
    run()
assert sorted(os.listdir("/proc/self/fd")) == before
{after}
"""
# The limit is met between the two pipes.
NO_FILES = """
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (len(before) - 1 + 3, 100))
for _ in range(20):
    run()
resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))
assert sorted(os.listdir("/proc/self/fd")) == before
"""


@pytest.mark.parametrize("after", ["", NO_FILES], ids=["no fork", "no files"])
def test_a_fork_that_fails_leaves_nothing_open(after: str) -> None:
    program = NO_FORK.format(after=after)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    told = ["no room for another process", *(["Too many open files"] if after else [])]
    assert all(each in done.stderr for each in told)
