"""From sources to documents, as all commands that read some do it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING

from csplade.commands.output import notice
from csplade.pipelines.errors import UsageError

if TYPE_CHECKING:
    from csplade.integration.documents import Document, RecordOptions, Rejected
    from csplade.pipelines.sources import Source


@dataclass(frozen=True)
class Plan:
    """The documents to come, and what is known of them before."""

    documents: "Iterable[Document | Rejected]"
    total: int | None
    """None: standard input or a pipe, which cannot be counted beforehand."""


def find_sources(arguments: Sequence[str], format: str | None, delimiter: str | None = None) -> "list[Source]":
    """Return the sources a user named, each of that format, or of what its own name says; tables with that delimiter.

    Raises:
        SourceError: one is not there.
        UsageError: Parquet is to come on standard input, or nothing could be separated by that delimiter.
    """
    from csplade.pipelines.sources import Format, find_source

    found = [find_source(each, None if format is None else Format(format)) for each in arguments]
    if delimiter is None:
        return found
    if len(delimiter) != 1 or delimiter in '"\r\n':
        raise UsageError(f"--delimiter {delimiter} must be one character, such as ';'; for tabs give --format tsv")
    if not any(each.format.is_table for each in found):
        raise UsageError(f"--delimiter is for tables, and {found[0].name} is {found[0].format}: add --format csv")
    return [replace(each, delimiter=delimiter) if each.format.is_table else each for each in found]


def record_options(id_field: str | None, text_fields: str, indexed: bool = True) -> "RecordOptions":
    """Return which fields of a record mean what; `indexed`: whether its texts become the field `text` of an index.

    Raises:
        UsageError: a name of a text field is empty.
    """
    from csplade.integration.documents import RecordOptions

    names = tuple(name.strip() for name in text_fields.split(","))
    if not all(names):
        raise UsageError(f"--text-fields {text_fields!r} must be names with commas between them, like title,body")
    return RecordOptions(id_field, names, indexed)


def plan_all(origins: "Sequence[Source]", options: "RecordOptions", skip: bool, vectors: str | None = None) -> Plan:
    """Look over sources, as far as they can be read twice; their documents come one source after the other.

    `skip` passes over records that are no documents; with `vectors` a document is only what has a vector in that field.
    What can be read only once goes alone.

    Raises:
        SourceError: as for `count_records`.
    """
    from csplade.integration.survey import begun

    reads = [_documents(origin, options, skip, vectors) for origin in origins]
    if len(origins) == 1 and not origins[0].rereadable:
        return Plan(begun(reads[0], origins[0].name), None)
    total = sum(count_records(origins, options, skip, vectors))
    if len(origins) == 1:
        return Plan(reads[0], total)
    placed = (_placed(documents, origin.name) for documents, origin in zip(reads, origins, strict=True))
    return Plan(chain.from_iterable(placed), total)


def count_records(
    origins: "Sequence[Source]", options: "RecordOptions", skip: bool, vectors: str | None = None
) -> list[int]:
    """Look over sources that can be read again, and return how many records each has; some may be empty, which is told.

    Raises:
        SourceError: none holds a document, one cannot be read, or a record is none and is not to be passed over.
    """
    from csplade.integration.survey import check_any, survey

    found = [survey(_documents(origin, options, skip, vectors), options.text_fields) for origin in origins]
    _tell_unmet(frozenset.intersection(*(each.unmet for each in found)), options)
    if not any(each.documents for each in found):
        # The one that tells most: of a bad record, if there is any.
        worst = max(range(len(found)), key=lambda place: found[place].rejected)
        check_any(found[worst], origins[worst].name)
    counts = [each.documents + each.rejected for each in found]
    for origin, count in zip(origins, counts, strict=True):
        if not count:
            notice(f"{origin.name} is empty: no document comes of it.")
    return counts


def _tell_unmet(unmet: "frozenset[str]", options: "RecordOptions") -> None:
    """Tell of a text field that no record has, which may be a mistake; a title only where others are named."""
    from csplade.integration.documents import DEFAULT_TEXT_FIELDS

    if unmet and options.text_fields != DEFAULT_TEXT_FIELDS:
        notice(f"No record has a field {' or '.join(map(repr, sorted(unmet)))}: look whether --text-fields is right.")


def _documents(
    origin: "Source", options: "RecordOptions", skip: bool, vectors: str | None
) -> "Iterable[Document | Rejected]":
    from csplade.integration.documents import read_documents
    from csplade.integration.given import read_with_vectors
    from csplade.integration.survey import all_usable

    records = origin.records()
    documents = read_documents(records, options) if vectors is None else read_with_vectors(records, options, vectors)
    return documents if skip else all_usable(documents, origin.name)


def _placed(documents: "Iterable[Document | Rejected]", name: str) -> "Iterator[Document | Rejected]":
    """Let records that are no documents tell their source, which a line alone does not."""
    from csplade.integration.documents import Rejected

    for each in documents:
        if isinstance(each, Rejected) and each.line:
            yield replace(each, line=0, reason=f"{name} {each.sentence}")
        else:
            yield each
