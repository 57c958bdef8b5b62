"""Is an index that is there as somebody asked for it: what is decided when it is made cannot be changed afterwards."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from csplade.integration.errors import IndexConflictError
from csplade.integration.index import told_dialect
from csplade.integration.index_mapping import long_of_mapping, mapping_of
from csplade.integration.passages import Long
from csplade.integration.stored_weights import keeps_weights
from csplade.integration.templates import TEXT_FIELD, WEIGHTS_FIELD
from opensearchpy import OpenSearch

_Json = Mapping[str, Any]  # Any: a JSON object


@dataclass(frozen=True)
class Asked:
    """What was asked for; None: whatever it is."""

    analyzer: str | None = None
    """Of text and title."""
    long: Long | None = None
    weights_in_source: bool | None = None
    seismic: bool = False
    """Whether it has a SEISMIC field, which nobody asks of an index that is there."""


def check_asked(client: OpenSearch, index: str, asked: Asked) -> Long:
    """Check an index, or the one behind an alias; return what becomes of long texts in it.

    Raises:
        IndexConflictError: it is not as asked.
    """
    _, mapping = mapping_of(client, index)
    found = long_of_mapping(mapping)
    if asked.long is not None and asked.long is not found:
        raise _conflict(index, f"--long {found.value}", asked.long.value, "--long")
    analyzer = mapping.get("properties", {}).get(TEXT_FIELD, {}).get("analyzer", "standard")
    if asked.analyzer not in (None, analyzer):
        raise _conflict(index, f"the analyzer {analyzer!r}", repr(asked.analyzer), "--analyzer")
    if asked.weights_in_source is not None:
        _check_weights(client, index, mapping, asked.weights_in_source)
    return found


def _check_weights(client: OpenSearch, index: str, mapping: _Json, asked: bool) -> None:
    told = told_dialect(client)
    # Such a cluster keeps weights once, whatever is asked, and its mapping does not tell what was.
    if (told is not None and told.hides_weights) or keeps_weights(mapping, WEIGHTS_FIELD) == asked:
        return
    names = {True: "--weights-in-source", False: "--no-weights-in-source"}
    raise _conflict(index, names[not asked], names[asked], "that")


def _conflict(index: str, found: str, asked: str, option: str) -> IndexConflictError:
    return IndexConflictError(
        f"the index {index!r} exists with {found}, not {asked}: leave {option} out, or give the name of a new index"
    )
