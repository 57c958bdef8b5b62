"""The circuit: who may send while the cluster is down, and how long it is waited for."""

import threading
import time
from concurrent.futures import CancelledError
from types import SimpleNamespace

import pytest
from csplade.integration.circuit import Circuit
from csplade.integration.errors import UnreachableError

GONE = UnreachableError("the cluster is gone")


def test_while_the_cluster_is_down_one_tries_at_a_time_and_a_success_lets_all_go_on() -> None:
    circuit = Circuit(outage=60)
    assert circuit.refused(GONE)
    inside, most, lock = 0, 0, threading.Lock()

    def enter() -> None:
        nonlocal inside, most
        with circuit.turn(0.0):
            with lock:
                inside += 1
                most = max(most, inside)
            time.sleep(0.02)
            with lock:
                inside -= 1

    threads = [threading.Thread(target=enter) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1
    circuit.taken()
    assert not circuit.down
    with circuit.turn(0.0), circuit.turn(0.0):
        pass


def test_an_outage_is_waited_for_so_long_and_told_once(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr("csplade.integration.circuit.time", SimpleNamespace(monotonic=lambda: now))
    circuit = Circuit(outage=60)
    assert circuit.refused(GONE)
    now += 59
    assert circuit.refused(GONE)
    now += 2
    assert not circuit.refused(GONE)
    circuit.taken()
    assert circuit.refused(GONE)
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 3
    assert "the cluster is gone. It is waited for" in told[0]
    assert "takes documents again" in told[1]


def test_a_stopped_circuit_ends_all_waiting() -> None:
    circuit = Circuit(outage=60)
    circuit.refused(GONE)
    threading.Timer(0.05, circuit.stop).start()
    began = time.monotonic()
    with pytest.raises(CancelledError), circuit.turn(30.0):
        pass
    assert time.monotonic() - began < 10
    with pytest.raises(CancelledError), circuit.turn(0.0):
        pass
