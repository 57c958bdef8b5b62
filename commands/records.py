"""From a source to documents, as all commands that read some do it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

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


def plan(origin: "Source", options: "RecordOptions", skip: bool, vectors: str | None = None) -> Plan:
    """Look over the source, as far as it can be read twice; `skip` passes over records that are no documents.

    With `vectors` a document is only what has a vector in that field.

    Raises:
        SourceError: it holds no document, cannot be read, or a record is none and is not to be passed over.
    """
    from csplade.integration.documents import read_documents
    from csplade.integration.given import read_with_vectors
    from csplade.integration.survey import all_usable, begun, survey

    def read() -> "Iterable[Document | Rejected]":
        records = origin.records()
        documents = (
            read_documents(records, options) if vectors is None else read_with_vectors(records, options, vectors)
        )
        return documents if skip else all_usable(documents, origin.name)

    if not origin.rereadable:
        return Plan(begun(read(), origin.name), None)
    found = survey(read(), origin.name)
    return Plan(read(), found.documents + found.rejected)
