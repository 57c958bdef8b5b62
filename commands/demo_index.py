"""The index of `csplade demo`: it is the demo's own, may be made anew at any time, and nobody else's is touched."""

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from csplade.integration.documents import Document
from csplade.pipelines.contract import Contract
from csplade.pipelines.docstrings import Entry

if TYPE_CHECKING:
    from opensearchpy import OpenSearch

INDEX = "csplade-demo"

_META_KEY = "csplade_demo"
_MERGE_SECONDS = 300


def documents_of(entries: Sequence[Entry]) -> list[Document]:
    """Return the entries as they are indexed: title and text are searched, as in any other collection."""
    return [Document(entry.id, entry.searchable, entry.title) for entry in entries]


def is_complete(client: "OpenSearch", contract: Contract, documents: Sequence[Document], analyzer: str) -> bool:
    """Return whether the index holds these documents, encoded with this encoder and analysed by this analyzer.

    Raises:
        IndexConflictError: there is an index of that name that is not the demo's.
        ClusterError: the cluster does not answer, or is of a kind that csplade does not know.
    """
    from csplade.integration.detect import read_dialect

    # Before anything is encoded, which takes minutes.
    read_dialect(client)
    mark = _mark_found(client)
    if mark != _mark(contract, documents, analyzer):
        return False
    client.indices.refresh(index=INDEX)
    return bool(client.count(index=INDEX)["count"] == len(documents))


def make_anew(client: "OpenSearch", contract: Contract, documents: Sequence[Document], analyzer: str) -> None:
    """Create the empty index; the demo's earlier one is deleted.

    Raises:
        ClusterError: the cluster refuses, or is of a kind that csplade does not know.
    """
    from csplade.integration.detect import read_dialect
    from csplade.integration.templates import IndexOptions, index_body

    body = index_body(contract, IndexOptions(analyzer), read_dialect(client))
    body["mappings"]["_meta"][_META_KEY] = _mark(contract, documents, analyzer)
    if _mark_found(client) is not None:
        client.indices.delete(index=INDEX)
    client.indices.create(index=INDEX, body=body)


def settle(client: "OpenSearch") -> None:
    """Merge the index into one segment: documents that score alike then keep their order from one search to the next.

    Raises:
        ClusterError: the cluster refuses, or does not answer.
    """
    client.indices.forcemerge(index=INDEX, params={"max_num_segments": 1, "request_timeout": _MERGE_SECONDS})
    client.indices.refresh(index=INDEX)


def _mark(contract: Contract, documents: Sequence[Document], analyzer: str) -> dict[str, str]:
    """Return what the index's `_meta` says about its content."""
    digest = hashlib.sha256()
    for document in documents:
        digest.update(f"{document.id}\0{document.text}\0".encode(errors="surrogatepass"))
    return {"corpus": digest.hexdigest()[:16], "fingerprint": contract.fingerprint, "analyzer": analyzer}


def _mark_found(client: "OpenSearch") -> dict[str, Any] | None:  # Any: a JSON object
    """Return the mark of the index that is there, None if there is no index."""
    from csplade.integration.errors import IndexConflictError, RequestError

    try:
        found = client.indices.get_mapping(index=INDEX)
    except RequestError as error:
        if error.status == 404:
            return None
        raise
    # Of an alias, the answer names the indexes behind it.
    mark = found.get(INDEX, {}).get("mappings", {}).get("_meta", {}).get(_META_KEY)
    if not isinstance(mark, dict):
        raise IndexConflictError(
            f"there is an index or alias {INDEX!r} that the demo did not make: give it another name, or show the demo "
            "another cluster with --url"
        )
    return mark
