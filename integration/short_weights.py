"""Weights with as many digits as make a difference; pure.

All lines keep 9 significant bits of a weight and cut the rest off. More digits would change no score, and yet be sent,
parsed, and kept in `_source`, where they were the larger part of an index.
"""

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_CUT_BITS = 15
"""The last ones of a 32-bit float; what stays are sign, exponent, and 8 bits behind the leading one."""
_DIGITS = 4
"""Enough: of numbers with so many digits there is one in each step of the 9 bits."""


def shortened(weights: Mapping[str, float]) -> dict[str, float]:
    """Return for each weight a number of few digits that a cluster stores as the same; of `acceptable_weights` only."""
    # Here: whoever asks a command for help waits for no arrays.
    import numpy as np

    given = np.fromiter(weights.values(), np.float32, len(weights))
    return dict(zip(weights, _short()[given.view(np.uint32) >> np.uint32(_CUT_BITS)].tolist(), strict=True))


@cache
def _short() -> "NDArray[np.float64]":
    """Return a number of few digits for each positive one that a cluster keeps, by exponent and bits: (65536,)."""
    import numpy as np

    # Large or small numbers may leave what floats can hold; these are sent as they are kept.
    with np.errstate(all="ignore"):
        kept = _floats(np.arange(2 ** (31 - _CUT_BITS)).astype(np.uint32))
        scale = 10.0 ** (_DIGITS - 1 - np.floor(np.log10(kept)))
        short = np.ceil(kept * scale) / scale
        same = _floats(short.astype(np.float32).view(np.uint32) >> np.uint32(_CUT_BITS)) == kept
    table = np.where(same, short, kept)
    table.setflags(write=False)
    return table


def _floats(bits: "NDArray[np.uint32]") -> "NDArray[np.float64]":
    """Return the numbers whose first bits these are."""
    import numpy as np

    return (bits << np.uint32(_CUT_BITS)).view(np.float32).astype(np.float64)
