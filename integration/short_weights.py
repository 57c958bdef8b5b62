"""Weights with as many digits as make a difference; pure.

All lines keep 9 significant bits of a weight and cut the rest off. More digits would change no score, and yet be sent,
parsed, and kept in `_source`, where they were the larger part of an index.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_KEPT_BITS = 0xFFFF8000
"""Of a 32-bit float: sign, exponent, and 8 bits behind the leading one."""
_DIGITS = 4
"""Enough: of numbers with so many digits there is one in each step of the 9 bits."""


def shortened(weights: Mapping[str, float]) -> dict[str, float]:
    """Return for each weight a number of few digits that a cluster stores as the same."""
    # Here: whoever asks a command for help waits for no arrays.
    import numpy as np

    given = np.fromiter(weights.values(), np.float64, len(weights))
    kept = _kept(given)
    # Large or small numbers may leave what floats can hold; these are sent as they are.
    with np.errstate(all="ignore"):
        scale = 10.0 ** (_DIGITS - 1 - np.floor(np.log10(kept)))
        short = np.ceil(kept * scale) / scale
        same = _kept(short) == kept
    return dict(zip(weights, np.where(same, short, given).tolist(), strict=True))


def _kept(weights: "NDArray[np.float64]") -> "NDArray[np.float64]":
    """Return what is left of weights in a cluster."""
    import numpy as np

    bits = weights.astype(np.float32).view(np.uint32) & np.uint32(_KEPT_BITS)
    return bits.view(np.float32).astype(np.float64)
