"""An index as it is at one moment, to be read in pages: a point in time of each shard, where the cluster has them.

Without, pages are read from the living index. In the order of sequence numbers that loses nothing either: a document
that changes meanwhile gets a higher number and comes once more; only the account may then differ from a count.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Self

from csplade.integration.answers import check_shards, hits_of
from csplade.integration.dialect import Dialect
from csplade.integration.errors import ClusterError, CredentialsError, RequestError
from csplade.integration.patience import Patience, patient
from csplade.integration.query import Mode
from csplade.integration.slices import Slice
from opensearchpy import OpenSearch

_KEPT = "30m"
"""Between two pages there may be the encoding of many documents."""
_WHOLE = {"allow_partial_search_results": "false"}
_ELASTIC = "elasticsearch"
# How clusters say that they do not know the path.
_UNKNOWN_PATH = frozenset({400, 404, 405})
_REQUEST_SECONDS = 120
_EXPIRED = "search_context_missing_exception"


class Snapshot:
    """A context manager that opens points in time and gives them back."""

    def __init__(self, client: OpenSearch, index: str, dialect: Dialect, patience: Patience) -> None:
        # To read twice does no harm. Points in time are closed without patience, since they end by themselves.
        self._client, self._closing, self._index = patient(client, patience), client, index
        self._elastic = dialect.distribution == _ELASTIC
        self._points: list[str | None] = []
        self.total = 0
        """Documents of the index at this moment."""
        self.last: tuple[int, ...] = ()
        """The highest place in each shard, -1 in an empty one."""

    def __enter__(self) -> Self:
        # What was written just before is part of it; somebody who only reads may not ask for that.
        with suppress(CredentialsError):
            self._client.indices.refresh(index=self._index)
        empty = {"size": 0, "track_total_hits": False}
        answer = self._client.search(index=self._index, body=empty, params=_WHOLE)
        check_shards(answer)
        try:
            for shard in range(int(answer["_shards"]["total"])):
                self._points.append(self._open(shard))
            ends = [self._end(shard) for shard in range(len(self._points))]
        except BaseException:
            self._close()
            raise
        self.total, self.last = sum(total for total, _ in ends), tuple(last for _, last in ends)
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    @property
    def frozen(self) -> bool:
        """Say whether all pages show the same moment."""
        return None not in self._points

    def page(
        self,
        part: Slice,
        after: int,
        size: int,
        source: object,
    ) -> list[Mapping[str, Any]]:  # Any: JSON objects
        """Return the next documents of a slice behind a place, at most `size`.

        Raises:
            ClusterError: the cluster does not answer in full for longer than the patience lasts.
        """
        body = {
            "query": part.query(after),
            "size": size,
            "sort": [{"_seq_no": "asc"}],
            "_source": source,
            "seq_no_primary_term": True,
            "track_total_hits": False,
        }
        return hits_of(self._search(part.shard, body), Mode.BM25)

    def _end(self, shard: int) -> tuple[int, int]:
        """Return how many documents a shard has, and the highest place."""
        body = {"size": 1, "sort": [{"_seq_no": "desc"}], "_source": False, "track_total_hits": True}
        answer = self._search(shard, body)
        hits = hits_of(answer, Mode.BM25)
        return int(answer["hits"]["total"]["value"]), int(hits[0]["sort"][0]) if hits else -1

    def _search(self, shard: int, body: Mapping[str, Any]) -> Mapping[str, Any]:  # Any: JSON objects
        point = self._points[shard]
        params: dict[str, Any] = {**_WHOLE, "request_timeout": _REQUEST_SECONDS}  # Any: of opensearch-py
        if point is None:
            params["preference"] = f"_shards:{shard}"
            answer: Mapping[str, Any] = self._client.search(index=self._index, body=body, params=params)
            return answer
        try:
            answer = self._client.search(body={**body, "pit": {"id": point, "keep_alive": _KEPT}}, params=params)
        except RequestError as error:
            if error.kind != _EXPIRED:
                raise
            raise ClusterError(
                f"the cluster has given up the moment of {self._index!r} that was being read (it is kept for {_KEPT}, "
                "and not by a node that restarts): run the same command again, it goes on from there"
            ) from error
        self._points[shard] = answer.get("pit_id", point)
        return answer

    def _open(self, shard: int) -> str | None:
        """Open a point in time of one shard; None where the cluster has none, or not for this user."""
        path = "_pit" if self._elastic else "_search/point_in_time"
        params = {"keep_alive": _KEPT, "preference": f"_shards:{shard}"}
        try:
            answer = self._client.transport.perform_request("POST", f"/{self._index}/{path}", params=params)
        except CredentialsError:
            return None
        except RequestError as error:
            if error.status not in _UNKNOWN_PATH:
                raise
            return None
        return str(answer["id" if self._elastic else "pit_id"])

    def _close(self) -> None:
        points: Sequence[str] = [point for point in self._points if point is not None]
        for point in points:
            path, body = ("/_pit", {"id": point}) if self._elastic else _opensearch_close(point)
            # They end by themselves; and what stops a run now should be told, not this.
            with suppress(ClusterError):
                self._closing.transport.perform_request("DELETE", path, body=body)


def _opensearch_close(point: str) -> tuple[str, dict[str, list[str]]]:
    return "/_search/point_in_time", {"pit_id": [point]}
