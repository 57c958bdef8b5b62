"""Golden vectors: distances by their definition, files that come back as they were written."""

import math
from pathlib import Path

import pytest
from csplade.pipelines.encode import Encoder
from csplade.pipelines.errors import EncoderError
from csplade.pipelines.golden import GOLDEN_FILE, Golden, distance, drifts, read_golden, write_golden
from csplade.pipelines.graph import Role
from csplade.pipelines.sparse import SparseVector
from csplade.pipelines.words import split_words
from csplade.tests.tiny_encoder import TEXTS


@pytest.mark.parametrize(
    ("found", "reference", "expected"),
    [
        ({"a": 3.0, "b": 4.0}, {"a": 3.0, "b": 4.0}, 0.0),
        ({"a": 3.0}, {"a": 3.0, "b": 4.0}, 0.8),
        ({"a": 3.0, "b": 4.0, "c": 12.0}, {"a": 3.0, "b": 4.0}, 2.4),
        ({}, {"a": 2.0}, 1.0),
        ({}, {}, 0.0),
        ({"a": 1.0}, {}, math.inf),
    ],
)
def test_distance_is_relative_to_the_reference(
    found: dict[str, float], reference: dict[str, float], expected: float
) -> None:
    assert distance(SparseVector(found), SparseVector(reference)) == pytest.approx(expected)


def test_golden_vectors_come_back(tmp_path: Path) -> None:
    golden = [
        Golden(Role.DOCUMENT, 'Zürich "東京"\n', SparseVector.from_pairs([("zürich", 2.5), ("%2E", 0.25)])),
        Golden(Role.QUERY, "", SparseVector()),
    ]
    write_golden(tmp_path, golden)
    assert read_golden(tmp_path) == golden


@pytest.mark.parametrize(
    "content", [None, b"", b"{", b"[]", b'{"role": "judge", "text": "", "weights": {}}', b'{"role": 1}']
)
def test_a_damaged_file_is_told(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / GOLDEN_FILE).write_bytes(content)
    with pytest.raises(EncoderError, match=GOLDEN_FILE):
        read_golden(tmp_path)


@pytest.mark.model
def test_a_faint_expansion_is_measured_by_the_whole_vector(encoder_folder: Path) -> None:
    encoder = Encoder.open(encoder_folder)
    (vector,) = encoder.documents([TEXTS[0]])
    literal = encoder.contract.literal
    assert literal is not None
    own = {word.key for word in split_words(TEXTS[0], literal.analysis)} & vector.weights.keys()
    added = sorted(vector.weights.keys() - own, key=vector.weights.__getitem__)
    assert own and len(added) > 2
    golden = SparseVector({term: vector.weights[term] for term in [*own, added[0]]})
    whole = math.hypot(*golden.weights.values())
    assert vector.weights[added[0]] < whole / 10
    (drift,) = drifts(encoder, [Golden(Role.DOCUMENT, TEXTS[0], golden)])
    missing = math.hypot(*(vector.weights[term] for term in added[1:]))
    assert drift.expansion == pytest.approx(missing / (whole / 10), rel=1e-5)
    assert drift.distance == pytest.approx(missing / whole, rel=1e-5)
    assert drift.weight == pytest.approx(vector.weights[added[-1]], rel=1e-5)
