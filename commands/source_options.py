"""The options of commands that read records from sources."""

import click
from csplade.pipelines.sources import Format

format_option = click.option(
    "--format",
    default=None,
    type=click.Choice([each.value for each in Format]),
    help="How SOURCE is written. Default: as the end of its name says, else jsonl.",
)
delimiter_option = click.option(
    "--delimiter",
    default=None,
    metavar="CHARACTER",
    help="What separates the cells of a table, such as ';'. Default: a comma in csv, a tab in tsv.",
)
id_field_option = click.option(
    "--id-field", default=None, metavar="NAME", help="The field of the id. Default: _id, else id."
)
on_bad_record_option = click.option(
    "--on-bad-record",
    default="stop",
    show_default=True,
    type=click.Choice(["stop", "skip"]),
    help="Refuse the whole source for a record that cannot be used, or write it to the dead letters and go on.",
)
