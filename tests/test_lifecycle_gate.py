"""The gate before a swap: what it computes and refuses without a cluster, and what it finds on every line."""

from pathlib import Path

import pytest
from csplade.integration.documents import Document
from csplade.integration.lifecycle_gate import Comparison, GateOptions, Side, compare, count_both, faults, mean_overlap
from csplade.integration.query import Mode, QueryOptions, Question
from csplade.pipelines.errors import UsageError
from csplade.pipelines.evaluate import Collection
from csplade.tests.cluster_lines import ClusterLine
from csplade.tests.plain_measures import plain_measures
from csplade.tests.versioned_index import DOCUMENTS, OTHER, add_version, fill, versioned
from csplade.tests.word_encoder import word_vector

__all__ = ["versioned"]


def test_the_overlap_is_the_mean_of_what_the_ten_best_share() -> None:
    letters = "abcdefghijk"
    assert mean_overlap([letters], [letters[::-1]]) == 0.9
    assert mean_overlap([["a", "b"], ["a"], []], [["b", "c", "d"], ["a"], []]) == pytest.approx((1 / 3 + 1) / 2)
    assert mean_overlap([["a"]], [[]]) == 0.0
    assert mean_overlap([[]], [[]]) is None


@pytest.mark.parametrize(
    ("found", "options", "said"),
    [
        (Comparison(3, 3), GateOptions(), []),
        (Comparison(3, 2), GateOptions(), ["it holds 2 documents and the live one 3"]),
        (Comparison(3, 4), GateOptions(), ["it holds 4 documents and the live one 3"]),
        (Comparison(3, 4), GateOptions(count_difference=1), []),
        (Comparison(3, 3, 5, None), GateOptions(), ["none of 5 queries finds anything in either"]),
        (Comparison(3, 3, 5, 0.5), GateOptions(), []),
        (Comparison(3, 3, 5, 0.49), GateOptions(), ["the 10 best hits overlap by 49.0%, and 50.0% are the least"]),
        (Comparison(3, 3, 5, 0.2), GateOptions(least_overlap=0.2), []),
        (Comparison(3, 3, 5, 1.0, 0.5, 0.4901), GateOptions(), []),
        (Comparison(3, 3, 5, 1.0, 0.5, 0.4), GateOptions(margin=0.2), []),
        (
            Comparison(3, 3, 5, 1.0, 0.5, 0.4899),
            GateOptions(),
            ["its nDCG@10 is 0.4899, that of the live one 0.5000, and the margin 0.01"],
        ),
    ],
)
def test_worse_than_a_margin_is_refused_and_said(found: Comparison, options: GateOptions, said: list[str]) -> None:
    assert list(faults(found, options)) == said


def test_every_fault_is_told() -> None:
    assert len(faults(Comparison(3, 2, 5, 0.1, 0.9, 0.1), GateOptions())) == 3


@pytest.mark.parametrize(("difference", "overlap", "margin"), [(-1, 0.5, 0.0), (0, 1.1, 0.0), (0, 0.5, -0.1)])
def test_a_gate_out_of_its_range_is_refused(difference: int, overlap: float, margin: float) -> None:
    with pytest.raises(UsageError, match="are no gate"):
        GateOptions(difference, overlap, margin)


@pytest.mark.cluster
def test_two_indexes_are_counted_asked_and_measured(versioned: ClusterLine, tmp_path: Path) -> None:
    live, new = add_version(versioned), add_version(versioned, OTHER)
    fill(versioned, live, tmp_path)
    # Another answer to bread, and one document fewer.
    others = [*DOCUMENTS[2:], Document("bread", "rye", "Bread")]
    fill(versioned, new, tmp_path, others, OTHER)
    texts = {"q1": "bread", "q2": "salt", "q3": "nothing"}
    questions = [Question(text, word_vector(text)) for text in texts.values()]
    options = QueryOptions(Mode.SPARSE, dialect=versioned.dialect)
    judgments = {"q1": {"bread": 1, "brot": 2}, "q2": {"salt": 1}, "q3": {"loaf": 1}}
    judged = Collection(texts, judgments, 0)
    sides = (Side(live, options, questions), Side(new, options, questions))
    found = compare(versioned.client, *sides, judged)
    assert (found.live_documents, found.new_documents, found.queries) == (5, 4, 3)
    # Bread finds bread, brot and loaf (equal scores by id), or only brot; the others find salt in both.
    assert found.overlap == pytest.approx((1 / 3 + 1 + 1) / 3)
    rankings = {"q1": ["bread", "brot", "loaf"], "q2": ["salt"], "q3": ["salt"]}
    assert found.live_ndcg == pytest.approx(plain_measures(judgments, rankings)["nDCG@10"], abs=1e-9)
    assert found.new_ndcg == pytest.approx(plain_measures(judgments, {**rankings, "q1": ["brot"]})["nDCG@10"], abs=1e-9)
    # A query that is a document itself does not find that one.
    judgments = {"q1": {"brot": 2}, "salt": {"loaf": 1}, "q3": {"loaf": 1}}
    asked = Collection(dict(zip(judgments, texts.values(), strict=True)), judgments, 0, frozenset({"salt"}))
    found = compare(versioned.client, *sides, asked)
    assert found.overlap == pytest.approx((1 / 3 + 1) / 2)
    assert count_both(versioned.client, live, new) == Comparison(5, 4)
