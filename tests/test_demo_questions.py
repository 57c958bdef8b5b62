"""The judged questions: their file is in order, everything judged exists, and what a corpus lacks is told."""

import sys
from importlib.resources import files

import orjson
import pytest
from csplade.commands.demo_questions import ANSWER, read_questions, spread
from csplade.pipelines.standard_library import read_standard_library

RAW = orjson.loads(files("csplade.commands").joinpath("demo_questions.json").read_bytes())


@pytest.fixture(scope="module")
def corpus() -> set[str]:
    return {entry.id for entry in read_standard_library()}


def test_the_file_tells_how_it_was_made() -> None:
    assert RAW.keys() == {"about", "questions"}
    assert RAW["about"].keys() == {"what", "how", "python", "grades", "words", "licence"}
    assert "by hand" in RAW["about"]["how"]
    assert "No search system" in RAW["about"]["how"]


def test_every_question_is_in_order() -> None:
    assert len(RAW["questions"]) >= 70
    for question in RAW["questions"]:
        assert question.keys() == {"text", "words", "grades"}
        assert question["text"] == question["text"].strip()
        assert len(question["text"].split()) >= 3
        assert question["words"] in ("other", "same")
        assert set(question["grades"].values()) <= {1, ANSWER}
        assert ANSWER in question["grades"].values()


def test_no_question_is_asked_twice() -> None:
    texts = [" ".join(question["text"].lower().split()) for question in RAW["questions"]]
    assert len(set(texts)) == len(texts)


def test_a_quarter_of_the_questions_are_ordinary_ones() -> None:
    same = sum(question["words"] == "same" for question in RAW["questions"])
    assert 0.2 <= same / len(RAW["questions"]) <= 0.35


def test_judged_entries_exist(corpus: set[str]) -> None:
    questions = read_questions(corpus)
    if f"{sys.version_info.major}.{sys.version_info.minor}" == RAW["about"]["python"]:
        assert questions.missing == ()
    # Other versions may lack a few; the demo tells.
    assert len(questions.missing) <= 20
    assert len(questions.asked) >= 60


def test_what_a_corpus_lacks_is_left_out_and_told() -> None:
    first, second = RAW["questions"][:2]
    known = {name for name, grade in first["grades"].items() if grade == 1} | set(second["grades"])
    questions = read_questions(known)
    (asked,) = (question for question in questions.asked if question.text == second["text"])
    assert asked.grades == second["grades"]
    # The first has entries that help, and no answer.
    assert first["text"] not in questions.judgments()
    assert questions.unanswerable == len(RAW["questions"]) - len(questions.asked)
    judged = {name for question in RAW["questions"] for name in question["grades"]}
    assert questions.missing == tuple(sorted(judged - known))


def test_kinds_of_words_are_parts_of_all(corpus: set[str]) -> None:
    questions = read_questions(corpus)
    parts = [questions.judgments(words) for words in ("other", "same")]
    assert parts[0] | parts[1] == questions.judgments()
    assert len(parts[0]) + len(parts[1]) == len(questions.judgments())


@pytest.mark.parametrize(("count", "places"), [(0, []), (1, [0]), (2, [0, 5]), (3, [0, 3, 6]), (10, [*range(10)])])
def test_examples_are_at_even_distances(corpus: set[str], count: int, places: list[int]) -> None:
    ten = read_questions(corpus).asked[:10]
    assert spread(ten, count) == [ten[place] for place in places]
    assert spread(ten, 99) == list(ten)
