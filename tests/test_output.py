"""What commands print: one line of JSON, tables of whatever text documents hold, and notices beside both."""

import orjson
import pytest
from csplade.commands.output import notice, print_json, print_table
from numpy import float32


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Return the lines that are not blank, without the space at the edge of a table."""
    out, err = capsys.readouterr()
    assert err == ""
    return [line[1:].rstrip() for line in out.splitlines() if line.strip()]


def test_json_is_one_line_of_utf_8(capsys: pytest.CaptureFixture[str]) -> None:
    value = {"text": "Brötchen\n麵包", "score": float32(0.5), "none": None, "list": []}
    print_json(value)
    out, err = capsys.readouterr()
    assert (out, err) == ('{"text":"Brötchen\\n麵包","score":0.5,"none":null,"list":[]}\n', "")
    assert orjson.loads(out) == value


def test_numbers_stand_right_and_have_four_decimals(capsys: pytest.CaptureFixture[str]) -> None:
    print_table("", ("name", "count", "score"), [("bread", 5, 1.0), ("salt", 1234, 12.345678)])
    header, _, first, second = lines(capsys)
    assert header.split() == ["name", "count", "score"]
    assert first.split() == ["bread", "5", "1.0000"]
    assert second.split() == ["salt", "1234", "12.3457"]
    assert len(header) == len(first) == len(second)


def test_a_column_with_a_word_stands_left(capsys: pytest.CaptureFixture[str]) -> None:
    print_table("", ("mixed", "end"), [(1, "a"), ("long word", "b")])
    _, _, first, _ = lines(capsys)
    assert first.startswith("1 ")


def test_a_table_without_rows_is_its_header(capsys: pytest.CaptureFixture[str]) -> None:
    print_table("", ("rank", "id"), [])
    header, _ = lines(capsys)
    assert header.split() == ["rank", "id"]


@pytest.mark.parametrize("text", ["[b]", "a[/b]", "[red]x[/red]", ":smile:", "[link=x]", r"\[b]", "100%", "http://a/b"])
def test_text_is_printed_as_it_is(capsys: pytest.CaptureFixture[str], text: str) -> None:
    print_table(text, ("id",), [(text,)])
    title, _, _, cell = lines(capsys)
    assert title == text[1:]  # A title stands at the edge.
    assert cell == text


def test_control_characters_do_not_reach_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    print_table("a\x1b[31mb\nc", ("id",), [("d\x1b]0;e\x07f\r\ng\x9b2Jh",)])
    title, _, _, cell = lines(capsys)
    assert title == " [31mb c"
    assert cell == "d ]0;e f g 2Jh"


def test_long_text_is_folded_and_none_of_it_lost(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    words = " ".join(f"word{number}" for number in range(30))
    print_table("", ("id", "text"), [("x" * 60, words), ("y", "z")])
    found = lines(capsys)
    assert max(map(len, found)) <= 40
    assert "".join(line.split()[0] for line in found[2:] if line.startswith("x")) == "x" * 60
    assert {word for line in found for word in line.split()} >= set(words.split())


def test_an_id_stays_in_one_piece_where_there_is_no_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS")
    print_table("", ("id", "text"), [("x" * 60, "word " * 18)])
    assert len(lines(capsys)) == 3


def test_a_notice_is_not_part_of_the_result(capsys: pytest.CaptureFixture[str]) -> None:
    notice("ü: only a notice")
    assert capsys.readouterr() == ("", "ü: only a notice\n")


def test_one_row_that_is_too_wide_stands_below_itself(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "50")
    columns = ["read", "written", "texts per second", "runs on"]
    print_table("", columns, [(12, 3, 4.5, "CPUExecutionProvider")])
    lines = [line.split() for line in capsys.readouterr().out.splitlines() if line.strip()]
    assert lines[:2] == [["read", "12"], ["written", "3"]]
    assert ["runs", "on", "CPUExecutionProvider"] in lines
    # Two rows would each be such a column: they stay side by side.
    print_table("", columns, [(12, 3, 4.5, "CPUExecutionProvider")] * 2)
    assert ["read", "12"] not in [line.split() for line in capsys.readouterr().out.splitlines()]
