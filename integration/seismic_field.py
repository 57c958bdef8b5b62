"""The SEISMIC field of an index beside its weights: how it is made, what the mapping keeps of it, how to ask; pure.

The field only finds documents; which of them are the best the weights themselves say, as without it. So scores stay
what they are, and what numbers and 8 bits lose is only not found. The mapping's `_meta` keeps the terms in the order of
their numbers, as whoever writes or asks needs them.
"""

import base64
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import orjson
from csplade.integration.clauses import NOTHING
from csplade.integration.documents import SMALLEST_WEIGHT, acceptable_weights
from csplade.integration.errors import IndexConflictError
from csplade.integration.index_mapping import our_meta
from csplade.integration.seismic import APPROXIMATE_FROM, MOST_LOSS, Loss, Remap, Sample, loss_of, require_loss
from csplade.integration.templates import META_KEY, PASSAGES_FIELD, SEISMIC_FIELD, load_template
from csplade.pipelines.errors import UsageError
from csplade.pipelines.sparse import SparseVector

SEISMIC_KEY = "seismic"
"""Where our part of `_meta` keeps terms, the ceiling, and what was measured."""
_LARGEST_ASKED = 32.0
"""What the heaviest term of a query weighs in a search, and the ceiling of the others: all 8 bits are used. A power of
two that the clause takes."""

_Json = Mapping[str, Any]  # Any: a JSON object


@dataclass(frozen=True)
class Seismic:
    """A SEISMIC field of an index."""

    remap: Remap
    loss: Loss
    """As it was measured on a sample before the index was made."""
    approximate_from: int = APPROXIMATE_FROM
    """Documents of a segment from which on it is searched approximately."""


def seismic_of(
    remap: Remap, sample: Sample, approximate_from: int = APPROXIMATE_FROM, most_loss: float = MOST_LOSS
) -> Seismic:
    """Return what a field with these numbers is, with the loss measured on documents that did not choose the numbers.

    Raises:
        UsageError: it costs more than `most_loss` of the sample's scores, or the sample has none.
    """
    if not any(query.dot(document) for query in sample.queries for document in sample.documents):
        raise UsageError(
            "no query of the sample shares a term with a document of it, so that no loss can be measured: give more"
        )
    loss = loss_of(remap, sample.documents, sample.queries)
    require_loss(loss, most_loss)
    return Seismic(remap, loss, approximate_from)


def require_room(mappings: _Json) -> None:
    """Check that an index of these mappings can have the field beside its weights.

    Raises:
        UsageError: its weights are those of passages, or do not come back with documents.
    """
    if PASSAGES_FIELD in mappings["properties"]:
        raise UsageError("a SEISMIC field finds documents, not passages: choose --long max, or leave --seismic out")
    if "_source" in mappings:
        raise UsageError(
            "an index with a SEISMIC field keeps its weights in `_source`, which tells whether they are current: leave "
            "--no-weights-in-source or --seismic out"
        )


def with_seismic(body: _Json, seismic: Seismic) -> dict[str, Any]:  # Any: a JSON object
    """Return the body of a new index with the field beside its weights.

    Raises:
        UsageError: as `require_room`.
    """
    mappings, index = body["mappings"], {**body["settings"]["index"], "sparse": True}
    require_room(mappings)
    blanks: dict[str, object] = {
        "approximate_threshold": seismic.approximate_from,
        "ceiling_ingest": seismic.remap.ceiling,
        "ceiling_search": _LARGEST_ASKED,
    }
    properties = {**mappings["properties"], SEISMIC_FIELD: load_template("seismic.json", blanks)}
    ours = {**mappings["_meta"][META_KEY], SEISMIC_KEY: _packed(seismic)}
    changed = {**mappings, "properties": properties, "_meta": {**mappings["_meta"], META_KEY: ours}}
    return {**body, "settings": {**body["settings"], "index": index}, "mappings": changed}


def loss_in(mapping: _Json) -> float | None:
    """Return which share of scores the field of an index was measured to lose; None if it has none."""
    kept = our_meta(mapping).get(SEISMIC_KEY)
    loss = kept.get("loss") if isinstance(kept, dict) else None
    return float(loss["score"]) if isinstance(loss, dict) and "score" in loss else None


def remap_in(mapping: _Json | None) -> Remap | None:
    """Return the numbers of an index of this mapping, None if it has none, or there is no index.

    Raises:
        IndexConflictError: its mapping has lost what the numbers mean.
    """
    if mapping is None:
        return None
    kept = our_meta(mapping).get(SEISMIC_KEY)
    if kept is None and SEISMIC_FIELD not in mapping.get("properties", {}):
        return None
    try:
        found = kept or {}
        return _unpacked(found["terms"], float(found["ceiling"]))
    except (KeyError, TypeError, ValueError, zlib.error, UsageError) as error:
        raise IndexConflictError(
            f"the mapping has a field {SEISMIC_FIELD!r} and does not tell what its numbers mean ({error}): make a new "
            "index with `csplade index create --seismic`"
        ) from error


def refuse_numbers(mapping: _Json, index: str) -> None:
    """Refuse to give another encoder to an index whose numbers are those of one encoder's terms.

    Raises:
        IndexConflictError: it has such numbers.
    """
    if SEISMIC_KEY in our_meta(mapping):
        raise IndexConflictError(
            f"the SEISMIC field of {index!r} has numbers for the terms of its encoder alone: fill a new version for "
            "another one, see `csplade index create`"
        )


def seismic_clause(
    vector: SparseVector, remap: Remap, size: int, cut: int, heap_factor: float
) -> dict[str, Any]:  # Any: a JSON object
    """Return a clause that finds about `size` documents by the `cut` heaviest terms; more of both factors finds better.

    Its scores are in a unit of their own.
    """
    weights = remap.apply(acceptable_weights(vector))
    if not weights:
        return dict(NOTHING)
    factor = _LARGEST_ASKED / max(weights.values())
    tokens = {number: weight * factor for number, weight in weights.items() if weight * factor >= SMALLEST_WEIGHT}
    how = {"top_n": cut, "heap_factor": heap_factor, "k": size}
    return {"neural_sparse": {SEISMIC_FIELD: {"query_tokens": tokens, "method_parameters": how}}}


def _packed(seismic: Seismic) -> dict[str, object]:
    return {
        # A mapping goes to every node: 32,768 words take 137 KB so.
        "terms": base64.b64encode(zlib.compress(orjson.dumps(seismic.remap.terms), 9)).decode(),
        "ceiling": seismic.remap.ceiling,
        "loss": asdict(seismic.loss),
    }


@lru_cache(maxsize=4)
def _unpacked(terms: str, ceiling: float) -> Remap:
    """Return numbers as they were packed; whoever searches often has them at hand."""
    return Remap(tuple(orjson.loads(zlib.decompress(base64.b64decode(terms)))), ceiling)
