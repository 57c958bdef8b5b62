"""Term weights as they were sent to an index, read back from `_source`; pure.

What the cluster scores with is cut to 9 significant bits, see `explain`; here they are as they came.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from csplade.integration.dialect import Dialect
from csplade.integration.passages import merged
from csplade.integration.source_filter import keeps
from csplade.integration.templates import PASSAGE_WEIGHTS, PASSAGES_FIELD, WEIGHTS_FIELD
from csplade.pipelines.sparse import SparseVector


def source_with(fields: Sequence[str], dialect: Dialect) -> dict[str, Any]:  # Any: a JSON object
    """Return what `_source` of a search must be for these fields to come back, weights among them."""
    passages = [PASSAGES_FIELD] if dialect.passages and WEIGHTS_FIELD in fields else []
    asked: dict[str, Any] = {"includes": [*fields, *passages]}
    if dialect.hides_weights:
        asked["exclude_vectors"] = False
    return asked


def whole_source(hides_weights: bool) -> object:
    """Return what `_source` of a search must be for all of a document to come back; `hides_weights`: of the dialect."""
    return {"exclude_vectors": False} if hides_weights else True


def keeps_weights(mapping: Mapping[str, Any], field: str) -> bool:  # Any: a JSON object
    """Say whether an index with this mapping can give the weights of a field back at all."""
    passages = field == WEIGHTS_FIELD and PASSAGES_FIELD in mapping.get("properties", {})
    return keeps(mapping, PASSAGE_WEIGHTS if passages else field)


def weights_of(
    source: Mapping[str, Any],  # Any: a JSON object
    field: str,
    query: SparseVector | None = None,
) -> SparseVector:
    """Return the weights of a field of a document, none if it has none; heaviest first.

    Of passages, those of the one that fits the query best; without a query, of each term the largest weight.
    """
    if field == WEIGHTS_FIELD and isinstance(passages := source.get(PASSAGES_FIELD), list):
        vectors = [weights_of(passage, field) for passage in passages]
        return merged(vectors) if query is None else max(vectors, key=query.dot, default=SparseVector())
    held: Any = source.get(field)  # Any: a JSON value
    if held is None:
        # A field inside an object.
        held = source
        for name in field.split("."):
            held = held.get(name) if isinstance(held, Mapping) else None
    # An update replaces old weights as a whole by a list of one object.
    objects = [each for each in (held if isinstance(held, list) else [held]) if isinstance(each, Mapping)]
    return SparseVector.from_pairs((term, float(weight)) for each in objects for term, weight in each.items())
