"""The text fields with which an index is filled, kept in its mapping: of all its documents the same are encoded.

Documents that are made of other fields are refused: whoever encodes them anew would read the former. Only `csplade
enrich`, which looks at all documents, changes them.
"""

import logging
from collections.abc import Mapping
from typing import Any

from csplade.integration.documents import DEFAULT_TEXT_FIELDS
from csplade.integration.errors import CredentialsError, IndexConflictError
from csplade.integration.index_mapping import keep_in_meta, mapping_of, our_meta
from csplade.integration.templates import TEXT_FIELDS_KEY
from opensearchpy import OpenSearch

_log = logging.getLogger(__name__)


def recorded_fields(mapping: Mapping[str, Any]) -> tuple[str, ...] | None:  # Any: a JSON object
    """Return the text fields with which an index was filled; None if they are not known."""
    found = our_meta(mapping).get(TEXT_FIELDS_KEY)
    return None if found is None else tuple(found)


def record_fields(client: OpenSearch, index: str, names: tuple[str, ...]) -> None:
    """Check that an index is filled with these text fields, and keep them if none are known yet.

    Raises:
        IndexConflictError: it was filled with others.
        ClusterError: the cluster does not answer.
    """
    known = recorded_fields(mapping_of(client, index)[1])
    if known is None:
        # The usual fields are taken by themselves where none are kept.
        if not change_fields(client, index, names) and names != DEFAULT_TEXT_FIELDS:
            fields = ",".join(names)
            _log.warning(
                "This user may not keep with %s that it is filled from %s: give `csplade enrich` --text-fields %s",
                index,
                fields,
                fields,
            )
    elif known != names:
        raise IndexConflictError(
            f"the index {index!r} was filled with the text fields {','.join(known)}, and would get documents made of "
            f"{','.join(names)}: give --text-fields {','.join(known)}, or the name of a new index; `csplade enrich "
            f"--index {index} --text-fields NAMES` changes the fields of all its documents"
        )


def change_fields(client: OpenSearch, index: str, names: tuple[str, ...]) -> bool:
    """Let documents of an index be made of these text fields from now on; return False if this user may not.

    Raises:
        ClusterError: the cluster does not answer.
    """
    try:
        keep_in_meta(client, index, {TEXT_FIELDS_KEY: list(names)})
    except CredentialsError:
        return False
    return True
