"""A vector as a line of JSON."""

from collections.abc import Mapping
from typing import Any

from csplade.pipelines.jsonl import write_line
from csplade.pipelines.sparse import SparseVector

VECTOR_FIELD = "vector"


def vector_line(
    identity: str, vector: SparseVector, record: Mapping[str, Any] | None = None
) -> bytes:  # Any: JSON values
    """Return `{"id": ..., "vector": {term: weight}}`, or the whole record with its vector.

    Raises:
        TypeError: the record holds something that JSON cannot express.
    """
    kept = {"id": identity} if record is None else record
    return write_line({**kept, VECTOR_FIELD: vector.weights})
