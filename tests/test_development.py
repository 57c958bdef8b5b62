"""Measuring on a development collection: exact dot products, documents left out in order, the served vectors."""

from pathlib import Path

import numpy as np
import pytest
from csplade.pipelines.development import Postings, encoder_of, measured, ranked, read_development
from csplade.pipelines.errors import SourceError
from csplade.pipelines.evaluate import order
from csplade.pipelines.export_folder import describe
from csplade.pipelines.folder import DECIDING_FILES
from csplade.pipelines.sparse import SparseVector
from csplade.pipelines.trained_contract import contract_of
from csplade.tests.plain_measures import plain_measures
from csplade.tests.tiny_backbone import write_collection
from csplade.tests.tiny_trained import tiny_trained
from tokenizers import processors


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


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b'{"text": "bread"}', "has no id"),
        (b'{"_id": "x", "text": ["bread"]}', "has a list in the field 'text' where text belongs"),
        (b'{"_id": "d0", "text": "another"}', "gives the id 'd0' a second text"),
        (b"bread", "is not JSON"),
    ],
)
def test_a_document_that_cannot_be_read_is_told_by_its_line(tmp_path: Path, line: bytes, said: str) -> None:
    folder = write_collection(tmp_path / "dev", documents=8, queries=8)
    with (folder / "corpus.jsonl").open("ab") as corpus:
        corpus.write(line + b"\n")
    with pytest.raises(SourceError, match=rf"line 9 of .*corpus\.jsonl {said}"):
        read_development(folder, 100)


def test_the_measure_is_that_of_the_encoders_own_vectors(tmp_path: Path) -> None:
    development = read_development(write_collection(tmp_path / "dev"), 100)
    model = tiny_trained()
    found = measured(model, development)
    encoder = encoder_of(model)
    documents = dict(zip(development.documents, encoder.documents(development.documents.values()), strict=True))
    rankings = {}
    for query, text in development.collection.queries.items():
        asked = next(encoder.queries([text]))
        scores = [(identity, asked.dot(document)) for identity, document in documents.items()]
        rankings[query] = order(pair for pair in scores if pair[1] > 0)
    assert found == pytest.approx(plain_measures(development.collection.judgments, rankings), abs=1e-6)


def test_a_query_that_is_a_document_does_not_find_it(tmp_path: Path) -> None:
    folder = write_collection(tmp_path / "dev", documents=8, queries=8)
    with (folder / "corpus.jsonl").open("ab") as corpus, (folder / "queries.jsonl").open("ab") as queries:
        corpus.write(b'{"_id": "17", "title": "Kitchen", "text": "fresh bread"}\n{"_id": "18", "text": "salt"}\n')
        queries.write(b'{"_id": "17", "text": "fresh bread"}\n{"_id": "18", "text": "pepper"}\n')
    with (folder / "qrels" / "test.tsv").open("a") as judgments:
        judgments.write("17\td0\t1\n18\td0\t1\n")
    found = read_development(folder, 100)
    assert found.collection.own == {"17"}
    vectors = dict.fromkeys(("d0", "17", "18"), SparseVector({"bread": 1.0}))
    rankings = ranked(vectors, dict.fromkeys(("17", "18"), SparseVector({"bread": 1.0})), found.collection)
    assert rankings == {"17": ("18", "d0"), "18": ("17", "18", "d0")}
    assert read_development(folder, 8).collection.own == frozenset()


def test_what_is_measured_has_the_contract_of_what_is_exported(tmp_path: Path) -> None:
    model = tiny_trained()
    around = [("<s>", 0), ("z", model.tokenizer.token_to_id("z"))]
    model.tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A z", special_tokens=around)
    for name in DECIDING_FILES:
        (tmp_path / name).touch()
    exported = describe(model, tmp_path, quantize=False)
    measured_on = encoder_of(model).contract
    assert (measured_on.add_bos, measured_on.add_eos) == (True, True)
    assert measured_on == contract_of(model)
    of_files = {"quantization", "opset", "tolerance", "expansion_tolerance", "files"}
    ours, theirs = (
        {name: value for name, value in contract.to_json().items() if name not in of_files}
        for contract in (measured_on, exported)
    )
    assert ours == theirs
