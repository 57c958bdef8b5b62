"""Points in time of an index's shards, one of each, kept until they are given back.

A thread renews all of them: shards that have to wait for their turn, or for a slow consumer, are asked by nobody else.
"""

import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from csplade.integration.allowed import ask_if_allowed
from csplade.integration.errors import ClusterError, RequestError, UnreachableError
from csplade.integration.patience import Patience, patient
from opensearchpy import OpenSearch

KEPT_SECONDS = 30 * 60
"""How long the cluster keeps a point in time that nobody asks or renews: so long it may be away."""
_RENEWED = 6
"""How often a point is renewed in the time for which it is kept."""
_RENEWAL_SECONDS = 10
_CLOSING_SECONDS = 5
# The kind of the error is that of all failed shards.
_EXPIRED = "No search context found"
_NOTHING: Mapping[str, object] = {"size": 0, "track_total_hits": False}

_Json = Mapping[str, Any]  # Any: a JSON object


class Points:
    """A context manager that gives the points in time back; they are opened in it."""

    def __init__(
        self, client: OpenSearch, index: str, elastic: bool, patience: Patience, kept_seconds: int = KEPT_SECONDS
    ) -> None:
        # To open twice does no harm. Renewing and closing have no patience: what fails is done later, or by itself.
        self._client, self._plain, self._index, self._elastic = patient(client, patience), client, index, elastic
        self._kept = kept_seconds
        self._ids: list[str | None] = []
        self._ended = threading.Event()
        self._renewing = threading.Thread(target=self._renew, daemon=True)

    def __enter__(self) -> "Points":
        self._renewing.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._renewing.join(_CLOSING_SECONDS)
        if self._renewing.is_alive():
            # Its request hangs, and so would these.
            return
        for point in filter(None, self._ids):
            # They end by themselves; and what stops a run now should be told, not this.
            try:
                self._close(point)
            except UnreachableError:
                # Nobody wants to wait for the others.
                break
            except ClusterError:
                continue

    @property
    def whole(self) -> bool:
        """Say whether there is one of each shard."""
        return None not in self._ids

    def open(self, preferences: Sequence[str]) -> None:
        """Open one for each preference, which names a shard; where the cluster has none, or not for this user, none.

        Raises:
            ClusterError: the cluster does not answer for longer than the patience lasts.
        """
        path = "_pit" if self._elastic else "_search/point_in_time"
        for preference in preferences:
            params = {"keep_alive": f"{self._kept}s", "preference": preference}
            answer = ask_if_allowed(self._client, "POST", f"/{self._index}/{path}", params)
            self._ids.append(None if answer is None else str(answer["id" if self._elastic else "pit_id"]))

    def has(self, shard: int) -> bool:
        """Say whether there is one of this shard."""
        return self._ids[shard] is not None

    def ask(self, shard: int, body: _Json, params: Mapping[str, object]) -> _Json:
        """Return the answer to a search in the point in time of a shard, of which there is one; without patience.

        Raises:
            ClusterError: it is gone, or the cluster does not answer.
        """
        try:
            return self._search(shard, body, params)
        except RequestError as error:
            if _EXPIRED not in error.reason:
                raise
            raise ClusterError(
                f"the cluster has given up the moment of {self._index!r} that was being read (its node has started "
                f"again, or could not be asked for {self._kept // 60} minutes): run the same command again, it goes on "
                "from there"
            ) from error

    def _renew(self) -> None:
        while not self._ended.wait(self._kept / _RENEWED):
            for shard, point in enumerate(self._ids):
                if point is not None and not self._ended.is_set():
                    # What cannot be asked now is asked again soon, and what is gone is told to whoever reads it.
                    with suppress(ClusterError):
                        self._search(shard, _NOTHING, {"request_timeout": _RENEWAL_SECONDS})

    def _search(self, shard: int, body: _Json, params: Mapping[str, object]) -> _Json:
        point = {"id": self._ids[shard], "keep_alive": f"{self._kept}s"}
        answer: _Json = self._plain.search(body={**body, "pit": point}, params=dict(params))
        self._ids[shard] = answer.get("pit_id", point["id"])
        return answer

    def _close(self, point: str) -> None:
        path = "/_pit" if self._elastic else "/_search/point_in_time"
        body = {"id": point} if self._elastic else {"pit_id": [point]}
        params = {"request_timeout": _CLOSING_SECONDS}
        self._plain.transport.perform_request("DELETE", path, params=params, body=body)
