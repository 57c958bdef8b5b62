"""The JSON of `mappings/` with its blanks filled; a blank is a string that is exactly `${name}`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import orjson
from csplade.integration.dialect import PLAIN, SPARSE_VECTOR, Dialect
from csplade.integration.passages import Long
from csplade.pipelines.contract import Contract

WEIGHTS_FIELD = "csplade_terms"
TEXT_FIELD = "text"
TITLE_FIELD = "title"
SEISMIC_FIELD = "csplade_seismic"
"""The same weights by numbers, of an index that is also searched approximately; see `seismic`."""
PASSAGES_FIELD = "csplade_passages"
"""Nested objects, each with a part of the weights, instead of `WEIGHTS_FIELD`."""
PASSAGE_WEIGHTS = f"{PASSAGES_FIELD}.{WEIGHTS_FIELD}"
LONG_KEY = "long"
"""In our part of `_meta`: what becomes of long texts; absent if they are cut."""
MARK_FIELD = "csplade_encoded"
"""By which encoder, and from which text, the weights of a document were made; see `mark_of`."""
TEXT_FIELDS_KEY = "text_fields"
"""In our part of `_meta`: the fields whose texts, joined, are what is encoded."""
META_KEY = "csplade"
INDEX_FORMAT = 1
DEFAULT_ANALYZER = "english"

_BLANK = re.compile(r"\$\{(\w+)\}")


@dataclass(frozen=True)
class IndexOptions:
    """What a user may choose about a new index."""

    analyzer: str = DEFAULT_ANALYZER
    """The cluster's analyzer of text and title."""
    shards: int = 1
    replicas: int | None = None
    """Copies of each shard; None: one as soon as a second node can hold it, so that one node alone is green."""
    refresh_interval: str = "5s"
    """Longer than the server's one second: fewer small segments while documents stream in."""
    long: Long = Long.CUT
    weights_in_source: bool = True
    """Whether documents come back with their weights. Without, an index is smaller and answers the same, but an update
    of a part of a document takes its weights away. A cluster that keeps weights once anyway does so either way."""
    text_fields: tuple[str, ...] | None = None
    """Of which fields its texts are made, as far as it is known beforehand; whoever enriches it takes these."""


def index_body(
    contract: Contract, options: IndexOptions, dialect: Dialect = PLAIN
) -> dict[str, Any]:  # Any: a JSON object
    """Return settings and mappings of a new index for this encoder, with the weights field of the dialect."""
    own: dict[str, object] = {}
    if dialect.field_type == SPARSE_VECTOR:
        own["index_options"] = {"prune": False} if dialect.prunes else None
    body = load_template(f"{dialect.field_type}.json", {**own, **common_blanks(contract, options)})
    if options.long is not Long.CUT:
        body["mappings"]["_meta"][META_KEY][LONG_KEY] = options.long.value
    if options.text_fields is not None:
        body["mappings"]["_meta"][META_KEY][TEXT_FIELDS_KEY] = list(options.text_fields)
    if options.long is Long.PASSAGES:
        properties = body["mappings"]["properties"]
        properties[PASSAGES_FIELD] = load_template("passages.json", {"weights": properties[WEIGHTS_FIELD]})
    if not (options.weights_in_source or dialect.hides_weights):
        body["mappings"]["_source"] = {"excludes": [WEIGHTS_FIELD, PASSAGE_WEIGHTS]}
    return body


def common_blanks(contract: Contract, options: IndexOptions) -> dict[str, object]:
    """Return values for the blanks that all index bodies have."""
    return {
        "analyzer": options.analyzer,
        "auto_expand_replicas": "0-1" if options.replicas is None else "false",
        "encoder": contract.name,
        "fingerprint": contract.fingerprint,
        "refresh_interval": options.refresh_interval,
        "replicas": options.replicas or 0,
        "shards": options.shards,
    }


def load_template(name: str, blanks: Mapping[str, object]) -> dict[str, Any]:  # Any: a JSON object
    """Return the file `name` of `mappings/` with its blanks filled; what is filled with None is left out.

    Raises:
        ValueError: a blank has no value, or a value has no blank.
    """
    template = orjson.loads(files("csplade.mappings").joinpath(name).read_bytes())
    used: set[str] = set()
    body = {key: _fill(value, blanks, used) for key, value in template.items()}
    if used != set(blanks):
        raise ValueError(f"{name} has the blanks {sorted(used)}, the values are for {sorted(blanks)}")
    return body


def _fill(value: object, blanks: Mapping[str, object], used: set[str]) -> object:
    if isinstance(value, dict):
        filled = {key: _fill(inner, blanks, used) for key, inner in value.items()}
        return {key: inner for key, inner in filled.items() if inner is not None}
    if isinstance(value, list):
        return [_fill(inner, blanks, used) for inner in value]
    blank = _BLANK.fullmatch(value) if isinstance(value, str) else None
    if blank is None:
        return value
    used.add(blank[1])
    return blanks.get(blank[1])
