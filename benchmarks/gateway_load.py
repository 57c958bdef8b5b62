"""Loads of searches, sent by `hey`, and what it wrote down of each of them."""

import csv
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import numpy as np
from csplade.pipelines.errors import UsageError


@dataclass
class Measured:
    """Over all rounds."""

    times: list[float] = field(default_factory=list)
    """In milliseconds."""
    seconds: float = 0.0

    def at(self, percent: float) -> float:
        """Return a percentile of the times."""
        return float(np.percentile(self.times, percent))

    @property
    def per_second(self) -> float:
        """Return the searches answered per second."""
        return len(self.times) / self.seconds


@dataclass(frozen=True)
class Load:
    """How searches are sent."""

    name: str
    clients: int
    rate: float = 0.0
    """Searches per second of all clients together; 0: each asks again as soon as it is answered."""

    def run(self, url: str, body: Path, requests: int, into: Measured) -> None:
        """Send searches, and add what became of them.

        Raises:
            UsageError: an answer was not as it should be.
        """
        count = max(1, requests // self.clients) * self.clients
        rows = self._paced(url, body, count) if self.rate else _ended(_begun(url, body, count, self.clients))
        wrong = sorted({row["status-code"] for row in rows} - {"200"})
        if wrong or len(rows) != count:
            raise UsageError(f"{url} answered {len(rows)} of {count} searches, some with {wrong}: look at its log")
        times = [float(row["response-time"]) for row in rows]
        into.times += [1000 * each for each in times]
        into.seconds += max(float(row["offset"]) + each for row, each in zip(rows, times, strict=True))

    def _paced(self, url: str, body: Path, count: int) -> list[dict[str, str]]:
        """Let each client be a process of its own that begins at some moment: the clients of one beat as one."""
        chance, begun = Random(7), []
        for _ in range(self.clients):
            begun.append(_begun(url, body, count // self.clients, 1, self.rate / self.clients))
            time.sleep(chance.random() * 2 / self.rate)
        return [row for process in begun for row in _ended(process)]


def _begun(url: str, body: Path, count: int, clients: int, rate: float = 0.0) -> "subprocess.Popen[str]":
    paced: Sequence[str] = ("-q", str(rate)) if rate else ()
    command = ["hey", "-n", str(count), "-c", str(clients), *paced, "-o", "csv", "-t", "0"]
    command += ["-m", "POST", "-T", "application/json", "-D", str(body), url]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def _ended(process: "subprocess.Popen[str]") -> list[dict[str, str]]:
    """Return what it wrote down of each search."""
    told, _ = process.communicate()
    if process.returncode:
        raise UsageError(f"hey ended with {process.returncode}: see above")
    return list(csv.DictReader(told.splitlines()))
