"""JSON lines: bytes of a line in, a record or the reason why there is none out; and back."""

import errno
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from io import FileIO
from typing import Any

import orjson

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_KINDS = {
    list: "a list",
    str: "a string",
    bool: "true or false",
    int: "a number",
    float: "a number",
    type(None): "null",
}


@dataclass(frozen=True, slots=True)
class Record:
    """One JSON object, or one row of a table."""

    line: int
    """Where it begins, counted from 1."""
    value: Mapping[str, Any]  # Any: a JSON value


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A line that holds no record; `reason` continues a sentence that begins with its place."""

    line: int
    reason: str
    raw: str


def read_jsonl(lines: Iterable[bytes], first: int = 1) -> Iterator[Record | Unreadable]:
    """Read one JSON object per line; blank lines are passed over. `first` is the first line's place in the file."""
    for number, raw in enumerate(without_mark(lines) if first == 1 else lines, start=first):
        if raw.strip():
            yield parse_line(raw, number)


def without_mark(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Take the byte order mark off the first line; spreadsheet programs write one."""
    for number, raw in enumerate(lines):
        yield raw if number else raw.removeprefix(BYTE_ORDER_MARK)


def parse_line(raw: bytes, number: int) -> Record | Unreadable:
    """Read one line; `number` is its place in the file."""
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        return Unreadable(number, _why(raw, error), raw.decode("utf-8", errors="replace").rstrip("\r\n"))
    if not isinstance(value, dict):
        return Unreadable(number, f"is {kind(value)}, not a JSON object", raw.decode().strip())
    return Record(number, value)


def write_line(value: object) -> bytes:
    """Return the value as one line of JSON.

    Raises:
        TypeError: it holds something that JSON cannot express.
    """
    return orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE)


def append_line(file: FileIO, line: bytes) -> None:
    """Write a line at the end at once, so that a killed program has lost none; a buffer would fail again when closed.

    Raises:
        OSError: there is no room for the whole of it, and nothing of it stays; or it cannot be written.
    """
    begin = file.seek(0, os.SEEK_END)
    if file.write(line) != len(line):
        file.truncate(begin)
        file.seek(begin)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def kind(value: object) -> str:
    """Return what a JSON value is, in words for a message."""
    return _KINDS.get(type(value), "an object")


def _why(raw: bytes, error: orjson.JSONDecodeError) -> str:
    try:
        raw.decode()
    except UnicodeDecodeError as broken:
        return f"is not UTF-8 (byte 0x{raw[broken.start]:02x} at column {broken.start + 1})"
    return f"is not JSON ({error.msg} at column {error.colno})"
