"""What ends processes of Ray's workers. Each one imports this module anew, so it needs neither torch nor pytest."""

import os
import signal
from collections.abc import Iterable, Iterator
from os import PathLike
from pathlib import Path, PosixPath
from typing import NoReturn

from csplade.commands.encode_spread import entries
from csplade.integration.documents import RecordOptions
from csplade.pipelines.encode_blocks import Entry, Unusable
from csplade.pipelines.jsonl import Record, Unreadable

DEADLY = "3"
"""The id of the record over which workers die."""


def deadly_entries(records: Iterable[Record | Unreadable], name: str, trace: Path) -> Iterator[Entry | Unusable]:
    """Read records, and end the process over the deadly one; `trace` gets a byte for each time."""
    for entry in entries(records, name, RecordOptions()):
        if isinstance(entry, Entry) and entry.id == DEADLY:
            _die(trace)
        yield entry


class DeadlyFolder(PosixPath):
    """An encoder folder that ends the process that opens it; the file `trace` beside it gets a byte for each time."""

    def __truediv__(self, name: str | PathLike[str]) -> "DeadlyFolder":
        _die(self.with_name("trace"))


def _die(trace: Path) -> NoReturn:
    with trace.open("ab") as file:
        file.write(b".")
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("a process that is killed goes on")
