"""Vectors that records hold, as `csplade encode --keep-fields` wrote them, in the place of an encoder."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from math import isfinite
from typing import Any, TypeGuard

from csplade.integration.documents import Document, RecordError, RecordOptions, Rejected, read_documents
from csplade.pipelines.contract import Contract
from csplade.pipelines.errors import EncoderError, UsageError
from csplade.pipelines.jsonl import Record, Unreadable, kind
from csplade.pipelines.sparse import SparseVector


def read_with_vectors(
    records: Iterable[Record | Unreadable], options: RecordOptions, field: str
) -> Iterator[Document | Rejected]:
    """Turn records into documents, as `read_documents` does; one is only what has a vector in the field.

    The field is not among those that are kept as they are.
    """
    for record in records:
        for document in read_documents((record,), options):
            if isinstance(document, Document):
                yield _checked(document, field, record.line)
            else:
                yield document


def _checked(document: Document, field: str, line: int) -> Document | Rejected:
    try:
        _check(document, field)
    except RecordError as error:
        return Rejected(line, str(error), record=document.record)
    kept = {name: value for name, value in (document.fields or {}).items() if name != field}
    return replace(document, fields=kept)


def vector_of(document: Document, field: str) -> SparseVector:
    """Return the vector of a document that `read_with_vectors` gave, which has looked at it."""
    weights = _as_map((document.record or {})[field])
    values = list(weights.values())
    # As `csplade encode` writes them: to sort what is sorted takes longer than all else that is done to a vector.
    if values and values[-1] > 0 and values == sorted(values, reverse=True):
        return SparseVector(weights)
    return SparseVector.from_pairs(weights.items())


def _check(document: Document, field: str) -> None:
    """Check that a document's record holds a vector.

    Raises:
        RecordError: it holds none.
    """
    value = (document.record or {}).get(field)
    if not (isinstance(value, Mapping) or _are_pairs(value)) or not _are_weights(_as_map(value)):
        raise RecordError(
            f"has {kind(value)} in the field {field!r} where a vector of terms and weights belongs: name the field "
            "that `csplade encode --keep-fields` wrote"
        )


def _are_pairs(value: object) -> TypeGuard[list[Any]]:  # Any: JSON values
    """Return whether this is what a map comes as out of a Parquet file."""
    return isinstance(value, list) and all(
        isinstance(pair, list | tuple) and len(pair) == 2 and isinstance(pair[0], str) for pair in value
    )


def _as_map(value: Mapping[str, Any] | list[Any]) -> Mapping[str, Any]:  # Any: JSON values
    return dict(value) if isinstance(value, list) else value


class GivenVectors:
    """Gives each document the vector of its record; an encoder that needs no model.

    Whoever takes the documents must ask for the text of one before it takes the next, as `ingest` does.
    """

    def __init__(self, contract: Contract, field: str) -> None:
        self.contract = contract
        """That of the encoder which made the vectors."""
        self._field = field
        self._latest: Document | None = None

    def watch(self, documents: Iterable[Document | Rejected]) -> Iterator[Document | Rejected]:
        """Pass the documents through, and remember the one that was taken last."""
        for document in documents:
            if isinstance(document, Document):
                self._latest = document
            yield document

    def documents(self, texts: Iterable[str]) -> Iterator[SparseVector]:
        """Give the vectors of texts, each of the document that was taken last.

        Raises:
            EncoderError: a text is not that of the document.
        """
        for text in texts:
            if self._latest is None or self._latest.text is not text:
                raise EncoderError(f"no record has a vector for the text {text[:60]!r}: leave out --vectors")
            yield vector_of(self._latest, self._field)

    def queries(self, texts: Iterable[str]) -> Iterator[SparseVector]:
        """Refuse: there is no model.

        Raises:
            UsageError: always.
        """
        raise UsageError("vectors from records cannot answer queries: leave out --vectors")


def _are_weights(weights: Mapping[Any, Any]) -> bool:  # Any: JSON values
    """Return whether these are terms and finite numbers; true and false are none."""
    kinds = set(map(type, weights.values()))
    return set(map(type, weights)) <= {str} and kinds <= {int, float} and all(map(isfinite, weights.values()))
