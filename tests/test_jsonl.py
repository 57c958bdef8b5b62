"""JSON lines: what is a record, what is not, and why."""

import pytest
from csplade.pipelines.jsonl import Record, Unreadable, parse_line, read_jsonl, write_line
from hypothesis import given
from hypothesis import strategies as st

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.text(), json_values, max_size=5))
def test_a_written_record_is_read_back(value: dict[str, object]) -> None:
    assert parse_line(write_line(value), 7) == Record(7, value)


@given(st.binary())
def test_any_bytes_give_a_record_or_a_reason(raw: bytes) -> None:
    assert isinstance(parse_line(raw, 1), Record | Unreadable)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"{broken", "is not JSON (unexpected character"),
        (b'{"a": NaN}', "is not JSON"),
        (b'{"a": "\xe9"}', "is not UTF-8 (byte 0xe9 at column 8)"),
        (b"[1]", "is a list, not a JSON object"),
        (b"null", "is null, not a JSON object"),
        (b"true", "is true or false, not a JSON object"),
    ],
)
def test_a_reason_says_what_is_wrong(raw: bytes, reason: str) -> None:
    found = parse_line(raw, 3)
    assert isinstance(found, Unreadable)
    assert found.line == 3
    assert found.reason.startswith(reason)


def test_lines_are_counted_with_the_blank_ones_and_a_mark_is_taken_off() -> None:
    lines = [b'\xef\xbb\xbf{"a": 1}\r\n', b"\n", b" \r\n", b'{"a": 2}']
    assert list(read_jsonl(lines)) == [Record(1, {"a": 1}), Record(4, {"a": 2})]


def test_lines_are_read_when_asked_for() -> None:
    def endless() -> object:
        while True:
            yield b"{}\n"

    records = read_jsonl(endless())  # type: ignore[arg-type]
    assert next(records) == Record(1, {})


def test_what_json_cannot_express_is_refused() -> None:
    with pytest.raises(TypeError):
        write_line({"a": "\ud800"})
