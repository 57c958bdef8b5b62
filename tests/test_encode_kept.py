"""The vectors of the last queries."""

from csplade.pipelines.encode_kept import KeptVectors
from csplade.pipelines.sparse import SparseVector


def test_the_vector_that_was_not_asked_for_the_longest_goes_first() -> None:
    kept = KeptVectors(2)
    vectors = {text: SparseVector({text: 1.0}) for text in "abc"}
    kept.keep("a", vectors["a"])
    kept.keep("b", vectors["b"])
    assert kept.get("a") == vectors["a"]
    kept.keep("c", vectors["c"])
    assert (kept.get("a"), kept.get("b"), kept.get("c")) == (vectors["a"], None, vectors["c"])
    assert len(kept) == 2


def test_none_is_kept_where_none_is_wanted() -> None:
    kept = KeptVectors(0)
    kept.keep("a", SparseVector())
    assert (kept.get("a"), len(kept)) == (None, 0)
