"""Places in shards: slices hold each place once, and what is settled is told exactly."""

from csplade.integration.slices import Found, Slice, cut, position, ranges_of
from hypothesis import given
from hypothesis import strategies as st


def found(shard: int, after: int, place: int) -> Found:
    return Found(shard, after, {"sort": [place, 0]})


@given(st.lists(st.integers(-1, 40), min_size=1, max_size=4), st.integers(1, 9))
def test_each_place_is_in_one_slice_and_the_last_takes_what_comes_later(last: list[int], slices: int) -> None:
    parts = cut(last, slices)
    for shard, highest in enumerate(last):
        held = [part for part in parts if part.shard == shard]
        places = [place for part in held for place in range(part.begin, highest + 1 if part.end is None else part.end)]
        assert sorted(places) == list(range(highest + 1))
        assert sum(part.end is None for part in held) == 1


def test_shards_take_turns_so_that_all_nodes_read() -> None:
    assert cut([9, 5], 4) == (Slice(0, 0, 5), Slice(1, 0, 3), Slice(0, 5), Slice(1, 3))
    assert cut([9], 2, [8]) == (Slice(0, 8, 9), Slice(0, 9))
    assert cut([3], 1, [4]) == (Slice(0, 4),)


def test_a_query_asks_for_what_is_behind_a_place_in_the_slice() -> None:
    assert Slice(0, 5, 9).query(6) == {"range": {"_seq_no": {"gt": 6, "lt": 9}}}
    assert Slice(0, 5).query(4) == {"range": {"_seq_no": {"gt": 4}}}


def test_what_a_batch_settles_are_its_places_and_the_empty_ones_before_them() -> None:
    batch = [found(0, -1, 3), found(1, 6, 7), found(0, 3, 4), found(0, 9, 12)]
    expected = [(0, 5), (10, 13), (position(1, 7), position(1, 8))]
    assert ranges_of(batch) == expected
    assert ranges_of([]) == []
