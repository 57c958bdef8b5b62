"""A vector as a line of JSON."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from csplade.pipelines.jsonl import write_line
from csplade.pipelines.sparse import SparseVector

VECTOR_FIELD = "vector"


@dataclass(frozen=True, slots=True)
class Whole:
    """A record that is kept with all its fields."""

    record: Mapping[str, Any]  # Any: JSON values
    vector_field: str
    """None of the record's own: what its vector is called."""


def whole_of(record: Mapping[str, Any] | None, vector_field: str | None) -> Whole | None:  # Any: JSON values
    """Return what is kept of a record that gets its vector in that field; nothing but its id where that is None."""
    return None if record is None or vector_field is None else Whole(record, vector_field)


def vector_line(identity: str, vector: SparseVector, whole: Whole | None = None) -> bytes:
    """Return `{"id": ..., "vector": {term: weight}}`, or the whole record with its vector.

    Raises:
        TypeError: the record holds something that JSON cannot express.
    """
    if whole is None:
        return write_line({"id": identity, VECTOR_FIELD: vector.weights})
    return write_line({**whole.record, whole.vector_field: vector.weights})
