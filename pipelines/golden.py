"""Golden vectors: texts with the vectors that the exact PyTorch model gave, kept in the encoder folder.

A quantized graph gives slightly other numbers, and again slightly others on another processor; the contract says how
far off they may be.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson
from csplade.pipelines.contract import Contract
from csplade.pipelines.encode import Encoder
from csplade.pipelines.errors import EncoderError
from csplade.pipelines.graph import Role
from csplade.pipelines.jsonl import write_line
from csplade.pipelines.sparse import SparseVector
from csplade.pipelines.words import split_words

GOLDEN_FILE = "golden.jsonl"
_LEAST_EXPANSION = 0.1
"""Of the whole vector's length: an expansion that is shorter is measured as if it were so long."""


@dataclass(frozen=True)
class Golden:
    """A text and the vector it must have."""

    role: Role
    text: str
    vector: SparseVector


@dataclass(frozen=True)
class Drift:
    """How far this machine's vector is from a golden one."""

    golden: Golden
    distance: float
    """|vector - golden| / |golden|."""
    expansion: float
    """The same over the terms that are no words of the text, light ones, hardly seen above; as a share of their own
    length, or of a tenth of the whole vector's where that is more."""
    shared: float
    """Share of the golden vector's ten heaviest terms that are among this machine's ten heaviest."""
    weight: float
    """The largest difference of a term's weights."""


def write_golden(folder: Path, golden: Iterable[Golden]) -> None:
    """Write `golden.jsonl`."""
    with (folder / GOLDEN_FILE).open("wb") as file:
        for one in golden:
            weights = {term: round(weight, 5) for term, weight in one.vector}
            file.write(write_line({"role": one.role.name.lower(), "text": one.text, "weights": weights}))


def read_golden(folder: Path) -> list[Golden]:
    """Read `golden.jsonl`.

    Raises:
        EncoderError: it is missing or damaged.
    """
    path = folder / GOLDEN_FILE
    try:
        lines = [orjson.loads(line) for line in path.read_bytes().splitlines()]
        golden = [
            Golden(Role[line["role"].upper()], line["text"], SparseVector.from_pairs(line["weights"].items()))
            for line in lines
        ]
    except (OSError, orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise EncoderError(f"{path} cannot be read ({error}): copy the encoder folder again") from error
    if not golden:
        raise EncoderError(f"{path} holds no golden vector: copy the encoder folder again")
    return golden


def drifts(encoder: Encoder, golden: Sequence[Golden], together: bool = False) -> list[Drift]:
    """Encode the golden texts here and compare; each alone, or `together` in batches, as the encoder's options are."""
    found = []
    for one, vector in zip(golden, _encoded(encoder, golden, together), strict=True):
        expected = _expansion(encoder, one, one.vector)
        # Hardly any expansion is no measure of what is off: two faint terms that swap would be worlds apart.
        whole = max(_length(expected), _LEAST_EXPANSION * _length(one.vector))
        apart = _share(_difference(_expansion(encoder, one, vector), expected), whole)
        weight = max(map(abs, _differences(vector, one.vector)), default=0.0)
        found.append(Drift(one, distance(vector, one.vector), apart, shared(vector, one.vector), weight))
    return found


def _encoded(encoder: Encoder, golden: Sequence[Golden], together: bool) -> Iterator[SparseVector]:
    encode = {Role.DOCUMENT: encoder.documents, Role.QUERY: encoder.queries}
    if together:
        sides = {role: encode[role]([one.text for one in golden if one.role is role]) for role in Role}
        return (next(sides[one.role]) for one in golden)
    return (next(encode[one.role]([one.text])) for one in golden)


def allowed(drift: Drift, contract: Contract) -> bool:
    """Look whether the contract allows the drift."""
    return drift.distance <= contract.tolerance and drift.expansion <= contract.expansion_tolerance


def distance(vector: SparseVector, reference: SparseVector) -> float:
    """Return |vector - reference| / |reference|; 0 for two empty vectors, infinite if only the reference is empty."""
    return _share(_difference(vector, reference), _length(reference))


def _difference(vector: SparseVector, reference: SparseVector) -> float:
    return math.hypot(*_differences(vector, reference))


def _differences(vector: SparseVector, reference: SparseVector) -> list[float]:
    terms = vector.weights.keys() | reference.weights.keys()
    return [vector.weights.get(term, 0.0) - reference.weights.get(term, 0.0) for term in terms]


def _length(vector: SparseVector) -> float:
    return math.hypot(*vector.weights.values())


def _share(part: float, whole: float) -> float:
    if not whole:
        return math.inf if part else 0.0
    return part / whole


def _expansion(encoder: Encoder, golden: Golden, vector: SparseVector) -> SparseVector:
    """Return the part of a vector that is not the text's own words."""
    literal = encoder.contract.literal
    own = {word.key for word in split_words(golden.text, literal.analysis)} if literal else set()
    return SparseVector({term: weight for term, weight in vector if term not in own})


def shared(vector: SparseVector, reference: SparseVector) -> float:
    """Return the share of the reference's ten heaviest terms that are among the vector's ten heaviest."""
    wanted = reference.heaviest(10).weights.keys()
    return len(wanted & vector.heaviest(10).weights.keys()) / len(wanted) if wanted else 1.0
