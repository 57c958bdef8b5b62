"""A run of `csplade encode` in a process of its own that is stopped in the midst of its vectors."""

import signal
import subprocess
import sys
import time
from pathlib import Path

# Slow enough that none can have come to its end when it is stopped.
_PROGRAM = """
import time
from csplade.cli import main
from csplade.pipelines.encode_output import PartFile

append = PartFile.append

def append_slowly(part, line):
    append(part, line)
    time.sleep(0.005)

PartFile.append = append_slowly
main()
"""
_SOME = 100_000
"""Bytes of vectors after which it is stopped."""


def stop_encoding(source: str, encoder: Path, how: signal.Signals, *options: str) -> str:
    """Encode a long source into v.jsonl, stop that by a signal, and return what was told on standard error."""
    command = [sys.executable, "-c", _PROGRAM, "encode", source, "--output", "v.jsonl", "--encoder", str(encoder)]
    process = subprocess.Popen([*command, *options], stderr=subprocess.PIPE, text=True)
    part, deadline = Path("v.jsonl.part"), time.monotonic() + 120
    while not (part.exists() and part.stat().st_size > _SOME) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(how)
    _, err = process.communicate(timeout=60)
    assert process.returncode in (1, -signal.SIGKILL), err
    return err
