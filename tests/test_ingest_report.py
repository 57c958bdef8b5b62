"""The account of an ingest: it adds up, and the cluster holds what it acknowledged."""

import pytest
from csplade.integration.errors import ClusterError
from csplade.integration.ingest_report import IngestReport, check_count


def test_records_that_are_in_no_column_are_told() -> None:
    good = IngestReport(10, 6, 1, 0.0, skipped=3)
    check_count(good, 9, "articles")
    with pytest.raises(ClusterError, match="11 records were read, and 6 indexed, 3 skipped, 1 failed"):
        check_count(IngestReport(11, 6, 1, 0.0, skipped=3), 9, "articles")


def test_an_index_with_fewer_documents_than_acknowledged_is_told() -> None:
    report = IngestReport(10, 6, 1, 0.0, skipped=3, repeated=2)
    assert report.distinct == 7
    assert check_count(report, 7, "articles") is None
    assert check_count(report, 100, "articles") is None
    assert check_count(report, None, "articles", 5) is None
    with pytest.raises(ClusterError, match="holds 6 documents, and 7 were acknowledged"):
        check_count(report, 6, "articles")


def test_what_was_there_before_and_what_is_new_must_be_there_and_more_is_told() -> None:
    report = IngestReport(10, 9, 1, 0.0, created=4, doubtful=2)
    with pytest.raises(ClusterError, match="holds 23 documents, 20 were there before and 4 are new: look whether"):
        check_count(report, 23, "articles", 20)
    # Of two nobody knows whether they were there before.
    assert [check_count(report, counted, "articles", 20) for counted in (24, 26)] == [None, None]
    assert "holds 27 documents, 20 were there before and 4 are new: 1 is of another writer" in str(
        check_count(report, 27, "articles", 20)
    )
