"""An index as it is at one moment, to be read in pages: a point in time of each shard, where the cluster has them.

Without, pages are read from the living index. In the order of sequence numbers a document that changes meanwhile gets a
higher number and comes once more; only the account may then differ from a count. That holds as long as all pages are
from one copy of a shard, which is its primary where a cluster can be asked for that.
"""

import threading
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any, Self

from csplade.integration.answers import check_shards, hits_of
from csplade.integration.dialect import Dialect
from csplade.integration.errors import ClusterError, RequestError
from csplade.integration.patience import Patience, patient, patiently
from csplade.integration.query import Mode
from csplade.integration.refresh import refresh_all
from csplade.integration.slices import Slice
from csplade.integration.slices_history import History, Untold, read_history
from csplade.integration.slices_points import KEPT_SECONDS, Points
from opensearchpy import OpenSearch

_WHOLE = {"allow_partial_search_results": "false"}
_ELASTIC = "elasticsearch"
_PRIMARY = "_primary"
_REQUEST_SECONDS = 120
_BAD_REQUEST = 400

_Json = Mapping[str, Any]  # Any: a JSON object


class Snapshot:
    """A context manager that opens points in time and gives them back."""

    def __init__(
        self, client: OpenSearch, index: str, dialect: Dialect, patience: Patience, kept_seconds: int = KEPT_SECONDS
    ) -> None:
        # To read twice does no harm.
        self._client, self._plain, self._index = patient(client, patience), client, index
        self._patience = patience
        self._elastic = dialect.distribution == _ELASTIC
        self._points = Points(client, index, self._elastic, patience, kept_seconds)
        self._primary = False
        self._stack = ExitStack()
        self.total = 0
        """Documents of the index at this moment."""
        self.last: tuple[int, ...] = ()
        """The highest place in each shard, -1 in an empty one."""
        self.told: History | None = None
        """Up to which place nothing comes any more, though it may not be shown yet; None: this user is not told."""
        self.history: History | None = None
        """The same where all up to there is shown; None: nobody can say, for the reason `untold`."""
        self.untold: Untold | None = None

    def __enter__(self) -> Self:
        # Before the refresh, which then shows all that was complete before it.
        history = read_history(self._client, self._index)
        # Somebody who only reads may not ask for that.
        refreshed = refresh_all(self._client, self._index)
        shards = self._look()
        with ExitStack() as stack:
            stack.enter_context(self._points)
            self._points.open([self._copy(shard) for shard in range(shards)])
            ends = [self._end(shard) for shard in range(shards)]
            self._stack = stack.pop_all()
        self.total, self.last = sum(total for total, _ in ends), tuple(last for _, last in ends)
        # Replicas of OpenSearch may be behind the primary although they are refreshed (segment replication).
        shown = refreshed and (self._elastic or self._primary)
        self.told = history if isinstance(history, History) and len(history.complete) == shards else None
        self.history = self.told if shown else None
        if self.history is None:
            by_cluster = Untold.NOT_SHOWN if self.told is not None and not refreshed else Untold.BY_CLUSTER
            self.untold = history if isinstance(history, Untold) else by_cluster
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def frozen(self) -> bool:
        """Say whether all pages show the same moment."""
        return self._points.whole

    def page(
        self,
        part: Slice,
        after: int,
        size: int,
        source: object,
        stopped: threading.Event | None = None,
    ) -> list[_Json]:
        """Return the next documents of a slice behind a place, at most `size`; see `patiently` about `stopped`.

        Raises:
            ClusterError: the cluster does not answer in full for longer than the patience lasts, or until `stopped`.
        """
        body = {
            "query": part.query(after),
            "size": size,
            "sort": [{"_seq_no": "asc"}],
            "_source": source,
            "seq_no_primary_term": True,
            "track_total_hits": False,
        }
        return hits_of(self._search(part.shard, body, stopped), Mode.BM25)

    def ask(self, body: _Json) -> list[_Json]:
        """Return the hits of a search of all shards as they are now, in the copies that pages are from.

        Raises:
            ClusterError: the cluster does not answer in full for longer than the patience lasts.
        """
        params = {**_WHOLE, "preference": _PRIMARY} if self._primary else dict(_WHOLE)
        return hits_of(self._client.search(index=self._index, body=body, params=params), Mode.BM25)

    def _look(self) -> int:
        """Return how many shards there are, all of which answer, and find out whether primaries can be asked for."""
        self._primary = not self._elastic
        try:
            answer = self._first(_WHOLE if self._elastic else {**_WHOLE, "preference": _PRIMARY})
        except RequestError as error:
            # An OpenSearch before 2.8 does not know it.
            if self._elastic or error.status != _BAD_REQUEST:
                raise
            self._primary = False
            answer = self._first(_WHOLE)
        check_shards(answer)
        if not (shards := int(answer["_shards"]["total"])):
            raise ClusterError(
                f"the cluster of {self._index!r} tells of no shards, by which an index is read as a whole"
            )
        return shards

    def _first(self, params: Mapping[str, str]) -> _Json:
        body = {"size": 0, "track_total_hits": False}
        answer: _Json = self._client.search(index=self._index, body=body, params=dict(params))
        return answer

    def _copy(self, shard: int) -> str:
        return f"_shards:{shard}|{_PRIMARY}" if self._primary else f"_shards:{shard}"

    def _end(self, shard: int) -> tuple[int, int]:
        """Return how many documents a shard has, and the highest place."""
        body = {"size": 1, "sort": [{"_seq_no": "desc"}], "_source": False, "track_total_hits": True}
        answer = self._search(shard, body)
        hits = hits_of(answer, Mode.BM25)
        return int(answer["hits"]["total"]["value"]), int(hits[0]["sort"][0]) if hits else -1

    def _search(self, shard: int, body: _Json, stopped: threading.Event | None = None) -> _Json:
        return patiently(lambda: self._search_once(shard, body), self._patience, stopped)

    def _search_once(self, shard: int, body: _Json) -> _Json:
        params: dict[str, Any] = {**_WHOLE, "request_timeout": _REQUEST_SECONDS}  # Any: of opensearch-py
        if self._points.has(shard):
            return self._points.ask(shard, body, params)
        params["preference"] = self._copy(shard)
        answer: _Json = self._plain.search(index=self._index, body=body, params=params)
        return answer
