"""Up to which place of each shard everything is there, as the cluster itself knows it.

Numbers are given out in order, but operations do not arrive in order: a refresh can show the document 10 of a shard
while 9 is still being written. Up to its global checkpoint all copies of a shard have processed all operations, so that
a refresh afterwards shows them, no later document gets a place there, and no failover takes one back.
"""

import enum
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from csplade.integration.allowed import ask_if_known
from csplade.integration.errors import CredentialsError
from opensearchpy import OpenSearch

_WANTED = "indices.*.shards.*.routing.primary,indices.*.shards.*.seq_no,indices.*.shards.*.commit.user_data"


@dataclass(frozen=True, slots=True)
class History:
    """The sequence numbers of an index's shards at one moment."""

    uuids: tuple[str, ...]
    """Of each shard: numbers that were given out under another one are of another index, or of a backup of it."""
    complete: tuple[int, ...]
    """Up to this place of each shard nothing can come any more, its global checkpoint; -1: from the start on."""

    def begin(self, later: "History | None") -> list[int]:
        """Return from which place of each shard on a later look has to read; none if all has to be read."""
        if later is None or later.uuids != self.uuids:
            return []
        return [place + 1 for place in self.complete]


class Untold(enum.Enum):
    """Why nobody can say up to which place everything is there and shown."""

    FORBIDDEN = "forbidden"
    """This user may not see the statistics of shards."""
    NOT_SHOWN = "not shown"
    """The index was not refreshed in full, or this user may not refresh it."""
    BY_CLUSTER = "by cluster"
    """The cluster does not tell it, or offers no copy that shows it for certain."""


def told_apart(uuid: str, history: History | Untold) -> str:
    """Return what tells the places of an index of that uuid apart from others, also from those of a backup of it.

    A backup that is restored over an index keeps its uuid. Whoever is told of no history has the uuid alone, which is
    another text: what was settled with one counts for nothing with the other.
    """
    if isinstance(history, Untold):
        return f"index {uuid}"
    return f"index {uuid} {hashlib.sha256(' '.join(history.uuids).encode()).hexdigest()}"


def read_history(client: OpenSearch, index: str) -> History | Untold:
    """Ask for it, or return why it is not told; the right is `indices:monitor/stats`.

    Raises:
        ClusterError: the cluster does not answer.
    """
    params = {"level": "shards", "filter_path": _WANTED}
    try:
        answer = ask_if_known(client, "GET", f"/{index}/_stats/docs", params)
    except CredentialsError:
        return Untold.FORBIDDEN
    return (None if answer is None else history_of(answer)) or Untold.BY_CLUSTER


def history_of(answer: Mapping[str, Any]) -> History | None:  # Any: a JSON object
    """Return what statistics of shards say; None if a primary is missing, or it is not about one index; pure."""
    try:
        (index,) = answer["indices"].values()
        shards = [_primary(index["shards"][str(number)]) for number in range(len(index["shards"]))]
        uuids = tuple(str(shard["commit"]["user_data"]["history_uuid"]) for shard in shards)
        return History(uuids, tuple(max(-1, int(shard["seq_no"]["global_checkpoint"])) for shard in shards))
    except (KeyError, TypeError, ValueError):
        # A primary that is on no node, or just starting: nothing is known, and all is read.
        return None


def _primary(copies: list[Mapping[str, Any]]) -> Mapping[str, Any]:  # Any: JSON objects
    (primary,) = (copy for copy in copies if copy["routing"]["primary"])
    return primary
