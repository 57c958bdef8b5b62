"""Reads the log of a server process: its end, what comes next, and why the server died."""

import re
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

_POLL_SECONDS = 0.3
_LOOKED_AT = 500
_LONGEST = 400
# The best teller first: Java itself, an exception with its message, else what calls itself an error.
_TELLING = (
    re.compile(r"^Error occurred during initialization of VM\n(.+)", re.MULTILINE),
    re.compile(
        r"^(?:Likely root cause: |Exception in thread .*?)?((?:[\w$]+\.)+\w*(?:Exception|Error): .+)", re.MULTILINE
    ),
    re.compile(r"\[(?:ERROR|FATAL) *\](?:\[[^\]]*\])? *(.+)"),
    re.compile(r"^((?:Error|ERROR|error): .+)", re.MULTILINE),
)


def tail(log: Path, lines: int) -> list[str]:
    """Return the last lines of a log; nothing if there is none yet."""
    try:
        with log.open(encoding="utf-8", errors="replace") as file:
            return [line.rstrip("\n") for line in deque(file, lines)]
    except FileNotFoundError:
        return []


def follow(log: Path, lines: int, goes_on: Callable[[], bool]) -> Iterator[str]:
    """Yield the last lines of a log, then each new one, as long as the server goes on."""
    with log.open(encoding="utf-8", errors="replace") as file:
        yield from (line.rstrip("\n") for line in deque(file, lines))
        begun = ""
        while True:
            # Looked at before reading: what a server says at its end is not missed.
            alive = goes_on()
            for part in file:
                begun += part
                if begun.endswith("\n"):
                    yield begun.rstrip("\n")
                    begun = ""
            if not alive:
                return
            time.sleep(_POLL_SECONDS)


def reason(log: Path) -> str:
    """Return what tells best why a server died, as far as its log says."""
    lines = [line for line in tail(log, _LOOKED_AT) if line.strip()]
    text = "\n".join(lines)
    found = next((match[1] for pattern in _TELLING if (match := pattern.search(text))), None)
    chosen = found or (lines[-1] if lines else "it said nothing")
    return chosen.strip()[:_LONGEST]
