"""`csplade ingest`, or a command like it, as a process of its own, with an encoder slow enough to be killed."""

import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import orjson

_SECONDS = 60
_PROGRAM = """
import itertools, sys, time
from types import ModuleType
from csplade.cli import main
from csplade.tests.word_encoder import WordEncoder

most, numbers = int(sys.argv.pop(1)), itertools.count()

class Slow(WordEncoder):
    @classmethod
    def open(cls, folder, options=None):
        return cls()
    def documents(self, texts):
        for vector in super().documents(texts):
            number = next(numbers)
            while number == most:
                time.sleep(0.003)
            time.sleep(0.003)
            yield vector

module = sys.modules["csplade.pipelines.encode"] = ModuleType("csplade.pipelines.encode")
module.Encoder = Slow
main()
"""


def start(
    folder: Path,
    arguments: Sequence[object],
    command: str = "ingest",
    stdin: int | None = None,
    most: int | None = None,
) -> subprocess.Popen[str]:
    """Start `csplade COMMAND ARGUMENTS` in a folder; after `most` texts its encoder gives nothing any more."""
    program = [sys.executable, "-c", _PROGRAM, "-1" if most is None else str(most), command, *map(str, arguments)]
    pipe = subprocess.PIPE
    return subprocess.Popen(program, cwd=folder, stdin=stdin, stdout=pipe, stderr=pipe, text=True)


def settled(folder: Path) -> int:
    """Return how many records the checkpoint in a folder tells as settled, by what docs/ingesting.md says of it."""
    count = 0
    for path in folder.glob("*.checkpoint"):
        whole = [line for line in path.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]
        for line in map(orjson.loads, whole[1:]):
            count += sum(end - begin for begin, end in line.get("ranges") or [(line["from"], line["to"])])
    return count


def kill_when_settled(process: subprocess.Popen[str], folder: Path, wanted: int) -> None:
    """Let `kill -9` meet a run that goes on, once it has settled so many records."""
    deadline = time.monotonic() + _SECONDS
    while settled(folder) < wanted:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, settled(folder)
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    out, err = process.communicate()
    assert (process.returncode, out) == (-signal.SIGKILL, ""), err
