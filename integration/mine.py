"""Hard negatives from a live index: what it finds for a query and is no known positive of it.

With a teacher, a candidate that scores nearly as much as the positive, or more, counts as an unlabelled positive and is
left out: for the margin m, from positive - (1 - m) |positive| on, which is m times the positive where that is not
negative. Questions come with their vectors and the teacher is an argument: no model is loaded here.
"""

import math
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from csplade.integration.dialect import PLAIN, Dialect
from csplade.integration.query import Mode, QueryOptions, Question
from csplade.integration.search import Scored, groups, search_many, texts_of
from csplade.pipelines.calibration import Calibration
from csplade.pipelines.errors import UsageError
from csplade.pipelines.teacher import Teacher
from csplade.pipelines.training_data import Example
from opensearchpy import OpenSearch

DEFAULT_MARGIN = 0.95
_QUERIES_AT_ONCE = 50
"""Queries whose hits are fetched together."""
_QUERIES_JUDGED_AT_ONCE = 10
"""The same with a teacher, which is slower: a run that is stopped loses what it has scored of them."""


@dataclass(frozen=True)
class MineOptions:
    """Where negatives come from, and which are taken.

    Raises:
        UsageError: a number is out of its range.
    """

    index: str
    mode: Mode = Mode.BM25
    negatives: int = 15
    """Per query, at most."""
    depth: int = 100
    """Hits of a query that are looked at."""
    skip_top: int = 0
    """Best hits, the known positives not counted, that are left out as likely positives."""
    margin: float = DEFAULT_MARGIN
    """Share of the positive's score from which on a teacher's score tells of a false negative."""
    dialect: Dialect = PLAIN
    """That of the index, see `require_index`."""
    calibration: Calibration | None = None
    """What the weights of queries are multiplied by for the index."""

    def __post_init__(self) -> None:
        if self.negatives < 1 or self.skip_top < 0 or self.depth < self.negatives + self.skip_top:
            raise UsageError(
                f"{self.negatives} negatives behind the {self.skip_top} best hits cannot come from {self.depth} hits: "
                f"ask for at least 1 negative, and to a depth of their sum at least"
            )
        if not 0 < self.margin < math.inf:
            raise UsageError(f"{self.margin} is no share of the positive's score: give a number above 0, like 0.95")


@dataclass(frozen=True, slots=True)
class Mined:
    """A query with its positive and what was found for it."""

    query: str
    positive: str
    negatives: tuple[str, ...]
    """Best hit first."""
    scores: tuple[float, ...] | None
    """The teacher's, the positive's first; None without a teacher."""
    false_negatives: int
    """Hits that the teacher took for positives before there were enough negatives."""

    def to_json(self) -> dict[str, object]:
        """Return it as a line of training data; without any negative it is a pair."""
        found: dict[str, object] = {"query": self.query, "positive": self.positive}
        if self.negatives:
            found["negatives"] = list(self.negatives)
        if self.scores is not None:
            found["scores"] = list(self.scores)
        return found


def mine(
    client: OpenSearch,
    asked: Iterable[tuple[Example, Question]],
    positives: Mapping[str, Collection[str]],
    options: MineOptions,
    teacher: Teacher | None = None,
) -> Iterator[Mined]:
    """Return the negatives of each example, lazily and in order.

    `positives` are the known ones of all examples, see `positives_of`: none of them is a negative of its query.

    Raises:
        UsageError: a query has more clauses than the cluster takes.
        ClusterError: the cluster does not answer in full.
        SourceError: the teacher gives scores that are no numbers.
    """
    for group in groups(asked, _QUERIES_AT_ONCE if teacher is None else _QUERIES_JUDGED_AT_ONCE):
        questions = [question for _, question in group]
        asking = QueryOptions(options.mode, dialect=options.dialect, calibration=options.calibration)
        rankings = list(search_many(client, options.index, questions, asking, options.depth))
        texts = texts_of(client, options.index, {hit.id for hits in rankings for hit in hits})
        examples = [example for example, _ in group]
        found = [
            _candidates(hits, texts, positives.get(_same(example.query), ()))[options.skip_top :]
            for example, hits in zip(examples, rankings, strict=True)
        ]
        if teacher is None:
            yield from (_first(example, texts, options) for example, texts in zip(examples, found, strict=True))
        else:
            yield from _judged(examples, found, options, teacher)


def positives_of(examples: Iterable[Example]) -> dict[str, list[str]]:
    """Return the positives of each query, for `mine`; one query may have several, each in an example of its own."""
    known: dict[str, list[str]] = {}
    for example in examples:
        known.setdefault(_same(example.query), []).append(example.documents[0])
    return known


def _candidates(hits: Iterable[Scored], texts: Mapping[str, tuple[str, str]], positives: Collection[str]) -> list[str]:
    """Return the texts of the hits that are no positive, each once."""
    seen = {_same(text) for text in positives}
    candidates = []
    for hit in hits:
        # A document may be deleted between the two requests.
        title, text = texts.get(hit.id, ("", ""))
        forms = _forms(title, text)
        if not text.strip():
            continue
        if seen.isdisjoint(forms):
            candidates.append(text)
        seen |= forms
    return candidates


def _forms(title: str, text: str) -> set[str]:
    """Return how the document may stand in training data: with or without the title, whether or not `text` has it."""
    whole, head = _same(text), _same(title)
    return {whole, whole.removeprefix(f"{head} "), f"{head} {whole}".lstrip()}


def _same(text: str) -> str:
    """Return what texts that differ in letter case, white space or the writing of accents have in common."""
    return " ".join(unicodedata.normalize("NFC", text).casefold().split())


def _first(example: Example, candidates: Sequence[str], options: MineOptions) -> Mined:
    return Mined(example.query, example.documents[0], tuple(candidates[: options.negatives]), None, 0)


def _judged(
    examples: Sequence[Example], candidates: Sequence[Sequence[str]], options: MineOptions, teacher: Teacher
) -> Iterator[Mined]:
    documents = [[example.documents[0], *texts] for example, texts in zip(examples, candidates, strict=True)]
    scores = teacher.lists([example.query for example in examples], documents)
    for example, texts, row in zip(examples, candidates, scores, strict=True):
        yield _choose(example, texts, row.tolist(), options)


def _choose(example: Example, candidates: Sequence[str], scores: Sequence[float], options: MineOptions) -> Mined:
    """Take the first candidates that the teacher takes for negatives; scores: the positive's, then the candidates'."""
    positive, *rest = scores
    limit = positive - (1 - options.margin) * abs(positive)
    kept: list[tuple[str, float]] = []
    false_negatives = 0
    for text, score in zip(candidates, rest, strict=True):
        if len(kept) == options.negatives:
            break
        if score >= limit:
            false_negatives += 1
        else:
            kept.append((text, score))
    negatives = tuple(text for text, _ in kept)
    return Mined(
        example.query, example.documents[0], negatives, (positive, *(score for _, score in kept)), false_negatives
    )
