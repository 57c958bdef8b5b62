"""What the demo shows, from rankings that are written down here."""

import pytest
from csplade.commands.demo_questions import JudgedQuestion, JudgedQuestions
from csplade.commands.demo_report import Report, Work, example_table, measure_table, report_of, to_json

OVEN = JudgedQuestion("make it hot", "other", {"oven": 2, "stove": 1, "fire": 2})
BREAD = JudgedQuestion("fresh bread", "same", {"bread": 2})
QUESTIONS = JudgedQuestions((OVEN, BREAD), unanswerable=1, missing=("gone",))
RANKINGS = {
    "bm25": {OVEN.text: ("ice", "stove", "oven", "fire"), BREAD.text: ("bread",)},
    "sparse": {OVEN.text: ("oven",), BREAD.text: ()},
    "table": {OVEN.text: (), BREAD.text: ("bread",)},
}


@pytest.fixture
def report() -> Report:
    return report_of(Work(100, 50, 5.0), QUESTIONS, RANKINGS, 2)


def test_measures_are_over_all_and_over_each_kind_of_words(report: Report) -> None:
    assert report.measures["bm25"]["RR@10"] == (1 / 2 + 1) / 2
    assert report.measures["sparse"]["RR@10"] == (1 + 0) / 2
    assert report.by_words["other"]["bm25"]["RR@10"] == 1 / 2
    assert report.by_words["same"]["sparse"]["RR@10"] == 0
    columns, rows = measure_table(report)
    assert columns == ["mode", "nDCG@10", "MRR@10", "nDCG@10 other", "nDCG@10 same"]
    assert [row[0] for row in rows] == ["bm25", "sparse (CSPLADE)", "sparse, queries by table"]
    assert [row[2] for row in rows] == [0.75, 0.5, 0.5]
    assert [row[4] for row in rows] == [1.0, 0.0, 1.0]


def test_hits_stand_side_by_side_with_their_judgments(report: Report) -> None:
    columns, rows = example_table(OVEN, report)
    assert columns == ["", "BM25", "CSPLADE"]
    assert rows == [["1", "  ice", "✓ oven"], ["2", "~ stove", ""], ["3", "✓ oven", ""]]


def test_the_same_as_json(report: Report) -> None:
    found = to_json(report)
    assert (found["documents"], found["encoded"], found["documents_per_second"]) == (100, 50, 10.0)
    assert (found["questions"], found["unanswerable"], found["missing_documents"]) == (2, 1, ("gone",))
    assert found["by_words"]["other"]["questions"] == 1
    assert found["examples"][0] == {
        "question": "make it hot",
        "hits": {
            "bm25": [{"id": "ice", "grade": 0}, {"id": "stove", "grade": 1}, {"id": "oven", "grade": 2}],
            "sparse": [{"id": "oven", "grade": 2}],
        },
    }


def test_nothing_encoded_has_no_speed() -> None:
    assert Work(100, 0, 0.5).speed is None
