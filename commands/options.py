"""Options that several commands share, so that each means the same everywhere."""

from pathlib import Path

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
