"""Queries of a judged collection that are documents of an index themselves are looked up there, and told of."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from csplade.commands.output import notice

if TYPE_CHECKING:
    from csplade.pipelines.evaluate import Collection
    from opensearchpy import OpenSearch


def find_own_documents(client: "OpenSearch", indexes: Iterable[str], collection: "Collection") -> "Collection":
    """Return the collection with the queries that are documents of an index, none of which is to find itself.

    Raises:
        ClusterError: the cluster does not answer in full.
    """
    from csplade.integration.search import texts_of
    from csplade.pipelines.own_documents import with_own_documents

    texts: dict[str, tuple[str, ...]] = {}
    for index in indexes:
        for identity, parts in texts_of(client, index, collection.queries.keys()).items():
            texts[identity] = (*texts.get(identity, ()), *parts)
    found = with_own_documents(collection, texts)
    tell_own_documents(found)
    return found


def tell_own_documents(collection: "Collection") -> None:
    """Tell how many queries are documents themselves, if there are any."""
    from csplade.pipelines.own_documents import own_note

    note = own_note(collection)
    if note is not None:
        notice(note)
