"""What `csplade demo` shows, as tables and as JSON; pure, from the rankings that a cluster gave.

With --json exactly one object:

    {"index": name, "url": text, "encoder": name, "python": text, "seconds": number,
     "documents": number, "encoded": number, "encode_seconds": number, "documents_per_second": number or null,
     "questions": number, "unanswerable": number, "missing_documents": [id, ...],
     "measures": {"bm25": {"nDCG@10": number, "RR@10": number, "R@100": number}, "sparse": {...}, "hybrid": {...},
                  "table": {...}},
     "by_words": {"other": {"questions": number, "measures": {as above}}, "same": {...}},
     "examples": [{"question": text, "hits": {"bm25": [{"id": text, "grade": 0 | 1 | 2}, ...], "sparse": [...]}}, ...]}

`documents_per_second` is null if every vector came from the cache; `words` tells whether a question uses the words of
its answers. `missing_documents` are judged entries that this Python does not have, `unanswerable` the number of
questions left out because of that. `table` is the mode sparse with queries by the table of idf, without the model; an
encoder without such a table, or whose queries are always weighed so, has no such measures.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from csplade.commands.demo_questions import ANSWER, JudgedQuestion, JudgedQuestions, spread

Rankings = Mapping[str, Sequence[str]]
"""Ids, best first, by the text of the question."""
Measures = Mapping[str, float]

WORDS = ("other", "same")

TABLE = "table"
"""Stands among the modes for the mode sparse with queries by table."""

_SHOWN = 3
_COMPARED = {"bm25": "BM25", "sparse": "CSPLADE"}
_ROWS = {"sparse": "sparse (CSPLADE)", TABLE: "sparse, queries by table"}


@dataclass(frozen=True)
class Work:
    """What was done before the questions were asked."""

    documents: int
    encoded: int
    encode_seconds: float

    @property
    def speed(self) -> float | None:
        """Return documents encoded per second, None if all came from the cache."""
        return self.encoded / self.encode_seconds if self.encoded else None


@dataclass(frozen=True)
class Report:
    """What came out."""

    work: Work
    questions: JudgedQuestions
    rankings: Mapping[str, Rankings]
    """By mode."""
    measures: Mapping[str, Measures]
    """By mode."""
    by_words: Mapping[str, Mapping[str, Measures]]
    """By kind of words and mode."""
    examples: Sequence[JudgedQuestion]


def report_of(work: Work, questions: JudgedQuestions, rankings: Mapping[str, Rankings], shown: int) -> Report:
    """Measure the rankings, and choose `shown` examples.

    Raises:
        MissingExtraError: ir_measures is not installed.
    """
    measures = _measured(questions, rankings)
    by_words = {words: _measured(questions, rankings, words) for words in WORDS}
    return Report(work, questions, rankings, measures, by_words, spread(questions.asked, shown))


def to_json(report: Report) -> dict[str, Any]:  # Any: a JSON object
    """Return what can be said without knowing the cluster; see the module's description."""
    by_words = {
        words: {"questions": len(report.questions.judgments(words)), "measures": measures}
        for words, measures in report.by_words.items()
    }
    return {
        "documents": report.work.documents,
        "encoded": report.work.encoded,
        "encode_seconds": report.work.encode_seconds,
        "documents_per_second": report.work.speed,
        "questions": len(report.questions.asked),
        "unanswerable": report.questions.unanswerable,
        "missing_documents": report.questions.missing,
        "measures": report.measures,
        "by_words": by_words,
        "examples": [_example_json(question, report.rankings) for question in report.examples],
    }


def measure_table(report: Report) -> tuple[list[str], list[list[object]]]:
    """Return the columns and rows of the table of measures."""
    columns = ["mode", "nDCG@10", "MRR@10", *(f"nDCG@10 {words}" for words in report.by_words)]
    rows: list[list[object]] = [
        [
            _ROWS.get(mode, mode),
            measures["nDCG@10"],
            measures["RR@10"],
            *(part[mode]["nDCG@10"] for part in report.by_words.values()),
        ]
        for mode, measures in report.measures.items()
    ]
    return columns, rows


def example_table(question: JudgedQuestion, report: Report) -> tuple[list[str], list[list[object]]]:
    """Return columns and rows of the best hits of the compared modes, side by side, each with its judgment."""
    columns = [[_marked(question, found) for found in _best(question, report.rankings[mode])] for mode in _COMPARED]
    rows: list[list[object]] = [
        [str(rank + 1), *(column[rank] if rank < len(column) else "" for column in columns)] for rank in range(_SHOWN)
    ]
    return ["", *_COMPARED.values()], rows


def _measured(
    questions: JudgedQuestions, rankings: Mapping[str, Rankings], words: str | None = None
) -> dict[str, Measures]:
    from csplade.pipelines.evaluate import measure

    judgments = questions.judgments(words)
    return {mode: measure(judgments, {text: found[text] for text in judgments}) for mode, found in rankings.items()}


def _best(question: JudgedQuestion, found: Rankings) -> Sequence[str]:
    return found[question.text][:_SHOWN]


def _marked(question: JudgedQuestion, identity: str) -> str:
    grade = question.grades.get(identity, 0)
    return f"{'✓' if grade >= ANSWER else '~' if grade else ' '} {identity}"


def _example_json(question: JudgedQuestion, rankings: Mapping[str, Rankings]) -> dict[str, Any]:  # Any: a JSON object
    hits = {
        mode: [{"id": found, "grade": question.grades.get(found, 0)} for found in _best(question, rankings[mode])]
        for mode in _COMPARED
    }
    return {"question": question.text, "hits": hits}
