"""What commands print: tables for people, JSON for machines; both on stdout, notices on stderr."""

import os
import re
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click
import orjson

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

# In a pipe or file; the usual 80 columns would cut an id in two, and nobody could search for it.
_WIDTH_ELSEWHERE = 200
_ANY_WIDTH = 10_000
# A terminal would obey an escape sequence that stands in a document's id.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


def print_json(value: object) -> None:
    """Print one JSON value on one line."""
    click.echo(orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY).decode())


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table; columns whose cells are all numbers are aligned to the right, a rich `Text` keeps its style.

    The one row of a table that is wider than the terminal is printed as a column.
    """
    from rich.console import Console
    from rich.text import Text

    known = sys.stdout.isatty() or "COLUMNS" in os.environ
    console = Console(highlight=False, width=None if known else _WIDTH_ELSEWHERE)
    if title:
        # Not the table's own title, which is broken into lines as narrow as the table.
        console.print(Text(_cell(title)))
    table = _table(columns, rows)
    if len(rows) == 1 and _width(table, console) > console.width:
        # Side by side its cells would be broken.
        table = _table(("", ""), [*zip(columns, rows[0], strict=True)])
        table.show_header = False
    console.print(table)


def _width(table: "Table", console: "Console") -> int:
    """Return how wide the table is where no cell is broken."""
    return console.measure(table, options=console.options.update(max_width=_ANY_WIDTH)).maximum


def _table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> "Table":
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for index, name in enumerate(columns):
        numeric = bool(rows) and all(isinstance(row[index], int | float) for row in rows)
        table.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        # Text, because in a plain string rich would take "[b]" for a style.
        table.add_row(*(value if isinstance(value, Text) else Text(_cell(value)) for value in row))
    return table


def notice(text: str) -> None:
    """Tell the user something that is not the result."""
    click.echo(text, err=True)


def _cell(value: object) -> str:
    return f"{value:.4f}" if isinstance(value, float) else _CONTROL.sub(" ", str(value))
