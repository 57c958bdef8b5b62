"""The options of a command that makes an index with a SEISMIC field."""

from dataclasses import dataclass

import click
from csplade.commands.options import gathered
from csplade.commands.source_options import delimiter_option, format_option
from csplade.integration.seismic import APPROXIMATE_FROM, MOST_LOSS

SAMPLE = 2000
TEXT_FIELDS = "title,text"
"""Where nothing else is chosen."""


@dataclass(frozen=True)
class SeismicChoices:
    """What a user chose; None: the default."""

    seismic: str | None
    seismic_queries: str | None
    text_fields: str | None
    format: str | None
    delimiter: str | None
    seismic_sample: int | None
    seismic_loss: float | None
    seismic_from: int | None

    @property
    def useless(self) -> list[str]:
        """Return the options that were given and say something about a field that is not asked for."""
        given = {f"--{name.replace('_', '-')}": value for name, value in vars(self).items() if name != "seismic"}
        return [name for name, value in given.items() if value is not None]


_OPTIONS = (
    click.option(
        "--seismic",
        default=None,
        metavar="SOURCE",
        help="Also make a SEISMIC field, whose term numbers are chosen by the documents of this file or BEIR folder.",
    ),
    click.option(
        "--seismic-queries",
        default=None,
        metavar="SOURCE",
        help="With --seismic: queries that the loss is measured with, of a file or a BEIR folder. Default: titles, or "
        "beginnings, of documents.",
    ),
    click.option(
        "--text-fields",
        default=None,
        metavar="NAMES",
        help=f"With --seismic: the fields of its documents that are encoded, joined. Default: {TEXT_FIELDS}.",
    ),
    format_option,
    delimiter_option,
    click.option(
        "--seismic-sample",
        default=None,
        type=click.IntRange(min=2),
        metavar="N",
        help=f"With --seismic: documents that are drawn and encoded. Default: {SAMPLE}.",
    ),
    click.option(
        "--seismic-loss",
        default=None,
        type=click.FloatRange(0, 1),
        metavar="SHARE",
        help=f"With --seismic: the share of the scores that may be lost. Default: {MOST_LOSS}.",
    ),
    click.option(
        "--seismic-from",
        default=None,
        type=click.IntRange(min=1),
        metavar="N",
        help="With --seismic: documents of a segment from which on it is searched approximately; smaller ones exactly. "
        f"Default: {APPROXIMATE_FROM}.",
    ),
)

seismic_options = gathered("seismic", SeismicChoices, _OPTIONS)
"""Adds the options; the command gets all of them as one `seismic`."""
