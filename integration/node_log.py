"""Reads the log of a server process: its end, and why the server died."""

import re
from collections import deque
from pathlib import Path

_TELLING = re.compile(r"\bERROR\b|\bFATAL\b|Exception|Error:|[Ee]rror occurred|fatal|^Exception|Permission denied")
_LONGEST = 400


def tail(log: Path, lines: int) -> list[str]:
    """Return the last lines of a log; nothing if there is none yet."""
    try:
        with log.open(encoding="utf-8", errors="replace") as file:
            return [line.rstrip("\n") for line in deque(file, lines)]
    except FileNotFoundError:
        return []


def reason(log: Path) -> str:
    """Return the line that tells best why a server died, as far as its log says."""
    lines = [line for line in tail(log, 200) if line.strip()]
    telling = [line for line in lines if _TELLING.search(line) and not line.lstrip().startswith("at ")]
    chosen = telling[0] if telling else (lines[-1] if lines else "it said nothing")
    return chosen.strip()[:_LONGEST]
