"""What `benchmarks/cluster.py` compares with: synthetic documents made of real ones, exact rankings, sizes of parts."""

import random
from functools import partial
from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner
from csplade.benchmarks.cluster import main
from csplade.benchmarks.cluster_ingest import in_turns
from csplade.benchmarks.cluster_material import Exact, Material, Weighted, read_material
from csplade.benchmarks.cluster_sizes import Sizes, sizes
from csplade.integration.client import connect
from csplade.integration.detect import read_dialect
from csplade.pipelines.errors import UsageError
from csplade.pipelines.sparse import SparseVector
from csplade.tests.word_encoder import word_contract

TEXTS = {f"d{number}": f"word{number} bread oven salt{number % 3}" for number in range(6)}


def vector(text: str) -> SparseVector:
    return SparseVector({word: 1.0 + len(word) / 7 for word in text.split()})


def write(path: Path, values: list[dict[str, object]]) -> Path:
    path.write_bytes(b"".join(orjson.dumps(value) + b"\n" for value in values))
    return path


def test_in_as_many_rounds_as_there_are_ways_each_is_at_each_place_once() -> None:
    order: list[str] = []

    def run(name: str) -> float:
        order.append(name)
        return {"a": 1.0, "b": 2.0, "c": 4.0}[name]

    assert in_turns([partial(run, name) for name in "abc"], 3) == [3.0, 6.0, 12.0]
    assert [{*order[place::3]} for place in range(3)] == [{*"abc"}] * 3


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


@pytest.mark.cluster
def test_each_part_of_an_index_is_as_large_as_what_is_in_it(opensearch: str) -> None:
    client, chance = connect(opensearch), random.Random(3)
    dialect = read_dialect(client)
    words = [f"w{number}" for number in range(400)]

    def measured(terms: int, length: int) -> Sizes:
        made = [
            Weighted(
                str(number),
                " ".join(chance.choices(words, k=length)),
                SparseVector({term: chance.random() + 0.1 for term in chance.sample(words, terms)}),
            )
            for number in range(300)
        ]
        return sizes(client, dialect, word_contract(), made)

    few, more_terms, more_text = measured(20, 20), measured(80, 20), measured(20, 80)
    assert min(few.text, few.weights, few.weights_in_source, few.rest) > 0
    # What does not change differs by what headers and compression make of it.
    assert more_terms.weights > 2 * few.weights
    assert more_terms.weights_in_source > 2 * few.weights_in_source
    assert more_terms.text == pytest.approx(few.text, rel=0.2)
    assert more_text.text > 2 * few.text
    assert more_text.weights == pytest.approx(few.weights, rel=0.2)


@pytest.mark.cluster
@pytest.mark.model
def test_every_table_comes_out_of_one_run(opensearch: str, folder: Path) -> None:
    files = ["--vectors", folder / "vectors.jsonl", "--query-vectors", folder / "q.jsonl"]
    few = ["--documents", 50, "--rounds", 1, "--seconds", 0.1, "--usual", "--url", opensearch]
    done = CliRunner().invoke(main, [str(one) for one in (folder, *files, *few)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    titles = [
        "Ingest of 50 documents with vectors that are there, in turns, load settings keep",
        "Ingest of 50 documents with vectors that are there, in turns, load settings fast",
        "The same 50 documents from a file, whole programs, in turns",
        "Size of 50 documents in one segment",
        "50 documents, 2 queries",
        "The same, clients asking as fast as they can",
        "How it grows",
    ]
    lines = done.stdout.splitlines()
    assert [line for line in lines if line in titles] == titles
    for row in ("csplade's ingest()", "csplade ingest FILE --vectors vector", "parallel_bulk of the same file"):
        assert any(line.strip().startswith(row) for line in lines), done.stdout
    assert not connect(opensearch).indices.get(index="benchmark-*")
