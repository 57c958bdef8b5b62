"""What an index is: its encoder, its documents, how many of them have weights, and what it takes on the disk."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from csplade.integration.alias import read_live, versions
from csplade.integration.answers import ask, count_documents
from csplade.integration.dialect import Dialect
from csplade.integration.errors import CredentialsError, IndexConflictError, RequestError
from csplade.integration.index import check_name, for_mapping, is_closed
from csplade.integration.index_mapping import our_meta
from csplade.integration.lifecycle import replaced_in
from csplade.integration.load_settings import RECORD_KEY
from csplade.integration.query import Mode
from csplade.integration.segment_files import STORED, bytes_of, file_bytes, postings_bytes, store_bytes
from csplade.integration.seismic_field import loss_in
from csplade.integration.size_estimate import Estimate
from csplade.integration.stored_weights import keeps_weights, source_with, weights_of
from csplade.integration.templates import META_KEY, PASSAGE_WEIGHTS, TEXT_FIELD, WEIGHTS_FIELD
from opensearchpy import OpenSearch

SAMPLE = 1000
"""Documents that are looked at for their weights: no query can count a field of weights on every line."""
_SEED = 20260101


@dataclass(frozen=True)
class Sizes:
    """Bytes, primaries only; None where the cluster does not tell."""

    weights: int | None = None
    """Postings of the weights."""
    text: int | None = None
    """Postings of the text."""
    postings: int | None = None
    """Of all fields together: what searches read, which is terms, documents, weights and positions."""
    stored: int | None = None
    """Of all fields together: what comes back, `_source` above all."""


@dataclass(frozen=True)
class IndexStatus:
    """What is known of one index; None where the cluster does not tell, or not this user."""

    index: str
    aliases: tuple[str, ...]
    replaced: Mapping[str, str]
    """What was live before it, by alias; the way back."""
    encoder: str | None
    fingerprint: str | None
    """Both None: it was not made by csplade."""
    documents: int | None
    """None: the index is closed."""
    sampled: int | None
    """Documents that were looked at for weights: all of them, or `SAMPLE`; None if `_source` does not hold weights."""
    weighted: int | None
    """How many of these have weights."""
    bytes: int | None
    """All of it on the disk, primaries only."""
    sizes: Sizes
    """Of nothing if they were not asked for."""
    loading: bool
    """It has settings of a load, which is not over or was killed."""
    seismic_loss: float | None = None
    """What its SEISMIC field loses of scores, a share; as measured before it was made, and None if it has none."""
    estimate: Estimate | None = None
    """What its parts take; None if that was not asked for."""

    @property
    def share(self) -> float | None:
        """Return which share of the sample has weights."""
        return self.weighted / self.sampled if self.sampled and self.weighted is not None else None


def find_indexes(client: OpenSearch, name: str | None) -> tuple[str, ...]:
    """Return the indexes that a name stands for: itself, an alias's versions and what it stands for, or all of ours.

    Raises:
        UsageError: it cannot be a name.
        IndexConflictError: nothing has that name.
    """
    if name is None:
        params = {"filter_path": f"*.mappings._meta.{META_KEY}", "expand_wildcards": "open,closed"}
        found = client.indices.get_mapping(index="*", params=params)
        return tuple(sorted(found))
    check_name(name)
    if client.indices.exists(index=name) and not client.indices.exists_alias(index=name, name=name):
        return (name,)
    live = read_live(client, name)
    names = versions(client, name)
    if live is None and not names:
        raise IndexConflictError(
            f"there is neither an alias nor an index {name!r}: make it with `csplade index create {name}`"
        )
    return names if live is None or live.index in names else (live.index, *names)


def read_status(client: OpenSearch, index: str, dialect: Dialect, sizes: bool = False) -> IndexStatus:
    """Return what is known of an index; with `sizes` the cluster reads all of it, which takes a while.

    Raises:
        ClusterError: the cluster does not answer in full.
    """
    described = client.indices.get(index=index)[index]
    mapping = described["mappings"]
    ours = our_meta(mapping)
    closed = is_closed(client, index)
    sampled, weighted = (None, None) if closed else _weighted(client, index, mapping, dialect)
    return IndexStatus(
        index=index,
        aliases=tuple(sorted(described["aliases"])),
        replaced=replaced_in(ours),
        encoder=ours.get("encoder"),
        fingerprint=ours.get("fingerprint"),
        documents=None if closed else count_documents(client, index),
        sampled=sampled,
        weighted=weighted,
        bytes=None if closed else _bytes(client, index),
        sizes=_sizes(client, index) if sizes and not closed else Sizes(),
        loading=RECORD_KEY in ours,
        seismic_loss=loss_in(mapping),
    )


def _weighted(
    client: OpenSearch,
    index: str,
    mapping: Mapping[str, Any],
    dialect: Dialect,  # Any: a JSON object
) -> tuple[int | None, int | None]:
    """Return how many documents were looked at, and how many of these have weights."""
    if WEIGHTS_FIELD not in mapping.get("properties", {}) or not keeps_weights(mapping, WEIGHTS_FIELD):
        return None, None
    source = source_with([WEIGHTS_FIELD], for_mapping(dialect, mapping))
    chance = {"random_score": {"seed": _SEED, "field": "_seq_no"}, "query": {"match_all": {}}}
    body = {"query": {"function_score": chance}, "size": SAMPLE, "_source": source}
    hits, _ = ask(client, index, body, Mode.SPARSE)
    return len(hits), sum(bool(weights_of(hit.get("_source") or {}, WEIGHTS_FIELD)) for hit in hits)


def _bytes(client: OpenSearch, index: str) -> int | None:
    try:
        return store_bytes(client, index)
    except CredentialsError:
        return None


def _sizes(client: OpenSearch, index: str) -> Sizes:
    return _sizes_of_fields(client, index) or _sizes_of_files(client, index) or Sizes()


def _sizes_of_fields(client: OpenSearch, index: str) -> Sizes | None:
    """Ask how large the fields are, which Elasticsearch tells from 7.15 on, and OpenSearch does not."""
    path, params = f"/{index}/_disk_usage", {"run_expensive_tasks": "true", "request_timeout": 600}
    try:
        found: Mapping[str, Any] = client.transport.perform_request("POST", path, params=params)  # Any: a JSON object
    except (CredentialsError, RequestError):
        return None
    fields, whole = found[index]["fields"], found[index]["all_fields"]
    weights, passages, text = (_postings(fields.get(name, {})) for name in (WEIGHTS_FIELD, PASSAGE_WEIGHTS, TEXT_FIELD))
    stored = int(whole["stored_fields_in_bytes"]) + int(whole.get("term_vectors_in_bytes", 0))
    return Sizes(weights + passages, text, _postings(whole), stored)


def _postings(field: Mapping[str, Any]) -> int:  # Any: a JSON object
    return int(field.get("inverted_index", {}).get("total_in_bytes", 0))


def _sizes_of_files(client: OpenSearch, index: str) -> Sizes | None:
    """Ask how large the files of each kind are; where small segments are told as one file each, nothing is known."""
    try:
        files = file_bytes(client, index)
    except CredentialsError:
        return None
    return None if files is None else Sizes(postings=postings_bytes(files), stored=bytes_of(files, STORED))
