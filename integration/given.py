"""Vectors that records hold, as `csplade encode --keep-fields` wrote them, in the place of an encoder."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from math import isfinite
from typing import Any

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
    value = (document.record or {})[field]
    if isinstance(value, list):
        return SparseVector.from_pairs(value)
    order = [(-weight, term) for term, weight in value.items()]
    # As `csplade encode` writes them: to sort what is sorted takes longer than all else that is done to a vector.
    if order and order[-1][0] < 0 and {*map(type, value.values())} == {float} and order == sorted(order):
        return SparseVector(value)
    return SparseVector.from_pairs(value.items())


def _check(document: Document, field: str) -> None:
    """Check that a document's record holds a vector: a map, which comes out of a Parquet file as a list of pairs.

    Raises:
        RecordError: it holds none.
    """
    value = (document.record or {}).get(field)
    whole = isinstance(value, Mapping) and _are_weights(value.keys(), value.values())
    if isinstance(value, list) and all(isinstance(pair, list | tuple) and len(pair) == 2 for pair in value):
        whole = _are_weights([term for term, _ in value], [weight for _, weight in value])
    if not whole:
        raise RecordError(
            f"has {kind(value)} in the field {field!r} where a vector of terms and weights belongs: name the field "
            "that `csplade encode --keep-fields` wrote"
        )


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


def _are_weights(terms: Collection[Any], weights: Collection[Any]) -> bool:  # Any: JSON values
    """Return whether these are texts and finite numbers; true and false are none."""
    return {*map(type, terms)} <= {str} and {*map(type, weights)} <= {int, float} and all(map(isfinite, weights))
