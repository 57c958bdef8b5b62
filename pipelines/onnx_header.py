"""Which versions of ONNX a graph's file says it has, read past its weights: the runtime alone does not tell.

A protobuf message is a row of fields, each a number of field and kind, then a varint or so many bytes. Those that are
of no interest here, weights above all, are passed over.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

_VARINT, _EIGHT_BYTES, _BYTES, _FOUR_BYTES = 0, 1, 2, 5
_IR_VERSION, _OPSET_IMPORT = 1, 8
"""Fields of ONNX's ModelProto."""
_DOMAIN, _VERSION = 1, 2
"""Fields of its OperatorSetIdProto."""
_OWN_DOMAINS = ("", "ai.onnx")
_LONGEST_SHIFT = 70
"""Behind the last seven bits that a number of 64 can have."""


@dataclass(frozen=True)
class Header:
    """What the file says of itself."""

    ir_version: int
    opset: int
    """Of ONNX's own operators."""


def read_header(path: Path) -> Header | None:
    """Return the versions, None of a file that is no graph."""
    versions, opsets = [0], [0]
    try:
        with path.open("rb") as file:
            for field, value in _fields(file, {_IR_VERSION, _OPSET_IMPORT}):
                if isinstance(value, bytes):
                    opsets.extend(_own_opset(value))
                elif field == _IR_VERSION:
                    versions.append(value)
    except (OSError, EOFError, ValueError, OverflowError, MemoryError):
        return None
    return Header(versions[-1], opsets[-1])


def _own_opset(message: bytes) -> Iterator[int]:
    read = dict(_fields(BytesIO(message), {_DOMAIN, _VERSION}))
    domain, version = read.get(_DOMAIN, b""), read.get(_VERSION)
    if isinstance(domain, bytes) and domain.decode() in _OWN_DOMAINS and isinstance(version, int):
        yield version


def _fields(file: BinaryIO, wanted: set[int]) -> Iterator[tuple[int, int | bytes]]:
    while (tag := _varint(file, may_end=True)) is not None:
        field, kind = tag >> 3, tag & 7
        if kind == _VARINT:
            yield field, _number(file)
            continue
        sizes = {_EIGHT_BYTES: 8, _FOUR_BYTES: 4}
        size = _number(file) if kind == _BYTES else sizes.get(kind)
        if size is None:
            raise ValueError(f"protobuf has no kind {kind}")
        if field in wanted and kind == _BYTES:
            yield field, file.read(size)
        else:
            file.seek(size, 1)


def _number(file: BinaryIO) -> int:
    found = _varint(file)
    assert found is not None
    return found


def _varint(file: BinaryIO, may_end: bool = False) -> int | None:
    """Read seven bits a byte, the lowest first; the last byte has no eighth bit."""
    number = shift = 0
    while byte := file.read(1):
        number |= (byte[0] & 127) << shift
        shift += 7
        if shift > _LONGEST_SHIFT:
            raise ValueError("a number is longer than 64 bits")
        if byte[0] < 128:
            return number
    if may_end and not shift:
        return None
    raise EOFError
