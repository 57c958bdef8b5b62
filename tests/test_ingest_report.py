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
    check_count(report, 7, "articles")
    check_count(report, 100, "articles")
    check_count(report, None, "articles")
    with pytest.raises(ClusterError, match="holds 6 documents, and 7 were acknowledged"):
        check_count(report, 6, "articles")
