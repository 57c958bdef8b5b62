"""Whether an exported folder says what the torch model says: text by text, at full length, and in a padded batch."""

import dataclasses
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from csplade.pipelines.contract import Contract
from csplade.pipelines.encode import Encoder
from csplade.pipelines.encode_options import EncodeOptions
from csplade.pipelines.errors import EncoderError
from csplade.pipelines.golden import Drift, Golden, allowed, drifts
from csplade.pipelines.golden_texts import DOCUMENTS, QUERIES, filling
from csplade.pipelines.graph import Role

_ONE_BATCH = EncodeOptions(batch_tokens=1_000_000)
"""All golden texts of a side together, padded to the longest."""


@dataclass(frozen=True)
class Tolerance:
    """How far golden vectors may be off, see `Contract`."""

    whole: float
    expansion: float


EXACT = Tolerance(0.01, 0.05)
"""Float arithmetic in another order; where top-k cuts between equal weights, either may be kept."""
MOST_ROUNDED = Tolerance(0.75, 0.95)
"""What rounded weights may cost at the most. Measured, as the largest of the golden texts, whole and expansion alone:
csplade-mini (12 layers, words) 0.08 and 0.83; SmolLM2-135M (30 layers, words, 100 steps) 0.17 and 0.49; random models
of two layers, 32 wide, 0.28 and 0.47 in words, 0.67 in pieces, where all is expansion. An empty vector would be 1 away,
a graph that says something else more."""
_LEAST_SHARED = 0.9
"""Of the ten heaviest terms in float arithmetic: where two weights are the same, either may be the tenth."""
_OTHERWISE = "nothing was written: try another --opset, or --standard-operators"


def golden_vectors(exact: Encoder) -> list[Golden]:
    """Return the golden texts with this encoder's vectors, each text encoded alone."""
    texts = [(Role.DOCUMENT, text) for text in DOCUMENTS] + [(Role.QUERY, text) for text in QUERIES]
    return _with_vectors(exact, texts)


def check_parity(folder: Path, exact: Encoder, golden: Sequence[Golden]) -> tuple[Drift, ...]:
    """Compare the folder with the exact encoder, and return how far golden texts and those of full length are off.

    Raises:
        EncoderError: a text is off by more than the contract allows, ranks terms otherwise though nothing is rounded,
            or has another vector in a padded batch than alone.
    """
    encoder = Encoder.open(folder)
    contract = encoder.contract
    sides = ((Role.DOCUMENT, contract.document), (Role.QUERY, contract.query))
    full = _with_vectors(exact, [(role, filling(side.max_tokens)) for role, side in sides])
    found = tuple(drifts(encoder, [*golden, *full]))
    _check_distance(found, contract)
    if contract.quantization == "none":
        _check_heaviest(found)
    alone = _with_vectors(encoder, [(one.role, one.text) for one in golden])
    _check_padding(drifts(Encoder.open(folder, _ONE_BATCH), alone, together=True))
    return found


def largest(found: Iterable[Drift]) -> Tolerance:
    """Return the largest drift; that of a text without a golden vector, which no number can tell, is left out."""
    finite = [drift for drift in found if math.isfinite(_off(drift))]
    whole = max((drift.distance for drift in finite), default=0.0)
    return Tolerance(whole, max((drift.expansion for drift in finite), default=0.0))


def as_measured(contract: Contract, found: Iterable[Drift]) -> Contract:
    """Return the contract with the largest drift that was found here as its tolerance, and room for other machines."""
    off = largest(found)
    whole, expansion = round(off.whole + EXACT.whole, 3), round(off.expansion + EXACT.expansion, 3)
    return dataclasses.replace(contract, tolerance=whole, expansion_tolerance=expansion)


def _with_vectors(encoder: Encoder, texts: Sequence[tuple[Role, str]]) -> list[Golden]:
    """Return the texts with the encoder's vectors, each encoded alone."""
    encode = {Role.DOCUMENT: encoder.documents, Role.QUERY: encoder.queries}
    return [Golden(role, text, next(encode[role]([text]))) for role, text in texts]


def _check_distance(found: Sequence[Drift], contract: Contract) -> None:
    wrong = [drift for drift in found if not allowed(drift, contract)]
    if wrong:
        worst = max(wrong, key=_off)
        raise EncoderError(
            f"the exported graph gives other vectors than the model: {worst.golden.text[:40]!r} is off by "
            f"{worst.distance:.3g} (allowed {contract.tolerance}), its expansion by {worst.expansion:.3g} (allowed "
            f"{contract.expansion_tolerance}); nothing was written: export without int8, or train longer"
        )


def _check_heaviest(found: Sequence[Drift]) -> None:
    worst = min(found, key=lambda drift: drift.shared)
    if worst.shared < _LEAST_SHARED:
        raise EncoderError(
            f"the exported graph ranks terms otherwise than the model: of the ten heaviest terms of "
            f"{worst.golden.text[:40]!r} it has {worst.shared:.0%} (wanted are {_LEAST_SHARED:.0%}), though weights "
            f"differ by {worst.weight:.3g} at most; {_OTHERWISE}"
        )


def _check_padding(found: Sequence[Drift]) -> None:
    """Compare a graph with itself: rounded weights are the same in a batch."""
    worst = max(found, key=_off)
    if worst.distance > EXACT.whole or worst.expansion > EXACT.expansion:
        raise EncoderError(
            f"the exported graph lets padding reach a text: in a batch {worst.golden.text[:40]!r} is off by "
            f"{worst.distance:.3g} from what it is alone (allowed {EXACT.whole}), its expansion by "
            f"{worst.expansion:.3g} (allowed {EXACT.expansion}); {_OTHERWISE}"
        )


def _off(drift: Drift) -> float:
    return max(drift.distance, drift.expansion)
