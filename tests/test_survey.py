"""The look over a source: counts, duplicates, and the refusal of what cannot be indexed."""

from collections.abc import Iterator

import pytest
from csplade.integration.documents import Document, Rejected
from csplade.integration.survey import DuplicateCounter, Survey, all_usable, begun, check_any, survey
from csplade.pipelines.errors import SourceError
from hypothesis import given
from hypothesis import strategies as st

GOOD = Document("1", "x")
BAD = Rejected(812, "is not JSON (unexpected character at column 1)")


def test_documents_and_rejected_records_are_counted() -> None:
    assert survey([GOOD, BAD, GOOD]) == Survey(documents=2, rejected=1, first=BAD)
    check_any(survey([BAD, GOOD]), "a.jsonl")


def test_a_source_without_documents_is_refused() -> None:
    with pytest.raises(SourceError, match=r"a\.jsonl is empty"):
        check_any(survey([]), "a.jsonl")
    with pytest.raises(SourceError, match=r"a\.jsonl holds 2 records, of which none can be indexed: line 812"):
        check_any(survey([BAD, BAD]), "a.jsonl")


def test_the_first_bad_record_is_named_with_its_line_and_the_way_out() -> None:
    documents = all_usable([GOOD, BAD], "a.jsonl")
    assert next(documents) == GOOD
    with pytest.raises(SourceError, match=r"^a\.jsonl line 812 is not JSON .*--on-bad-record skip$"):
        next(documents)


def test_the_first_document_is_read_at_once_and_no_other() -> None:
    taken = []

    def documents() -> Iterator[Document]:
        for number in range(3):
            taken.append(number)
            yield Document(str(number), "x")

    rest = begun(documents(), "standard input")
    assert taken == [0]
    assert [document.id for document in rest if isinstance(document, Document)] == ["0", "1", "2"]
    with pytest.raises(SourceError, match="standard input is empty"):
        begun([], "standard input")


@given(st.lists(st.text(max_size=2)))
def test_ids_that_came_before_are_counted(identities: list[str]) -> None:
    counter = DuplicateCounter()
    documents = [Document(identity, "x") for identity in identities]
    assert list(counter.watch(documents)) == documents
    assert counter.count == len(identities) - len(set(identities))


def test_rejected_records_have_no_id_to_count() -> None:
    counter = DuplicateCounter()
    assert list(counter.watch([BAD, GOOD, BAD, GOOD])) == [BAD, GOOD, BAD, GOOD]
    assert counter.count == 1


def test_an_id_is_another_document_with_another_routing() -> None:
    counter = DuplicateCounter()
    for routing in (None, "a", "b", "a", None):
        counter.add("1", routing)
    assert counter.count == 2
