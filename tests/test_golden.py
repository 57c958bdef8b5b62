"""Golden vectors: distances by their definition, files that come back as they were written."""

import math
from pathlib import Path

import pytest
from csplade.pipelines.errors import EncoderError
from csplade.pipelines.golden import GOLDEN_FILE, Golden, distance, read_golden, write_golden
from csplade.pipelines.graph import Role
from csplade.pipelines.sparse import SparseVector


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
