"""What the methods of a compiled Java class load and call, in the order in which it is written there."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Text:
    """A string constant that is loaded."""

    value: str


@dataclass(frozen=True)
class Field:
    """A static field that is loaded."""

    owner: str
    name: str


@dataclass(frozen=True)
class Made:
    """An object that is made."""

    owner: str


@dataclass(frozen=True)
class Called:
    """A method that is called."""

    owner: str
    name: str
    descriptor: str


Step = Text | Field | Made | Called


@dataclass(frozen=True)
class Method:
    """A method, and what it does of the above."""

    name: str
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class JavaClass:
    """A class with the methods that it has itself."""

    name: str
    parent: str
    methods: tuple[Method, ...]


def read_class(data: bytes) -> JavaClass:
    """Return what a class file holds."""
    constants, place = _constants(data)
    _, this, parent, interfaces = struct.unpack_from(">HHHH", data, place)
    place += 8 + 2 * interfaces
    _, place = _members(data, place, constants)
    methods, _ = _members(data, place, constants)
    return JavaClass(_name(constants, this), _name(constants, parent) if parent else "", methods)


# A constant: a text, or its tag and numbers, most of them those of other constants.
_Constants = dict[int, tuple[int, ...] | str]
# tag -> how many bytes follow, and as which numbers
_SHAPES = {
    3: ">I",
    4: ">I",
    5: ">Q",
    6: ">Q",
    7: ">H",
    8: ">H",
    9: ">HH",
    10: ">HH",
    11: ">HH",
    12: ">HH",
    15: ">BH",
    16: ">H",
    17: ">HH",
    18: ">HH",
    19: ">H",
    20: ">H",
}
_STRING, _WIDE = 8, (5, 6)


def _constants(data: bytes) -> tuple[_Constants, int]:
    (count,) = struct.unpack_from(">H", data, 8)
    found: _Constants = {}
    place, number = 10, 1
    while number < count:
        tag = data[place]
        if tag == 1:
            (length,) = struct.unpack_from(">H", data, place + 1)
            found[number] = data[place + 3 : place + 3 + length].decode("utf-8", "replace")
            place += 3 + length
        else:
            found[number] = (tag, *struct.unpack_from(_SHAPES[tag], data, place + 1))
            place += 1 + struct.calcsize(_SHAPES[tag])
        # Java counts numbers of 64 bits twice.
        number += 2 if tag in _WIDE else 1
    return found, place


def _text(constants: _Constants, number: int) -> str:
    value = constants[number]
    assert isinstance(value, str)
    return value


def _numbers(constants: _Constants, number: int) -> tuple[int, ...]:
    value = constants[number]
    assert isinstance(value, tuple)
    return value[1:]


def _name(constants: _Constants, number: int) -> str:
    return _text(constants, _numbers(constants, number)[0])


def _members(data: bytes, place: int, constants: _Constants) -> tuple[tuple[Method, ...], int]:
    """Return the fields or the methods that begin at a place, and where they end."""
    (count,) = struct.unpack_from(">H", data, place)
    place += 2
    found = []
    for _ in range(count):
        _, name, _, attributes = struct.unpack_from(">HHHH", data, place)
        place += 8
        steps: tuple[Step, ...] = ()
        for _ in range(attributes):
            kind, length = struct.unpack_from(">HI", data, place)
            if _text(constants, kind) == "Code":
                (size,) = struct.unpack_from(">I", data, place + 10)
                steps = tuple(_steps(data[place + 14 : place + 14 + size], constants))
            place += 6 + length
        found.append(Method(_text(constants, name), steps))
    return tuple(found), place


_LDC, _LDC_W, _GETSTATIC, _NEW = 18, 19, 178, 187
_CALLS = frozenset({182, 183, 184, 185})
# operation -> how many bytes of operands follow; all others have none
_OPERANDS = {
    **dict.fromkeys((16, 18, 169, 188, *range(21, 26), *range(54, 59)), 1),
    **dict.fromkeys((17, 19, 20, 132, *range(153, 169), *range(178, 185), 187, 189, 192, 193, 198, 199), 2),
    **dict.fromkeys((185, 186, 200, 201), 4),
    197: 3,
}
_TABLESWITCH, _LOOKUPSWITCH, _WIDENED, _IINC = 170, 171, 196, 132


def _steps(code: bytes, constants: _Constants) -> Iterator[Step]:
    place = 0
    while place < len(code):
        operation = code[place]
        step = _step(operation, code, place, constants)
        if step is not None:
            yield step
        place += 1 + _operands(operation, code, place)


def _operands(operation: int, code: bytes, place: int) -> int:
    if operation == _WIDENED:
        return 5 if code[place + 1] == _IINC else 3
    if operation not in (_TABLESWITCH, _LOOKUPSWITCH):
        return _OPERANDS.get(operation, 0)
    # Its numbers begin at a multiple of four.
    padding = -(place + 1) % 4
    first: int
    last: int
    _, first, last = struct.unpack_from(">iii", code + bytes(4), place + 1 + padding)
    return padding + (12 + 4 * (last - first + 1) if operation == _TABLESWITCH else 8 + 8 * first)


def _step(operation: int, code: bytes, place: int, constants: _Constants) -> Step | None:
    if operation == _LDC:
        return _loaded(constants, code[place + 1])
    if operation not in (_LDC_W, _GETSTATIC, _NEW) and operation not in _CALLS:
        return None
    (number,) = struct.unpack_from(">H", code, place + 1)
    if operation == _LDC_W:
        return _loaded(constants, number)
    if operation == _NEW:
        return Made(_name(constants, number))
    owner, signature = _numbers(constants, number)
    name, descriptor = (_text(constants, each) for each in _numbers(constants, signature))
    owned = _name(constants, owner)
    return Field(owned, name) if operation == _GETSTATIC else Called(owned, name, descriptor)


def _loaded(constants: _Constants, number: int) -> Text | None:
    """Return a constant if it is a string."""
    value = constants[number]
    return Text(_text(constants, value[1])) if isinstance(value, tuple) and value[0] == _STRING else None
