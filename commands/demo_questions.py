"""The judged questions of `csplade demo`, from `demo_questions.json`, which tells how they were made."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files

import orjson

ANSWER = 2
"""The grade of an entry that answers a question; less helps."""


@dataclass(frozen=True)
class JudgedQuestion:
    """What somebody asks, and which entries answer it."""

    text: str
    words: str
    """`other` if most of its words are not in the answers, `same` if they are."""
    grades: Mapping[str, int]
    """By entry; 0 for those that are not here."""


@dataclass(frozen=True)
class JudgedQuestions:
    """The questions that can be asked of a corpus."""

    asked: tuple[JudgedQuestion, ...]
    unanswerable: int
    """Questions left out, as the corpus has no answer."""
    missing: tuple[str, ...]
    """Judged entries that the corpus does not have; Pythons differ."""

    def judgments(self, words: str | None = None) -> dict[str, Mapping[str, int]]:
        """Return the grades by question, of one kind of words or of all."""
        return {question.text: question.grades for question in self.asked if words in (None, question.words)}


def read_questions(corpus: Collection[str]) -> JudgedQuestions:
    """Read the questions, and drop what is not in a corpus, given by its ids."""
    raw = orjson.loads(files("csplade.commands").joinpath("demo_questions.json").read_bytes())
    every = [JudgedQuestion(item["text"], item["words"], item["grades"]) for item in raw["questions"]]
    judged = {identity for question in every for identity in question.grades}
    kept = [
        JudgedQuestion(
            question.text, question.words, {key: question.grades[key] for key in question.grades if key in corpus}
        )
        for question in every
    ]
    asked = tuple(question for question in kept if ANSWER in question.grades.values())
    return JudgedQuestions(asked, len(every) - len(asked), tuple(sorted(judged - set(corpus))))


def spread(questions: Sequence[JudgedQuestion], count: int) -> list[JudgedQuestion]:
    """Return `count` questions at even distances, from the first on; no ranking has a say in which."""
    count = min(count, len(questions))
    return [questions[number * len(questions) // count] for number in range(count)]
