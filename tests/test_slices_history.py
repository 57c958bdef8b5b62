"""Up to which place a shard is complete: read out of statistics, and on real servers of each line."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
from csplade.integration.client import connect
from csplade.integration.patience import Patience
from csplade.integration.slices_history import History, Untold, history_of, told_apart
from csplade.integration.slices_snapshot import Snapshot
from csplade.tests.cluster_lines import ClusterLine
from csplade.tests.faulty_proxy import FaultyProxy, running


def shard(uuid: str, place: int, primary: bool = True) -> dict[str, Any]:
    return {
        "routing": {"primary": primary},
        "commit": {"user_data": {"history_uuid": uuid}},
        "seq_no": {"max_seq_no": 9, "local_checkpoint": 8, "global_checkpoint": place},
    }


# A replica learns of the global checkpoint later.
TOLD: dict[str, Any] = {
    "indices": {"a": {"shards": {"1": [shard("v", -2)], "0": [shard("u", 3, primary=False), shard("u", 7)]}}}
}


def test_the_primaries_tell_the_global_checkpoints() -> None:
    assert history_of(TOLD) == History(("u", "v"), (7, -1))


@pytest.mark.parametrize(
    "change",
    [
        lambda told: told["indices"].update(b=told["indices"]["a"]),
        lambda told: told["indices"]["a"]["shards"].pop("0"),
        lambda told: told["indices"]["a"]["shards"]["0"].pop(1),
        lambda told: told["indices"]["a"]["shards"]["1"][0].pop("seq_no"),
        lambda told: told["indices"]["a"]["shards"]["1"][0].update(commit=None),
        lambda told: told.clear(),
    ],
    ids=["two indexes", "no shard 0", "no primary", "closed", "no commit", "nothing"],
)
def test_statistics_that_lack_something_tell_nothing(change: Callable[[dict[str, Any]], object]) -> None:
    told = copy.deepcopy(TOLD)
    change(told)
    assert history_of(told) is None


def test_a_later_look_begins_behind_what_was_complete_unless_the_numbers_are_of_another_index() -> None:
    seen = History(("u", "v"), (7, -1))
    assert seen.begin(History(("u", "v"), (20, 3))) == [8, 0]
    assert seen.begin(History(("u", "w"), (20, 3))) == []
    assert seen.begin(None) == []


def test_a_backup_of_an_index_is_told_apart_from_it_and_so_is_one_of_which_nothing_is_known() -> None:
    before, later, other = History(("u", "v"), (7, -1)), History(("u", "v"), (9, 2)), History(("u", "w"), (7, -1))
    assert told_apart("index", before) == told_apart("index", later)
    assert (
        len({told_apart("index", each) for each in (before, other, Untold.FORBIDDEN)} | {told_apart("another", before)})
        == 4
    )


@pytest.mark.cluster
def test_a_snapshot_knows_up_to_where_it_is_complete_and_an_index_made_again_has_another_history(
    line: ClusterLine,
) -> None:
    def look() -> Snapshot:
        for number in range(9):
            line.client.index(index=line.index, id=str(number), body={"x": number})
        with Snapshot(line.client, line.index, line.dialect, Patience(attempts=1)) as snapshot:
            assert snapshot.frozen
        return snapshot

    settings = {"number_of_shards": 3, "number_of_replicas": 0}
    line.client.indices.create(index=line.index, body={"settings": settings})
    first, second = look(), look()
    assert first.history is not None
    assert second.history is not None
    assert (first.history.complete, second.history.complete) == (first.last, second.last)
    assert first.history.begin(second.history) == [place + 1 for place in first.last]
    line.client.indices.delete(index=line.index)
    line.client.indices.create(index=line.index, body={"settings": settings})
    assert first.history.begin(look().history) == []


@pytest.mark.cluster
@pytest.mark.parametrize(
    ("part", "why"), [("/_stats", Untold.FORBIDDEN), ("/_refresh", Untold.NOT_SHOWN), (None, Untold.BY_CLUSTER)]
)
def test_who_may_not_see_statistics_or_refresh_is_told_of_no_complete_place_and_why(
    line: ClusterLine, part: str | None, why: Untold
) -> None:
    line.client.indices.create(index=line.index)
    line.client.index(index=line.index, id="a", body={"x": 1})
    with running(FaultyProxy(line.url)) as proxy:
        if part is None:
            proxy.unknown = "/_stats"
        else:
            proxy.troubles[part] = [403]
        client = connect(proxy.url)
        with Snapshot(client, line.index, line.dialect, Patience(attempts=1)) as snapshot:
            assert (snapshot.history, snapshot.untold) == (None, why)
            assert (snapshot.told is not None) == (part == "/_refresh")
        assert not any(proxy.troubles.values())
