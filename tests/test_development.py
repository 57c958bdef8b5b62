"""Measuring on a development collection: exact dot products, documents left out in order, the served vectors."""

from pathlib import Path

import numpy as np
import pytest
from csplade.pipelines.development import Postings, encoder_of, measured, read_development
from csplade.pipelines.errors import SourceError
from csplade.pipelines.evaluate import order
from csplade.pipelines.sparse import SparseVector
from csplade.tests.plain_measures import plain_measures
from csplade.tests.test_trained_folder import trained
from csplade.tests.tiny_backbone import write_collection


def vector(chance: np.random.Generator, terms: int = 30) -> SparseVector:
    chosen = chance.choice(terms, size=6, replace=False)
    return SparseVector.from_pairs(
        (f"t{term}", float(weight)) for term, weight in zip(chosen, chance.random(6), strict=True)
    )


@pytest.mark.parametrize("depth", [3, 50])
def test_the_best_are_those_of_all_dot_products(depth: int) -> None:
    chance = np.random.default_rng(0)
    documents = {f"d{number:02d}": vector(chance) for number in range(40)}
    query = vector(chance)
    found = Postings(documents.items()).best(query, depth)
    scores = [(identity, query.dot(document)) for identity, document in documents.items()]
    expected = order((pair for pair in scores if pair[1] > 0), depth=40)
    assert found[:depth] == expected[:depth]


def test_judged_documents_stay_and_the_first_others_fill_up(tmp_path: Path) -> None:
    folder = write_collection(tmp_path / "dev", documents=16, queries=8)
    with (folder / "corpus.jsonl").open("ab") as corpus:
        corpus.write(b"".join(b'{"_id": "x%d", "text": "other"}\n' % number for number in range(5)))
    found = read_development(folder, 18)
    assert len(found.documents) == 18
    assert {"x0", "x1"} <= found.documents.keys()
    assert found.left_out == 3


def test_a_collection_without_its_documents_is_refused(tmp_path: Path) -> None:
    folder = write_collection(tmp_path / "dev", documents=8, queries=8)
    (folder / "corpus.jsonl").write_bytes(b'{"_id": "elsewhere", "text": "bread"}\n')
    with pytest.raises(SourceError, match="holds none of the 8 judged documents"):
        read_development(folder, 100)


def test_the_measure_is_that_of_the_encoders_own_vectors(tmp_path: Path) -> None:
    development = read_development(write_collection(tmp_path / "dev"), 100)
    model = trained()
    found = measured(model, development)
    encoder = encoder_of(model)
    documents = dict(zip(development.documents, encoder.documents(development.documents.values()), strict=True))
    rankings = {}
    for query, text in development.collection.queries.items():
        asked = next(encoder.queries([text]))
        scores = [(identity, asked.dot(document)) for identity, document in documents.items()]
        rankings[query] = order(pair for pair in scores if pair[1] > 0)
    assert found == pytest.approx(plain_measures(development.collection.judgments, rankings), abs=1e-6)
