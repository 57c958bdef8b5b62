"""Vectors that records hold: which are taken, and that each goes to its own document."""

from collections.abc import Iterator

import pytest
from csplade.integration.documents import Document, RecordOptions, Rejected
from csplade.integration.given import GivenVectors, read_with_vectors, vector_of
from csplade.pipelines.errors import EncoderError, UsageError
from csplade.pipelines.jsonl import Record, Unreadable
from csplade.tests.word_encoder import word_contract


def read(*vectors: object) -> list[Document | Rejected]:
    records = [
        Record(n, {"_id": str(n), "text": f"text {n}", "year": n, "vector": vector}) for n, vector in enumerate(vectors)
    ]
    return list(read_with_vectors(records, RecordOptions(), "vector"))


def test_vectors_are_taken_out_of_the_kept_fields_and_go_to_their_own_documents() -> None:
    documents = read({"bread": 2.0, "loaf": 1}, [("salt", 3.5)], {})
    given = GivenVectors(word_contract(), "vector")

    def texts() -> Iterator[str]:
        for document in given.watch(documents):
            assert isinstance(document, Document)
            assert document.fields == {"year": int(document.id)}
            # The second was indexed by an earlier run.
            if document.id != "1":
                yield document.text

    assert [dict(vector) for vector in given.documents(texts())] == [{"bread": 2.0, "loaf": 1.0}, {}]
    assert dict(next(given.documents(texts()))) == {"bread": 2.0, "loaf": 1.0}


def test_weights_come_heaviest_first_whatever_order_they_stand_in_and_what_is_not_positive_goes() -> None:
    vectors = [
        ({"bread": 1, "loaf": 2.5, "salt": 0.0, "rye": -1.0}, {"loaf": 2.5, "bread": 1.0}),
        ({"loaf": 2.5, "bread": 1.0, "salt": 0.0}, {"loaf": 2.5, "bread": 1.0}),
        ([("bread", 1.0), ("loaf", 2.5), ("bread", 2.0), ("bread", 0.5)], {"loaf": 2.5, "bread": 2.0}),
        ({"loaf": 2.0, "bread": 2.0, "rye": 1.0}, {"bread": 2.0, "loaf": 2.0, "rye": 1.0}),
        ({"loaf": 3, "bread": 2}, {"loaf": 3.0, "bread": 2.0}),
        ([], {}),
    ]
    for vector, expected in vectors:
        (document,) = read(vector)
        assert isinstance(document, Document)
        found = vector_of(document, "vector")
        assert list(found) == list(expected.items())
        assert {*map(type, found.weights.values())} <= {float}


@pytest.mark.parametrize(
    ("vector", "said"),
    [
        (None, "has null in the field 'vector' where a vector of terms and weights belongs"),
        ("bread", "has a string in the field 'vector'"),
        ({"bread": "2"}, "has an object in the field 'vector'"),
        ({"bread": True}, "has an object in the field 'vector'"),
        ([["bread"]], "has a list in the field 'vector'"),
        ([[["bread"], 1.0]], "has a list in the field 'vector'"),
        ([("bread", "2")], "has a list in the field 'vector'"),
        ([("bread", float("nan")), ("bread", 1.0)], "has a list in the field 'vector'"),
        ({"bread": float("nan")}, "has an object in the field 'vector'"),
    ],
)
def test_what_is_no_vector_is_rejected_with_its_line(vector: object, said: str) -> None:
    (rejected,) = read(vector)
    assert isinstance(rejected, Rejected)
    assert rejected.line == 0
    assert said in rejected.reason


def test_lines_that_hold_no_record_stay_what_they_are() -> None:
    (rejected,) = read_with_vectors([Unreadable(7, "is not JSON", "{")], RecordOptions(), "vector")
    assert rejected == Rejected(7, "is not JSON", raw="{")


def test_a_text_of_no_record_and_queries_are_refused() -> None:
    given = GivenVectors(word_contract(), "vector")
    with pytest.raises(EncoderError, match="no record has a vector for the text 'bread'"):
        list(given.documents(["bread"]))
    with pytest.raises(UsageError, match="leave out --vectors"):
        given.queries(["bread"])
