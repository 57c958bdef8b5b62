"""What `benchmarks/cluster.py` compares with: synthetic documents made of real ones, and exact rankings."""

import random
from pathlib import Path

import orjson
import pytest
from csplade.benchmarks.cluster_material import Exact, Material, Weighted, read_material
from csplade.pipelines.errors import UsageError
from csplade.pipelines.sparse import SparseVector

TEXTS = {f"d{number}": f"word{number} bread oven salt{number % 3}" for number in range(6)}


def vector(text: str) -> SparseVector:
    return SparseVector({word: 1.0 + len(word) / 7 for word in text.split()})


def write(path: Path, values: list[dict[str, object]]) -> Path:
    path.write_bytes(b"".join(orjson.dumps(value) + b"\n" for value in values))
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "corpus.jsonl", [{"_id": name, "text": text} for name, text in TEXTS.items()])
    write(tmp_path / "queries.jsonl", [{"_id": "q", "text": "bread word3"}, {"_id": "r", "text": "oven oven"}])
    (tmp_path / "qrels").mkdir()
    (tmp_path / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq\td3\t1\nr\td1\t1\n")
    lines: list[dict[str, object]] = [{"id": name, "vector": dict(vector(text))} for name, text in TEXTS.items()]
    write(tmp_path / "vectors.jsonl", lines)
    queries = {"q": "bread word3", "r": "oven"}
    write(tmp_path / "q.jsonl", [{"id": name, "vector": dict(vector(text))} for name, text in queries.items()])
    return tmp_path


def read(folder: Path, queries: int = 2) -> Material:
    return read_material(folder, folder / "vectors.jsonl", folder / "q.jsonl", queries)


def test_a_synthetic_document_is_half_of_two_real_ones_and_always_the_same(folder: Path) -> None:
    material = read(folder)
    for number in range(50):
        one = material.synthetic(number)
        assert one == material.synthetic(number)
        assert len(one.text.split()) == 4
        assert 2 <= len(one.vector) <= 4
        assert all(weight == 1.0 + len(term) / 7 for term, weight in one.vector)
    assert len({material.synthetic(number).text for number in range(50)}) > 5


def test_recall_counts_what_scores_as_much_as_the_best(folder: Path) -> None:
    chance = random.Random(7)
    terms = [f"t{number}" for number in range(12)]
    documents = [SparseVector({term: chance.random() for term in chance.sample(terms, 4)}) for _ in range(200)]
    queries = [
        Weighted(str(n), "", SparseVector({t: chance.random() for t in chance.sample(terms, 3)})) for n in range(9)
    ]
    exact = Exact(queries, depth=10)
    for document in documents:
        exact.add(document)
    for number, query in enumerate(queries):
        scores = sorted((query.vector.dot(document) for document in documents), reverse=True)
        assert exact.recall(number, iter(scores[:10])) == 1.0
        assert exact.recall(number, iter(scores[5:15])) == 0.5
        assert exact.recall(number, iter(scores[10:20])) == 0.0


def test_a_text_without_a_vector_is_told(folder: Path) -> None:
    (folder / "vectors.jsonl").write_bytes(orjson.dumps({"id": "d0", "vector": {"bread": 1.0}}) + b"\n")
    with pytest.raises(UsageError, match="has no vector of 'd1': encode the whole collection"):
        read(folder)
