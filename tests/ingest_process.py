"""`csplade ingest`, or a command like it, as a process of its own, with an encoder slow enough to be killed."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

_PROGRAM = """
import sys, time
from types import ModuleType
from csplade.cli import main
from csplade.tests.word_encoder import WordEncoder

class Slow(WordEncoder):
    @classmethod
    def open(cls, folder, options=None):
        return cls()
    def documents(self, texts):
        for vector in super().documents(texts):
            time.sleep(0.003)
            yield vector

module = sys.modules["csplade.pipelines.encode"] = ModuleType("csplade.pipelines.encode")
module.Encoder = Slow
main()
"""


def start(
    folder: Path, arguments: Sequence[object], command: str = "ingest", stdin: int | None = None
) -> subprocess.Popen[str]:
    """Start `csplade COMMAND ARGUMENTS` in a folder."""
    program = [sys.executable, "-c", _PROGRAM, command, *map(str, arguments)]
    pipe = subprocess.PIPE
    return subprocess.Popen(program, cwd=folder, stdin=stdin, stdout=pipe, stderr=pipe, text=True)
