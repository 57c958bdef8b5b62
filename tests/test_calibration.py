"""Query weights for one collection: against the formula in NumPy, over documents that are counted by hand."""

import random
from collections import Counter
from pathlib import Path

import numpy as np
import orjson
import pytest
from csplade.commands.options import SHIPPED_ENCODER
from csplade.pipelines.calibration import MOST_FACTORS, Calibration, calibration_of, counter, read_calibration
from csplade.pipelines.contract import Literal
from csplade.pipelines.sparse import SparseVector
from csplade.tests.word_encoder import word_contract

LITERAL = Literal(1.2, 0.75, average_words=90.0, default_idf=9.0, analysis="plain")
IDF = {"flow": 7.5, "wing": 6.0, "rare": 8.0}
TEXTS = ["Flow over a wing, flow behind it", "flow", "the wing", "something else", "flow in pipes"]


def factor(held: int, documents: int, idf: float) -> float:
    share = (held + 20 * np.exp(-idf)) / (documents + 20)
    return float(np.sqrt(-np.log(share) / idf))


def test_factors_are_the_formula() -> None:
    found = calibration_of(TEXTS, IDF, LITERAL)
    held = {"flow": 3, "wing": 2, "pipes": 1, "something": 1, "else": 1}
    assert found.documents == len(TEXTS)
    for term, count in held.items():
        assert found.factors[term] == pytest.approx(factor(count, 5, IDF.get(term, 9.0)), abs=6e-4)
    assert "rare" not in found.factors


def test_what_is_common_here_weighs_less_and_what_is_rare_here_more() -> None:
    texts = ["flow"] * 400 + ["wing"] + ["other words"] * 9599
    found = calibration_of(texts, IDF, LITERAL)
    assert found.factors["flow"] < 0.7
    assert found.factors["wing"] > 1.1


def test_only_the_most_frequent_terms_have_factors_of_their_own() -> None:
    chance = random.Random(0)
    words = [f"w{number}" for number in range(MOST_FACTORS + 500)]
    texts = [" ".join(words[: chance.randint(1, len(words))]) for _ in range(40)]
    found = calibration_of(texts, IDF, LITERAL)
    counts = Counter(word for text in texts for word in set(text.split()))
    factors = {word: factor(count, 40, 9.0) for word, count in counts.items()}
    ordered = sorted(factors, key=lambda word: (-counts[word], word))
    assert list(found.factors) == ordered[:MOST_FACTORS]
    assert found.other == pytest.approx(np.mean([factors[word] for word in ordered[MOST_FACTORS:]]), abs=1e-3)


def test_a_query_is_multiplied_term_by_term() -> None:
    query = SparseVector.from_pairs([("flow", 2.0), ("wing", 1.5), ("unknown", 1.0), ("never", 3.0)])
    fitted = Calibration({"flow": 0.5, "wing": 2.0, "never": 0.0}, 1.25, 300).applied(query)
    assert list(fitted) == [("wing", 3.0), ("unknown", 1.25), ("flow", 1.0)]


def test_it_comes_back_from_json_as_it_was() -> None:
    found = calibration_of(TEXTS, IDF, LITERAL)
    assert read_calibration(orjson.loads(orjson.dumps(found.to_json()))) == found


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        {},
        {"factors": [], "other": 1.0, "documents": 3},
        {"factors": {"flow": "2"}, "other": 1.0, "documents": 3},
        {"factors": {"flow": -1.0}, "other": 1.0, "documents": 3},
        {"factors": {"flow": True}, "other": 1.0, "documents": 3},
        {"factors": {}, "other": 10**400, "documents": 3},
        {"factors": {}, "other": float("nan"), "documents": 3},
        {"factors": {}, "other": 1.0, "documents": "3"},
    ],
)
def test_anything_else_in_its_place_is_none(value: object) -> None:
    assert read_calibration(value) is None


def test_words_are_counted_as_the_encoder_of_a_folder_reads_them() -> None:
    count = counter(SHIPPED_ENCODER)
    assert count is not None
    assert {"bread", "stale"} <= set(count(["The breads go stale."]).factors)


def test_terms_that_are_no_words_are_not_counted(tmp_path: Path) -> None:
    word_contract().write(tmp_path)
    assert counter(tmp_path) is None
