"""Workers that stand still, and such as cannot be started."""

import os
import resource
import signal
import subprocess
import sys

from csplade.tests.gateway_process import Gateway, ask, serving
from csplade.tests.gateway_workers import WORKERS, workers
from csplade.tests.raw_upstream import raw_upstream
from csplade.tests.waiting import wait_until

STILL = (*WORKERS, "--worker-timeout", "3")


def stopped(gateway: Gateway, count: int) -> set[int]:
    """Stop some workers, as a debugger or a driver does that never comes back."""
    chosen = set(sorted(workers(gateway))[:count])
    for pid in chosen:
        os.kill(pid, signal.SIGSTOP)
    return chosen


def answering(gateway: Gateway) -> None:
    """Wait until all workers answer, and none is there that does not; on a busy machine one may be replaced again."""
    wait_until(lambda: gateway.counts()["workers"] == len(workers(gateway)) == 2)


def test_a_worker_that_stands_still_is_replaced() -> None:
    with raw_upstream() as upstream, serving(upstream.url, *STILL) as gateway:
        answering(gateway)
        (still,) = stopped(gateway, 1)
        wait_until(lambda: still not in workers(gateway))
        answering(gateway)
        assert still not in workers(gateway)
        assert f"the worker {still} stands still".encode() in gateway.errors.read_bytes()


def test_a_gateway_whose_workers_stand_still_can_be_renewed_and_stopped() -> None:
    with raw_upstream() as upstream, serving(upstream.url, *STILL) as gateway:
        answering(gateway)
        still = stopped(gateway, 2)
        gateway.process.send_signal(signal.SIGHUP)
        wait_until(lambda: not still & workers(gateway))
        answering(gateway)
        stopped(gateway, 2)
        gateway.process.send_signal(signal.SIGTERM)
        assert gateway.process.wait(60) == 0


# For so few open files that none can be opened, whoever runs it.
NO_FILES = 3


def limit(gateway: Gateway, files: int) -> int:
    """Let the parent open no more files, and return what the limit was; those that are open stay."""
    before, hard = resource.prlimit(gateway.process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(gateway.process.pid, resource.RLIMIT_NOFILE, (files, hard))
    return before


def test_a_gateway_that_can_start_no_worker_goes_on_and_can_be_stopped() -> None:
    with raw_upstream() as upstream, serving(upstream.url, *WORKERS) as gateway:
        answering(gateway)
        killed, kept = workers(gateway)
        usual = limit(gateway, NO_FILES)
        os.kill(killed, signal.SIGKILL)
        wait_until(lambda: b"no worker can be started" in gateway.errors.read_bytes())
        gateway.process.send_signal(signal.SIGHUP)
        wait_until(lambda: b"the old ones go on" in gateway.errors.read_bytes())
        assert workers(gateway) - {killed} == {kept}
        assert ask(gateway.port, b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").status == 200
        limit(gateway, usual)
        answering(gateway)
        assert kept in workers(gateway)
        assert gateway.errors.read_bytes().count(b"no worker can be started") == 1

        limit(gateway, NO_FILES)
        os.kill(kept, signal.SIGKILL)
        wait_until(lambda: gateway.errors.read_bytes().count(b"no worker can be started") >= 2)
        gateway.process.send_signal(signal.SIGTERM)
        # Its folder is deleted at the end.
        limit(gateway, usual)
        assert gateway.process.wait(60) == 0


SECOND_FAILS = """
from multiprocessing.popen_spawn_posix import Popen
launch, launched = Popen._launch, []

def launch_one(self, process):
    if launched:
        raise BlockingIOError("no room for another process")
    launched.append(process)
    launch(self, process)

Popen._launch = launch_one
from csplade.cli import main
main()
"""


def test_a_gateway_whose_second_worker_cannot_be_started_ends_with_the_first() -> None:
    with raw_upstream() as upstream:
        asked = ["serve", "--url", upstream.url, "--port", "0", *WORKERS]
        done = subprocess.run([sys.executable, "-c", SECOND_FAILS, *asked], capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    told = done.stderr.splitlines()
    assert any(line.startswith("no worker can be started (no room for another process)") for line in told)
    assert told[-1] == "Error: the gateway's workers could not start: what they say is above"
