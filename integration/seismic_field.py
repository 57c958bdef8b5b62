"""The SEISMIC field of an index beside its weights: how it is made, what the mapping keeps of it, how to ask; pure.

The field only finds documents; which of them are the best the weights themselves say, as without it. So scores stay
what they are, and what numbers and 8 bits lose is only not found. The mapping's `_meta` keeps the terms in the order of
their numbers, as whoever writes or asks needs them.
"""

import base64
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import orjson
from csplade.integration.clauses import NOTHING, within
from csplade.integration.dialect import Clause
from csplade.integration.documents import acceptable_weights
from csplade.integration.errors import IndexConflictError
from csplade.integration.index_mapping import our_meta
from csplade.integration.seismic import MOST_LOSS, Loss, Remap, Sample, loss_of, require_loss
from csplade.integration.templates import META_KEY, SEISMIC_FIELD, load_template
from csplade.pipelines.errors import UsageError
from csplade.pipelines.sparse import SparseVector

APPROXIMATE_FROM = 10_000
"""Documents of a segment from which on it is searched approximately unless told otherwise; the cluster's own is 1M."""
SEISMIC_KEY = "seismic"
"""Where our part of `_meta` keeps terms, ceilings, and what was measured."""

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


def with_seismic(body: _Json, seismic: Seismic) -> dict[str, Any]:  # Any: a JSON object
    """Return the body of a new index with the field beside its weights."""
    mappings, index = body["mappings"], {**body["settings"]["index"], "sparse": True}
    blanks: dict[str, object] = {
        "approximate_threshold": seismic.approximate_from,
        "ceiling_ingest": seismic.remap.ceiling_document,
        "ceiling_search": seismic.remap.ceiling_query,
    }
    properties = {**mappings["properties"], SEISMIC_FIELD: load_template("seismic.json", blanks)}
    ours = {**mappings["_meta"][META_KEY], SEISMIC_KEY: _packed(seismic)}
    changed = {**mappings, "properties": properties, "_meta": {**mappings["_meta"], META_KEY: ours}}
    if "_source" in changed:
        changed["_source"] = {"excludes": [*changed["_source"]["excludes"], SEISMIC_FIELD]}
    return {**body, "settings": {**body["settings"], "index": index}, "mappings": changed}


def seismic_in(mapping: _Json) -> Seismic | None:
    """Return the field that an index of this mapping has; None if it has none.

    Raises:
        IndexConflictError: its mapping has lost what the numbers mean.
    """
    kept = our_meta(mapping).get(SEISMIC_KEY)
    if kept is None and SEISMIC_FIELD not in mapping.get("properties", {}):
        return None
    try:
        return _unpacked(kept or {})
    except (KeyError, TypeError, ValueError, zlib.error, UsageError) as error:
        raise IndexConflictError(
            f"the mapping has a field {SEISMIC_FIELD!r} and does not tell what its numbers mean ({error}): make a new "
            "index with `csplade index create --seismic`"
        ) from error


def remap_in(mapping: _Json) -> Remap | None:
    """Return the numbers of an index of this mapping, None if it has none.

    Raises:
        IndexConflictError: as `seismic_in`.
    """
    found = seismic_in(mapping)
    return None if found is None else found.remap


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

    Their scores are in another unit than the vector's where a weight of it is larger than the clause takes.
    """
    weights = remap.apply(acceptable_weights(vector))
    if not weights:
        return dict(NOTHING)
    tokens, _ = within(weights, Clause.NEURAL_SPARSE.largest_weight)
    how = {"top_n": cut, "heap_factor": heap_factor, "k": size}
    return {"neural_sparse": {SEISMIC_FIELD: {"query_tokens": tokens, "method_parameters": how}}}


def _packed(seismic: Seismic) -> dict[str, object]:
    remap = seismic.remap
    return {
        # A mapping goes to every node: 32,768 words are 90 KB so, and 300 as they are.
        "terms": base64.b64encode(zlib.compress(orjson.dumps(remap.terms), 9)).decode(),
        "ceilings": {"document": remap.ceiling_document, "query": remap.ceiling_query},
        "loss": asdict(seismic.loss),
        "approximate_from": seismic.approximate_from,
    }


def _unpacked(kept: _Json) -> Seismic:
    terms = orjson.loads(zlib.decompress(base64.b64decode(kept["terms"])))
    ceilings = kept["ceilings"]
    remap = Remap(tuple(terms), ceilings["document"], ceilings["query"])
    return Seismic(remap, Loss(**kept["loss"]), kept["approximate_from"])
