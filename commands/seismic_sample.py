"""What a SEISMIC field would lose, measured before it is made: numbers from some documents, losses on others."""

import random
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click
from csplade.commands.options import gathered
from csplade.pipelines.errors import UsageError

if TYPE_CHECKING:
    from csplade.integration.documents import Document
    from csplade.integration.seismic_field import Seismic
    from csplade.integration.templates import IndexOptions
    from csplade.pipelines.sparse import SparseVector
    from opensearchpy import OpenSearch

_SAMPLE, _LOSS, _FROM = 2000, 0.01, 10_000
_HELD_OUT = 300
"""Documents, and queries, of which all dot products are computed at most."""
_SEED = 20260101


@dataclass(frozen=True)
class SeismicChoices:
    """What a user chose; None: the default."""

    seismic: str | None
    seismic_queries: str | None
    seismic_sample: int | None
    seismic_loss: float | None
    seismic_from: int | None


_OPTIONS = (
    click.option(
        "--seismic",
        default=None,
        metavar="SOURCE",
        help="Also make a SEISMIC field, whose term numbers are chosen by the documents of this file.",
    ),
    click.option(
        "--seismic-queries",
        default=None,
        metavar="SOURCE",
        help="With --seismic: queries that the loss is measured with. Default: titles, or beginnings, of documents.",
    ),
    click.option(
        "--seismic-sample",
        default=None,
        type=click.IntRange(min=2),
        metavar="N",
        help=f"With --seismic: documents that are drawn and encoded. Default: {_SAMPLE}.",
    ),
    click.option(
        "--seismic-loss",
        default=None,
        type=click.FloatRange(0, 1),
        metavar="SHARE",
        help=f"With --seismic: the share of the scores that may be lost. Default: {_LOSS}.",
    ),
    click.option(
        "--seismic-from",
        default=None,
        type=click.IntRange(min=1),
        metavar="N",
        help="With --seismic: documents of a segment from which on it is searched approximately; smaller ones exactly. "
        f"Default: {_FROM}.",
    ),
)

seismic_options = gathered("seismic", SeismicChoices, _OPTIONS)
"""Adds the options; the command gets all of them as one `seismic`."""


@dataclass(frozen=True)
class Measured:
    """A SEISMIC field that may be made, and how many documents and queries tell what it loses."""

    seismic: "Seismic"
    documents: int
    queries: int


def measure(
    client: "OpenSearch", choices: SeismicChoices, options: "IndexOptions", encoder_folder: Path
) -> Measured | None:
    """Encode the sample and return the field; None if none is asked for.

    Raises:
        UsageError: the cluster or the index can have none, it would lose too much, or the sample is too small.
        SourceError: a source cannot be read.
    """
    from csplade.integration.detect import read_dialect
    from csplade.integration.dialect import Feature
    from csplade.integration.passages import Long

    if choices.seismic is None:
        _refuse_others(choices)
        return None
    # Before texts are encoded, which takes a while.
    read_dialect(client).require(Feature.SEISMIC)
    if options.long is Long.PASSAGES:
        raise UsageError("a SEISMIC field finds documents, not passages: choose --long max, or leave --seismic out")
    documents = _drawn(choices.seismic, choices.seismic_sample or _SAMPLE)
    if len(documents) < 2:
        raise UsageError(
            f"{choices.seismic} has one document, and some choose the numbers, others tell the loss: give more"
        )
    held = max(1, min(_HELD_OUT, len(documents) // 10))
    asked = _asked(choices.seismic_queries, documents[:held])
    return _measured(choices, encoder_folder, documents, asked, held)


def _measured(
    choices: SeismicChoices, folder: Path, documents: "list[Document]", asked: list[str], held: int
) -> Measured:
    from csplade.integration.seismic import Sample, remap_of
    from csplade.integration.seismic_field import seismic_of
    from csplade.pipelines.encode_many import open_for_many

    encoder = open_for_many(folder)
    vectors = _encoded(encoder.documents(document.text for document in documents), len(documents), "documents")
    queries = _encoded(encoder.queries(asked), len(asked), "queries")
    remap = remap_of(vectors[held:], queries, known=_known(folder))
    seismic = seismic_of(
        remap,
        Sample(vectors[:held], queries),
        choices.seismic_from or _FROM,
        _LOSS if choices.seismic_loss is None else choices.seismic_loss,
    )
    return Measured(seismic, held, len(queries))


def _drawn(source: str, count: int) -> "list[Document]":
    """Return so many documents of a source, each by the same chance, in an order of chance; the same ones each time."""
    from csplade.commands.records import find_sources, plan_all, record_options
    from csplade.integration.documents import Document

    chance = random.Random(_SEED)
    found = plan_all(find_sources([source], None), record_options(None, "title,text", indexed=False), skip=False)
    drawn: list[Document] = []
    for number, document in enumerate(each for each in found.documents if isinstance(each, Document)):
        if number < count:
            drawn.append(document)
        elif (place := chance.randrange(number + 1)) < count:
            drawn[place] = document
    chance.shuffle(drawn)
    return drawn


def _asked(source: str | None, documents: "Iterable[Document]") -> list[str]:
    from csplade.integration.sample import beginning

    if source is not None:
        return [query.text for query in _drawn(source, _HELD_OUT)]
    return [text for document in documents if (text := document.title or beginning(document.text))]


def _encoded(vectors: "Iterable[SparseVector]", total: int, what: str) -> "list[SparseVector]":
    from tqdm import tqdm

    return list(tqdm(vectors, desc=f"Encoding {what}", total=total, disable=None, file=sys.stderr))


def _known(folder: Path) -> list[str]:
    """Return terms that get the numbers which the sample leaves over: frequent words of broad text, then all others."""
    from csplade.pipelines.folder import read_tables

    tables = read_tables(folder)
    return [*sorted(tables.idf, key=lambda term: (tables.idf[term], term)), *tables.terms]


def _refuse_others(choices: SeismicChoices) -> None:
    given = {
        "--seismic-queries": choices.seismic_queries is not None,
        "--seismic-sample": choices.seismic_sample is not None,
        "--seismic-loss": choices.seismic_loss is not None,
        "--seismic-from": choices.seismic_from is not None,
    }
    for name, there in given.items():
        if there:
            raise UsageError(f"{name} says how a SEISMIC field is made, and there is none without --seismic SOURCE")
