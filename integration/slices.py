"""A shard's documents in the order of their sequence numbers, cut into slices that are read at the same time; pure.

A sequence number is a document's place in its shard. It stays the same on every copy and however often the index is
read, and a document that changes gets a higher one: so places that are settled can be passed over by a later run. What
is empty now may be filled later, though, unless it is below what `slices_history` tells.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

# Sequence numbers of one shard; a thousand changes a second need five centuries for as many.
_PER_SHARD = 1 << 44


@dataclass(frozen=True, slots=True)
class Slice:
    """Places of a shard from `begin` to before `end`; None: as far as there are any."""

    shard: int
    begin: int
    end: int | None = None

    def query(self, after: int) -> dict[str, Any]:  # Any: a JSON object
        """Return a query for the documents of the slice behind the place `after`."""
        bounds = {"gt": after} if self.end is None else {"gt": after, "lt": self.end}
        return {"range": {"_seq_no": bounds}}


class Found(NamedTuple):
    """A document as it was read."""

    shard: int
    after: int
    """Place of the one before it in its slice: between the two none was seen."""
    hit: Mapping[str, Any]  # Any: a JSON object

    @property
    def place(self) -> int:
        """Return its place in its shard."""
        return int(self.hit["sort"][0])


def cut(last: Sequence[int], slices: int, begin: Sequence[int] = ()) -> tuple[Slice, ...]:
    """Cut shards into at least `slices` slices, all shards into equally many, the shards in turn.

    `last` is the highest place of each shard, with which its slices end, -1 for an empty one; `begin` the first that is
    wanted of each.
    """
    each = -(-slices // len(last)) if last else 0
    parts = [_parts(shard, begin[shard] if begin else 0, highest, each) for shard, highest in enumerate(last)]
    return tuple(part[number] for number in range(each) for part in parts if number < len(part))


def position(shard: int, place: int) -> int:
    """Return a place as one number, in which the places of a shard follow each other."""
    return shard * _PER_SHARD + place


def tails(last: Sequence[int]) -> tuple[Slice, ...]:
    """Return of each shard the slice of what comes later than its highest place."""
    return tuple(Slice(shard, highest + 1) for shard, highest in enumerate(last))


def ranges_of(found: Sequence[Found], complete: Sequence[int] | None, shown: bool) -> list[tuple[int, int]]:
    """Return the positions that documents settle, joined where they touch.

    `complete` is up to which place of each shard nothing can come any more; a document behind it settles nothing, since
    after a failover its place may be another one's. None: nobody knows, and all are taken for complete. `shown` says
    whether everything that is complete was shown: then a document also settles the empty places before its own, which
    otherwise may be those of documents that are not to be seen yet.
    """
    ranges: list[tuple[int, int]] = []
    for one in sorted(found, key=lambda each: (each.shard, each.place)):
        if complete is not None and one.place > complete[one.shard]:
            continue
        first = one.after + 1 if shown and complete is not None else one.place
        begin, end = position(one.shard, first), position(one.shard, one.place) + 1
        if ranges and ranges[-1][1] == begin:
            begin = ranges.pop()[0]
        ranges.append((begin, end))
    return ranges


def _parts(shard: int, begin: int, highest: int, count: int) -> list[Slice]:
    end = highest + 1
    # More slices than places would be empty.
    count = min(count, max(0, end - begin))
    bounds = [begin + (end - begin) * number // count for number in range(count)]
    return [Slice(shard, first, last) for first, last in zip(bounds, [*bounds[1:], end], strict=True)] if count else []
