"""Places in shards: slices hold each place once, and what is settled is told exactly."""

import itertools

from csplade.integration.slices import Found, Slice, cut, position, ranges_of, tails
from hypothesis import given
from hypothesis import strategies as st


def found(shard: int, after: int, place: int) -> Found:
    return Found(shard, after, {"sort": [place, 0]})


@given(st.lists(st.integers(-1, 40), min_size=1, max_size=4), st.integers(1, 9), st.integers(0, 45))
def test_each_place_is_in_one_slice_and_what_comes_later_in_the_tail(last: list[int], slices: int, begin: int) -> None:
    parts = cut(last, slices, [begin] * len(last))
    assert [part.shard for part in tails(last)] == [*range(len(last))]
    for shard, highest in enumerate(last):
        ends = [(part.begin, part.end) for part in parts if part.shard == shard]
        assert [place for first, end in sorted(ends) for place in range(first, end or 0)] == [
            *range(begin, highest + 1)
        ]
        assert tails(last)[shard] == Slice(shard, highest + 1, None)


def test_shards_take_turns_so_that_all_nodes_read() -> None:
    assert cut([9, 5], 4) == (Slice(0, 0, 5), Slice(1, 0, 3), Slice(0, 5, 10), Slice(1, 3, 6))
    assert cut([9], 2, [8]) == (Slice(0, 8, 9), Slice(0, 9, 10))
    assert cut([3, -1], 1, [4, 0]) == ()


def test_a_query_asks_for_what_is_behind_a_place_in_the_slice() -> None:
    assert Slice(0, 5, 9).query(6) == {"range": {"_seq_no": {"gt": 6, "lt": 9}}}
    assert Slice(0, 5).query(4) == {"range": {"_seq_no": {"gt": 4}}}


BATCH = [found(0, -1, 3), found(1, 6, 7), found(0, 3, 4), found(0, 9, 12)]


def test_what_a_batch_settles_are_its_places_and_the_empty_ones_before_them() -> None:
    expected = [(0, 5), (10, 13), (position(1, 7), position(1, 8))]
    assert ranges_of(BATCH, [12, 7], shown=True) == expected
    assert ranges_of([], [12, 7], shown=True) == []


def test_nothing_is_settled_behind_the_place_up_to_which_a_shard_is_complete() -> None:
    assert ranges_of(BATCH, [11, 6], shown=True) == [(0, 5)]
    assert ranges_of(BATCH, [-1, -1], shown=True) == []


def test_where_nobody_knows_that_place_a_document_settles_its_own_alone() -> None:
    expected = [(3, 5), (12, 13), (position(1, 7), position(1, 8))]
    assert ranges_of(BATCH, None, shown=False) == ranges_of(BATCH, None, shown=True) == expected


def test_where_not_all_is_shown_a_document_settles_its_own_place_alone_and_none_behind_the_complete_ones() -> None:
    assert ranges_of(BATCH, [11, 7], shown=False) == [(3, 5), (position(1, 7), position(1, 8))]


@given(st.sets(st.integers(0, 30)), st.sets(st.integers(0, 30)), st.integers(0, 30), st.booleans(), st.booleans())
def test_a_document_that_becomes_visible_late_is_never_settled(
    places: set[int], late: set[int], complete: int, told: bool, shown: bool
) -> None:
    # Where all is shown that is complete, what comes late comes behind the global checkpoint.
    late = {place for place in late if place > complete or not shown} - places
    batch = [found(0, after, place) for after, place in itertools.pairwise([-1, *sorted(places)])]
    ranges = ranges_of(batch, [complete] if told else None, shown)
    held = {place for begin, end in ranges for place in range(begin, end)}
    assert not held & late
    assert held & places == ({place for place in places if place <= complete} if told else places)
