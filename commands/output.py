"""What commands print: tables for people, JSON for machines; both on stdout, notices on stderr."""

from collections.abc import Sequence

import click
import orjson


def print_json(value: object) -> None:
    """Print one JSON value on one line."""
    click.echo(orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY).decode())


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table; columns whose cells are all numbers are aligned to the right."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title or None, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for index, name in enumerate(columns):
        numeric = bool(rows) and all(isinstance(row[index], int | float) for row in rows)
        table.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(_cell(value)) for value in row))
    Console(highlight=False).print(table)


def notice(text: str) -> None:
    """Tell the user something that is not the result."""
    click.echo(text, err=True)


def _cell(value: object) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)
