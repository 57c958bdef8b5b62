"""The text fields with which an index is filled, kept in its mapping: whoever encodes its documents anew takes them."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from csplade.integration.errors import CredentialsError
from csplade.integration.index_mapping import keep_in_meta, mapping_of, our_meta
from csplade.integration.templates import TEXT_FIELDS_KEY
from opensearchpy import OpenSearch


def recorded_fields(mapping: Mapping[str, Any]) -> tuple[str, ...] | None:  # Any: a JSON object
    """Return the text fields with which an index was filled; None if they are not known."""
    found = our_meta(mapping).get(TEXT_FIELDS_KEY)
    return None if found is None else tuple(found)


def record_fields(client: OpenSearch, index: str, names: tuple[str, ...]) -> tuple[str, ...]:
    """Keep with which text fields an index is filled, if it is not known yet; return those that are kept.

    Raises:
        ClusterError: the cluster does not answer.
    """
    known = recorded_fields(mapping_of(client, index)[1])
    if known is not None:
        return known
    # Who may only write documents cannot write this; the usual fields are taken then.
    with suppress(CredentialsError):
        keep_in_meta(client, index, {TEXT_FIELDS_KEY: list(names)})
    return names
