"""What a SEISMIC field would lose, measured before it is made: numbers from some documents, losses on others."""

import random
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from csplade.commands.output import notice
from csplade.commands.seismic_options import SAMPLE, TEXT_FIELDS, SeismicChoices
from csplade.pipelines.errors import UsageError
from csplade.pipelines.number_of import number_of
from csplade.pipelines.sparse import SparseVector

if TYPE_CHECKING:
    from csplade.integration.passages import Long
    from csplade.integration.seismic_field import Seismic
    from csplade.integration.templates import IndexOptions
    from csplade.pipelines.contract import Contract
    from csplade.pipelines.encode import Encoder
    from csplade.pipelines.sources import Source
    from opensearchpy import OpenSearch

_HELD_OUT = 300
"""Documents, and queries, of which all dot products are computed at most."""
_SEED = 20260101
_QUERIES, _QUERY_FIELDS = "queries.jsonl", ("query", "text", "title")


@dataclass(frozen=True)
class Measured:
    """A SEISMIC field that may be made, and how many documents and queries tell what it loses."""

    seismic: "Seismic"
    documents: int
    queries: int


@dataclass(frozen=True)
class _Text:
    """What is encoded of a document, and how somebody might ask for it."""

    whole: str
    query: str


def measure(
    client: "OpenSearch", choices: SeismicChoices, options: "IndexOptions", contract: "Contract", encoder_folder: Path
) -> Measured | None:
    """Encode the sample and return the field; None if none is asked for.

    Raises:
        UsageError: the cluster can have none, it would lose too much, or the sample is too small.
        SourceError: a source cannot be read.
    """
    from csplade.commands.records import record_options
    from csplade.integration.detect import read_dialect
    from csplade.integration.dialect import Feature
    from csplade.integration.seismic_field import require_room
    from csplade.integration.templates import index_body

    if choices.seismic is None:
        _refuse_useless(choices)
        return None
    # Before texts are encoded, which takes a while.
    (dialect := read_dialect(client)).require(Feature.SEISMIC)
    require_room(index_body(contract, options, dialect)["mappings"])
    fields = record_options(None, choices.text_fields or TEXT_FIELDS).text_fields
    texts = _drawn(_texts(_source(choices.seismic, choices), fields), choices.seismic_sample or SAMPLE)
    if len(texts) < 2:
        raise UsageError(
            f"{choices.seismic} has {number_of(len(texts), 'text')} in {' or '.join(fields)}, and some must choose the "
            "numbers, others tell the loss: give more, or name its --text-fields"
        )
    held = max(1, min(_HELD_OUT, len(texts) // 10))
    asked = [each.query for each in texts[:held]] if choices.seismic_queries is None else _queries(choices)
    return _measured(choices, encoder_folder, options.long, [each.whole for each in texts], asked, held)


def _measured(
    choices: SeismicChoices, folder: Path, long: "Long", texts: list[str], asked: list[str], held: int
) -> Measured:
    from csplade.integration.passages import encode_long
    from csplade.integration.seismic import APPROXIMATE_FROM, MOST_LOSS, Sample, remap_of
    from csplade.integration.seismic_field import seismic_of
    from csplade.pipelines.encode_many import open_for_many

    encoder = open_for_many(folder)
    encoded = (each for each in encode_long(encoder, texts, long) if isinstance(each, SparseVector))
    vectors = _shown(encoded, len(texts), "documents")
    queries = _fitted(encoder, texts, _shown(encoder.queries(asked), len(asked), "queries"))
    seismic = seismic_of(
        remap_of(vectors[held:], known=_known(folder)),
        Sample(vectors[:held], queries),
        choices.seismic_from or APPROXIMATE_FROM,
        MOST_LOSS if choices.seismic_loss is None else choices.seismic_loss,
    )
    return Measured(seismic, held, len(queries))


def _fitted(encoder: "Encoder", texts: list[str], queries: list[SparseVector]) -> list[SparseVector]:
    """Return queries weighed as they will be for an index of these documents: rare words more."""
    from csplade.integration.calibrate import FEWEST

    if encoder.contract.literal is None or len(texts) < FEWEST:
        return queries
    calibration = encoder.calibration(texts)
    return [calibration.applied(query) for query in queries]


def _source(name: str, choices: SeismicChoices) -> "Source":
    from csplade.commands.records import find_sources

    (found,) = find_sources([name], choices.format, choices.delimiter)
    return found


def _queries(choices: SeismicChoices) -> list[str]:
    name = str(choices.seismic_queries)
    source = _source(str(Path(name) / _QUERIES) if Path(name).is_dir() else name, choices)
    found = [each.whole for each in _drawn(_texts(source, _QUERY_FIELDS, first=True), _HELD_OUT)]
    if not found:
        raise UsageError(f"{source.name} has no text in {' or '.join(_QUERY_FIELDS)}: name a file with queries")
    return found


def _texts(source: "Source", fields: tuple[str, ...], first: bool = False) -> Iterator[_Text]:
    """Give the texts of these fields, joined, or the `first` of them that there is.

    Records need no ids; those without a text are passed over, and counted.
    """
    from csplade.integration.sample import beginning
    from csplade.integration.templates import TITLE_FIELD
    from csplade.pipelines.jsonl import Unreadable

    passed = 0
    for record in source.records():
        values = {} if isinstance(record, Unreadable) else record.value
        parts = {name: value for name in fields if isinstance(value := values.get(name), str) and value.strip()}
        # As for ingest, a title alone is no text where there may be more.
        usable = bool(parts) and (first or len(fields) == 1 or {*parts} != {TITLE_FIELD})
        passed += not usable
        if usable:
            found = [*parts.values()]
            whole = found[0] if first else "\n".join(found)
            yield _Text(whole, found[0] if len(found) > 1 else beginning(whole))
    if passed:
        notice(
            f"{number_of(passed, 'record')} of {source.name} had no text in {' or '.join(fields)} and did not count."
        )


def _drawn(texts: Iterable[_Text], count: int) -> list[_Text]:
    """Return so many of them, each by the same chance, in an order of chance; the same ones each time."""
    chance = random.Random(_SEED)
    drawn: list[_Text] = []
    for number, text in enumerate(texts):
        if number < count:
            drawn.append(text)
        elif (place := chance.randrange(number + 1)) < count:
            drawn[place] = text
    chance.shuffle(drawn)
    return drawn


def _shown(vectors: Iterable[SparseVector], total: int, what: str) -> list[SparseVector]:
    from tqdm import tqdm

    return list(tqdm(vectors, desc=f"Encoding {what}", total=total, disable=None, file=sys.stderr))


def _known(folder: Path) -> list[str]:
    """Return terms that get the numbers which the sample leaves over: frequent words of broad text, then all others."""
    from csplade.pipelines.folder import read_tables

    tables = read_tables(folder)
    return [*sorted(tables.idf, key=lambda term: (tables.idf[term], term)), *tables.terms]


def _refuse_useless(choices: SeismicChoices) -> None:
    if choices.useless:
        raise UsageError(
            f"{choices.useless[0]} says how a SEISMIC field is made, and there is none without --seismic SOURCE"
        )
