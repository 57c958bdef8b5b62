"""Weights lose digits, and nothing that a cluster would have kept of them."""

import struct

from csplade.integration.short_weights import shortened
from hypothesis import given
from hypothesis import strategies as st


def stored(weight: float) -> int:
    """Return what Lucene keeps of a feature: `Float.floatToIntBits(weight) >>> 15`."""
    (bits,) = struct.unpack("<i", struct.pack("<f", weight))
    return int(bits) >> 15


def digits(weight: float) -> int:
    mantissa, _, _ = f"{weight!r}".partition("e")
    return len(mantissa.replace(".", "").strip("0"))


@given(st.lists(st.floats(2.0**-126, (2 - 2.0**-23) * 2.0**127), min_size=1))
def test_a_cluster_stores_the_same_whatever_the_size(weights: list[float]) -> None:
    given_ = {f"t{number}": weight for number, weight in enumerate(weights)}
    sent = shortened(given_)
    assert list(sent) == list(given_)
    assert [stored(weight) for weight in sent.values()] == [stored(weight) for weight in weights]


@given(st.floats(1e-6, 9999.0))
def test_four_digits_are_enough_for_all_that_encoders_give(weight: float) -> None:
    (sent,) = shortened({"t": weight}).values()
    assert stored(sent) == stored(weight)
    assert digits(sent) <= 4


def test_what_is_short_already_stays() -> None:
    weights = {"a": 5.0, "b": 0.25, "c": 12.0, "d": 1.5, "e": 400.0}
    assert shortened(weights) == weights
    assert shortened({}) == {}
