"""A dry run: all is read, a sample is encoded, the numbers are those of an ingest."""

from csplade.integration.documents import Document, Rejected, bulk_lines
from csplade.integration.dry_run import SAMPLE, encode_sample, try_out
from csplade.integration.passages import Long
from csplade.tests.word_encoder import READ_AHEAD, WordEncoder, word_vector


def test_the_numbers_are_those_of_an_ingest() -> None:
    documents = [Document(str(number % 90), "bread and salt") for number in range(100)]
    trial = try_out(WordEncoder(), [*documents, Rejected(101, "is not JSON")], least_weight=0.0)
    assert (trial.documents, trial.rejected, trial.duplicates, trial.terms) == (100, 1, 10, 3.0)
    sizes = [len(bulk_lines(document, word_vector(document.text))) for document in documents[:SAMPLE]]
    assert trial.bytes == sum(sizes) / SAMPLE
    assert SAMPLE > READ_AHEAD


def test_what_cannot_be_written_is_rejected_and_small_weights_do_not_count() -> None:
    trial = try_out(WordEncoder(), [Document("1", "half \ud800"), Document("2", "bread and salt")], least_weight=4.0)
    assert (trial.documents, trial.rejected, trial.terms) == (1, 1, 2.0)


def test_nothing_is_nothing() -> None:
    assert set(try_out(WordEncoder(), [], 0.0).numbers.values()) == {0}


def test_a_sample_counts_what_is_no_document_and_the_terms_of_all_passages() -> None:
    long = " ".join(f"word{number}" for number in range(200))
    records: list[Document | Rejected] = [Document("1", long), Rejected(0, "has an object where text belongs")]
    cut, whole, parts = (encode_sample(WordEncoder(), records, 0.0, way) for way in (Long.CUT, Long.MAX, Long.PASSAGES))
    assert [(one.records, one.rejected) for one in (cut, whole, parts)] == [(2, 1)] * 3
    # The encoder of the tests reads all of it; passages have what overlaps twice.
    assert cut.terms == whole.terms == 200 < parts.terms
