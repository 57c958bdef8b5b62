"""Term weights as they were sent to an index, read back from `_source`; pure.

What the cluster scores with is cut to 9 significant bits, see `explain`; here they are as they came.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from csplade.integration.dialect import Dialect
from csplade.pipelines.sparse import SparseVector


def source_with(fields: Sequence[str], dialect: Dialect) -> dict[str, Any]:  # Any: a JSON object
    """Return what `_source` of a search must be for these fields to come back, weights among them."""
    asked: dict[str, Any] = {"includes": [*fields]}
    if dialect.hides_weights:
        asked["exclude_vectors"] = False
    return asked


def keeps_weights(mapping: Mapping[str, Any], field: str) -> bool:  # Any: a JSON object
    """Say whether an index with this mapping can give the weights of a field back at all."""
    source = mapping.get("_source", {})
    return source.get("enabled", True) is not False and field not in source.get("excludes", ())


def weights_of(source: Mapping[str, Any], field: str) -> SparseVector:  # Any: a JSON object
    """Return the weights of a field of a document, none if it has none; heaviest first."""
    held: Any = source.get(field)  # Any: a JSON value
    if held is None:
        # A field inside an object.
        held = source
        for name in field.split("."):
            held = held.get(name) if isinstance(held, Mapping) else None
    if not isinstance(held, Mapping):
        return SparseVector()
    return SparseVector.from_pairs((term, float(weight)) for term, weight in held.items())
