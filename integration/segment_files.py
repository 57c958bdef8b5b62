"""How large the files of an index are, by their kinds: what each kind of file of Lucene keeps."""

from collections.abc import Iterable, Mapping
from typing import Any

from opensearchpy import OpenSearch

# How the files end. `sip` and `sit` are those of SEISMIC.
POSTINGS = ("tim", "tip", "tmd", "doc", "pos", "pay", "psm", "sip", "sit")
"""Terms, and what is kept of each: documents, weights, positions."""
STORED = ("fdt", "fdx", "fdm", "tvd", "tvx", "tvm")
"""Stored fields, `_source` above all, and term vectors, in which some servers keep weights to give them back."""
_COMPOUND = "cfs"
_BLOOM = "bfi"
_SECONDS = 1800


def file_bytes(client: OpenSearch, index: str) -> Mapping[str, int] | None:
    """Return the bytes of the files of each kind, primaries only, of what searches see.

    None where small segments are told as one file each, which says nothing of kinds.

    Raises:
        ClusterError: the cluster does not tell, or not this user.
    """
    params = {"include_segment_file_sizes": "true"}
    found = client.indices.stats(index=index, metric="segments", params=params)
    kinds: Mapping[str, Any] = found["_all"]["primaries"]["segments"]["file_sizes"]  # Any: a JSON object
    return None if _COMPOUND in kinds else {kind: int(told["size_in_bytes"]) for kind, told in kinds.items()}


def postings_bytes(files: Mapping[str, int]) -> int | None:
    """Return the bytes of all postings; None where they are not told.

    Elasticsearch 8 and 9 keep ids in a format of their own, so that a segment has several files of a kind; servers tell
    the size of one of them.
    """
    return None if _BLOOM in files else bytes_of(files, POSTINGS)


def bytes_of(files: Mapping[str, int], kinds: Iterable[str]) -> int:
    """Return the bytes of these kinds of files together."""
    return sum(files.get(kind, 0) for kind in kinds)


def store_bytes(client: OpenSearch, index: str) -> int:
    """Return the bytes of an index as it is now, primaries only.

    Raises:
        ClusterError: the cluster does not tell, or not this user.
    """
    stats = client.indices.stats(index=index, metric="store")
    return int(stats["_all"]["primaries"]["store"]["size_in_bytes"])


def merge_into_one(client: OpenSearch, index: str) -> None:
    """Merge an index into one segment, and let searches and sizes see only that.

    Raises:
        ClusterError: the cluster refuses.
    """
    client.indices.forcemerge(index=index, params={"max_num_segments": 1, "request_timeout": _SECONDS})
    # What was merged is deleted with the next commit.
    client.indices.flush(index=index, params={"force": "true", "request_timeout": _SECONDS})
    client.indices.refresh(index=index)
