"""What the parts of an index take on the disk, estimated: some documents are copied into small indexes, and compared.

OpenSearch tells no sizes of fields. The copies, in one segment each, differ in one field; so do their sizes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any
from uuid import uuid4

from csplade.integration.answers import count_documents
from csplade.integration.bulk import Action, send
from csplade.integration.dialect import Dialect
from csplade.integration.documents import Document
from csplade.integration.errors import ClusterError, CredentialsError, IndexConflictError
from csplade.integration.index import is_closed
from csplade.integration.passing_indexes import passing_indexes
from csplade.integration.patience import Patience
from csplade.integration.reindex_documents import routing_of
from csplade.integration.sample import sample_pages
from csplade.integration.segment_files import STORED, bytes_of, file_bytes, merge_into_one, store_bytes
from csplade.integration.size_copies import (
    copy_body,
    has_text,
    has_weights,
    with_weights_in_source,
    without_text,
    without_weights,
)
from csplade.integration.source_filter import keeps
from csplade.integration.stored_weights import keeps_weights, whole_source
from csplade.integration.templates import SEISMIC_FIELD, TEXT_FIELD, WEIGHTS_FIELD
from csplade.pipelines.jsonl import write_line
from opensearchpy import OpenSearch

SAMPLE = 10_000
"""Documents that are copied unless told otherwise."""
FEWEST = 2
"""A segment is merged of two at least: as it was written it may be one file, which says nothing of its parts."""
_PAGE = 250
# Bytes; the rest of the longest name is for what tells the copies apart.
_LONGEST_BASE = 200
_WHOLE, _WEIGHTED, _WEIGHTLESS, _TEXTLESS = "whole", "weighted", "weightless", "textless"

_Json = Mapping[str, Any]  # Any: a JSON object


@dataclass(frozen=True)
class Estimate:
    """Bytes of an index by its parts, primaries only, as a sample lets expect of one that is merged."""

    sampled: int
    """Documents that were copied."""
    weights: int
    """Postings of the weights, with all that a SEISMIC field takes; 0 if there is no such field."""
    text: int
    """Postings of the field `text`, with the lengths that BM25 needs; 0 if there is no such field."""
    stored: int
    """What comes back, `_source` above all."""
    rest: int
    """Postings of other fields, ids, values for sorting and filters."""


@dataclass(frozen=True)
class _Described:
    mapping: _Json
    settings: _Json
    documents: int


def check_estimate(client: OpenSearch, index: str) -> None:
    """Check that the parts of an index can be estimated; nothing is copied yet.

    Raises:
        IndexConflictError: it is closed, holds too little, or does not give its documents back.
        ClusterError: the cluster does not answer in full.
    """
    _described(client, index)


def estimate_sizes(client: OpenSearch, index: str, dialect: Dialect, most: int = SAMPLE) -> Estimate:
    """Return what the parts of an index take, from so many documents at most, drawn by chance.

    They are copied into three hidden indexes, or four where the cluster hides weights, whose names begin with
    that of the index, without replicas, which are deleted whatever happens.

    Raises:
        IndexConflictError: as `check_estimate`.
        CredentialsError: this user may not make, fill, merge or delete such indexes.
        ClusterError: the cluster refuses, does not answer in full, or keeps the copies.
    """
    described = _described(client, index)
    base = f"{index.encode()[:_LONGEST_BASE].decode(errors='ignore')}-sizes-{uuid4().hex[:8]}"
    bodies = {f"{base}-{kind}": body for kind, body in _bodies(described, dialect).items()}
    try:
        with passing_indexes(client, bodies):
            sampled = _fill(client, index, list(bodies), min(most, described.documents), dialect)
            for name in bodies:
                merge_into_one(client, name)
            stored = _stored(client, f"{base}-{_WHOLE}")
            taken = {name.removeprefix(f"{base}-"): store_bytes(client, name) for name in bodies}
    except CredentialsError as error:
        raise _told(error, index) from error
    return _compared(taken, stored, sampled, described.documents)


def _told(error: CredentialsError, index: str) -> CredentialsError:
    told = CredentialsError(
        f"the sizes of {index!r} cannot be estimated, as this user may not do all that it takes ({error}): ask for "
        "what docs/connecting.md says of --sizes-of-sample, or leave that out"
    )
    for note in getattr(error, "__notes__", ()):
        told.add_note(note)
    return told


def _described(client: OpenSearch, index: str) -> _Described:
    found = client.indices.get(index=index)[index]
    mapping: _Json = found["mappings"]
    if is_closed(client, index):
        raise IndexConflictError(
            f"the index {index!r} is closed, so that no documents can be drawn from it: open it, or name another one"
        )
    documents = count_documents(client, index)
    if documents < FEWEST:
        held = "one document" if documents else "no documents"
        raise IndexConflictError(
            f"the index {index!r} holds {held}, from which nothing can be estimated: fill it, or name another one"
        )
    _require_source(mapping, index)
    return _Described(mapping, found["settings"]["index"], documents)


def _require_source(mapping: _Json, index: str) -> None:
    """Refuse an index that does not give back what is to be compared."""
    lacks_weights = has_weights(mapping) and not (
        keeps_weights(mapping, WEIGHTS_FIELD)
        and (SEISMIC_FIELD not in mapping["properties"] or keeps(mapping, SEISMIC_FIELD))
    )
    lacks_text = has_text(mapping) and not keeps(mapping, TEXT_FIELD)
    if mapping.get("_source", {}).get("enabled", True) is False or lacks_weights or lacks_text:
        what = "weights" if lacks_weights else "texts" if lacks_text else "documents"
        raise IndexConflictError(
            f"the index {index!r} keeps no {what} in `_source`, so that copies would lack them and nothing could be "
            "compared: name an index of the same documents that keeps them"
        )


def _bodies(described: _Described, dialect: Dialect) -> dict[str, _Json]:
    """Return the copies that differ, by their kinds; none for a field that is not there."""
    mapping, settings = described.mapping, described.settings
    body = copy_body(mapping, settings, dialect, described.documents / int(settings["number_of_shards"]))
    bodies: dict[str, _Json] = {_WHOLE: body}
    if has_weights(mapping):
        if dialect.hides_weights:
            bodies[_WEIGHTED] = with_weights_in_source(body)
        bodies[_WEIGHTLESS] = {**body, "mappings": without_weights(body["mappings"])}
    if has_text(mapping):
        bodies[_TEXTLESS] = {**body, "mappings": without_text(body["mappings"])}
    return bodies


def _fill(client: OpenSearch, index: str, names: Sequence[str], most: int, dialect: Dialect) -> int:
    """Copy documents into each of the indexes in the same order, and return how many."""
    sent = 0
    # Two pages at least, and each becomes a segment.
    page = min(_PAGE, ceil(most / 2))
    for hits in sample_pages(client, index, most, page, whole_source(dialect.hides_weights)):
        actions = [_action(hit) for hit in hits]
        for name in names:
            for failure in send(client, name, actions, Patience()).failures:
                raise ClusterError(
                    f"the cluster does not take the document {failure.document.id!r} of {index!r} into a copy of that "
                    f"index ({failure.reason}): leave out --sizes-of-sample, and report this"
                )
        client.indices.refresh(index=",".join(names))
        sent += len(hits)
    return sent


def _action(hit: _Json) -> Action:
    """Return a hit as it is to be indexed."""
    routing = routing_of(hit)
    head = {"_id": hit["_id"], **({} if routing is None else {"routing": routing})}
    lines = write_line({"index": head}) + write_line(hit.get("_source") or {})
    return Action(Document(str(hit["_id"]), "", routing=routing), lines)


def _stored(client: OpenSearch, name: str) -> int:
    files = file_bytes(client, name)
    if files is None:
        raise ClusterError(f"the cluster does not tell the files of {name!r} apart: leave out --sizes-of-sample")
    return bytes_of(files, STORED)


def _compared(taken: Mapping[str, int], stored: int, sampled: int, documents: int) -> Estimate:
    """Return what the bytes of the copies, by their kinds, say of an index with so many documents."""
    whole = taken[_WHOLE]
    weighted = taken.get(_WEIGHTED, whole)
    # Nothing at all may differ by some bytes either way.
    weights = max(0, weighted - taken.get(_WEIGHTLESS, weighted))
    text = max(0, whole - taken.get(_TEXTLESS, whole))
    parts = (weights, text, stored, whole - weights - text - stored)
    return Estimate(sampled, *(round(part * documents / sampled) for part in parts))
