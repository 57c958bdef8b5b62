"""Documents of one id and different routing: an index may hold them in several shards, of which a copy has fewer.

Where two would come into one shard of the new index, the one without routing, or whose routing comes first in order,
stays, and the others fail: none is replaced without a word, and every run decides the same.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache, partial
from itertools import islice

from csplade.integration.errors import CredentialsError, RequestError
from csplade.integration.patience import Patience, patient
from csplade.integration.reindex_documents import routing_of
from csplade.integration.slices import Found
from csplade.integration.slices_snapshot import Snapshot
from opensearchpy import OpenSearch

# An index may give no more at once than a page of `reindex`, which is as large.
_MOST_HITS = 200
_ROUTINGS_KEPT = 10_000


class SameIds:
    """Tells of documents that others of their id leave no room for in the index that is copied into."""

    def __init__(self, snapshot: Snapshot, target: OpenSearch, into: str, patience: Patience) -> None:
        self._snapshot, self._shards = snapshot, len(snapshot.last)
        asked = partial(_shards_of, patient(target, patience), into)
        self._shards_of = lru_cache(_ROUTINGS_KEPT)(asked)

    def told(self, documents: Iterable[Found]) -> Iterator[tuple[Found, str | None]]:
        """Give documents of the source in their order, each with the reason why it cannot be copied, if there is one.

        Raises:
            ClusterError: one of the clusters does not answer in full.
        """
        rest = iter(documents)
        # An id is there once in each shard, and so once where there is one.
        size = max(1, _MOST_HITS // self._shards) if self._shards > 1 else 1
        while group := list(islice(rest, size)):
            routings = self._routings(group) if self._shards > 1 else {}
            for found in group:
                yield found, self._reason(found, routings.get(found.hit["_id"], ()))

    def _routings(self, group: Sequence[Found]) -> dict[str, list[str | None]]:
        """Return all routings of those ids in a group of which a document has one; without, an id is there once."""
        values = [found.hit["_id"] for found in group if routing_of(found.hit) is not None]
        if not values:
            return {}
        body = {"query": {"ids": {"values": values}}, "size": len(values) * self._shards, "_source": False}
        routings: dict[str, list[str | None]] = defaultdict(list)
        for hit in self._snapshot.ask(body):
            routings[hit["_id"]].append(routing_of(hit))
        return routings

    def _reason(self, found: Found, routings: Sequence[str | None]) -> str | None:
        identity, own = str(found.hit["_id"]), routing_of(found.hit)
        for other in sorted(routings, key=_order):
            if own is None or _order(other) >= own:
                return None
            mine, theirs = self._shards_of(own), self._shards_of(identity if other is None else other)
            if mine is None or theirs is None or mine & theirs:
                place = "without routing" if other is None else f"of the routing {other!r}"
                return (
                    f"the document {identity!r} of the routing {own!r} would replace the one {place}, as the new index "
                    f"{'may have' if mine is None or theirs is None else 'has'} both in one shard: give it another id, "
                    "or the new index more --shards"
                )
        return None


def _order(routing: str | None) -> str:
    """Return by what documents of one id are ordered: one without routing comes first."""
    return routing or ""


def _shards_of(client: OpenSearch, index: str, routing: str) -> frozenset[int] | None:
    """Return in which shards of an index the documents of a routing are; None where the cluster does not tell."""
    # It takes what commas part for several.
    if "," in routing:
        return None
    try:
        found = client.search_shards(index=index, params={"routing": routing})
    except CredentialsError:
        return None
    except RequestError as error:
        if not error.unserved:
            raise
        return None
    return frozenset(int(copies[0]["shard"]) for copies in found["shards"])
