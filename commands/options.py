"""Options that several commands share, so that each means the same everywhere."""

from collections.abc import Callable, Sequence
from dataclasses import fields
from functools import wraps
from pathlib import Path
from typing import Any

import click

SHIPPED_ENCODER = Path(__file__).resolve().parent.parent / "models" / "csplade-mini"

encoder_option = click.option(
    "--encoder",
    "encoder_folder",
    envvar="CSPLADE_ENCODER",
    default=SHIPPED_ENCODER,
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="The encoder folder. Default: CSPLADE_ENCODER, else the shipped csplade-mini.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for machines instead of a table.")
index_option = click.option("--index", required=True, metavar="NAME", help="The index.")
shards_option = click.option(
    "--shards", default=1, show_default=True, type=click.IntRange(1, 1024), help="Shards of a new index."
)
replicas_option = click.option(
    "--replicas",
    default=None,
    type=click.IntRange(0, 10),
    help="Replicas of a new index. Default: 1 as soon as a second node can hold it, on a single node none.",
)

long_option = click.option(
    "--long",
    default=None,
    type=click.Choice(["cut", "max", "passages"]),
    help="What becomes of texts longer than the encoder reads, in a new index: cut them; encode windows and keep each "
    "term's largest weight; or keep the windows as passages, of which the best one scores. Default: that of the index "
    "that is there, else cut.",
)

weights_in_source_option = click.option(
    "--weights-in-source/--no-weights-in-source",
    default=None,
    help="Whether documents of a new index come back with their weights. Without, it is smaller once merged and "
    "answers the same, but an update of a part of a document takes its weights away, and `csplade enrich` refuses the "
    "index. Default: that of the index that is there, else with.",
)

query_path_option = click.option(
    "--query-path",
    "table_queries",
    default="encoder",
    show_default=True,
    type=click.Choice(["encoder", "table"]),
    callback=lambda _context, _option, value: value == "table",
    help="Weigh a query as the encoder does, or its words alone by the encoder's table of idf, without the model: "
    "faster, and without expansion of the query.",
)

_Command = Callable[..., None]


def gathered(
    name: str, kind: type[Any], options: Sequence[Callable[[_Command], _Command]]
) -> Callable[[_Command], _Command]:  # Any: a dataclass
    """Return what adds options to a command, which gets all of them as one `kind`, a dataclass, called `name`."""
    names = [each.name for each in fields(kind)]

    def add(command: _Command) -> _Command:
        @wraps(command)
        def chosen(**values: object) -> None:
            given = {each: values.pop(each) for each in names}
            command(**{name: kind(**given)}, **values)

        decorated: _Command = chosen
        for option in reversed(options):
            decorated = option(decorated)
        return decorated

    return add
