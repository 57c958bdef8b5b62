"""A judged collection is read, rankings are measured against it; where rankings come from does not matter here."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from csplade.pipelines.errors import MissingExtraError, SourceError
from csplade.pipelines.jsonl import Record, Unreadable
from csplade.pipelines.sources import Source

MEASURES = ("nDCG@10", "RR@10", "R@100")
DEPTH = 100
"""Hits per query that the measures look at."""
ASKED_DEPTH = DEPTH + 50
"""Hits to ask for: more, so that documents of equal score at the end of a ranking do not depend on the index."""

_LARGEST_GRADE = 1000
"""What is larger is no grade but a time, or another column; the program that measures keeps 32 bits of it."""
_QUERIES = ("queries.jsonl", "queries.jsonl.gz")
_JUDGMENTS = "qrels/test.tsv"


@dataclass(frozen=True, slots=True)
class Judgment:
    """One line of a file of judgments."""

    line: int
    query: str
    document: str
    grade: int


@dataclass(frozen=True)
class Collection:
    """The judged queries of a collection."""

    queries: Mapping[str, str]
    """Text by id; those with judgments."""
    judgments: Mapping[str, Mapping[str, int]]
    """Grade by document id, by query id; 0 or less is not relevant."""
    without_text: int
    """Queries with judgments that the file of queries does not hold; left out above."""
    own: frozenset[str] = frozenset()
    """Queries that are documents of the collection themselves, under the same id, see `with_own_documents`."""

    def own_document(self, query: str) -> str | None:
        """Return the document that a query is, which its ranking leaves out; None: it is none."""
        return query if query in self.own else None

    @property
    def documents(self) -> set[str]:
        """Return the ids of the judged documents."""
        return {document for grades in self.judgments.values() for document in grades}

    @property
    def hopeless(self) -> int:
        """Return the number of queries without any relevant document; they count, with 0."""
        return sum(all(grade <= 0 for grade in grades.values()) for grades in self.judgments.values())


def read_collection(folder: Path) -> Collection:
    """Read the queries and the test judgments of a BEIR folder.

    Raises:
        SourceError: a file is missing, a line of it is wrong, or no judged query is left.
    """
    texts = _read_queries(_find(folder, _QUERIES))
    judgments = _read_judgments(_find(folder, (_JUDGMENTS,)))
    judged = {query: grades for query, grades in judgments.items() if query in texts}
    if not judged:
        raise SourceError(f"no query of {folder} has judgments: its queries and {_JUDGMENTS} must share their ids")
    return Collection({query: texts[query] for query in judged}, judged, len(judgments) - len(judged))


def read_judgments(path: Path) -> Iterator[Judgment | Unreadable]:
    """Read a file of judgments, with or without a header; blank lines are passed over.

    Raises:
        SourceError: the file cannot be read.
    """
    for number, line in enumerate(_lines(path), start=1):
        cells = line.split("\t")
        grade = _grade(cells[2]) if len(cells) == 3 else None
        if grade is None:
            if number > 1 and line.strip():  # The first is the header.
                reason = f"is {line[:100]!r}: write query id, document id and a whole number, with tabs"
                yield Unreadable(number, reason, line)
        elif abs(grade) <= _LARGEST_GRADE:
            yield Judgment(number, cells[0], cells[1], grade)
        else:
            reason = f"has the grade {cells[2][:30]}: write a whole number from -{_LARGEST_GRADE} to {_LARGEST_GRADE}"
            yield Unreadable(number, reason, line)


def order(scores: Iterable[tuple[str, float]], depth: int = DEPTH, without: str | None = None) -> tuple[str, ...]:
    """Return the `depth` best ids; equal scores in the order of ids, so that a run never depends on the index.

    `without` is the query's own document, if it is one.
    """
    best = sorted((pair for pair in scores if pair[0] != without), key=lambda pair: (-pair[1], pair[0]))
    return tuple(identity for identity, _ in best[:depth])


def require_ir_measures() -> None:
    """Check, before long work, that `measure` will work.

    Raises:
        MissingExtraError: ir_measures is not installed.
    """
    try:
        import ir_measures  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("ir_measures", "eval") from error


def measure(judgments: Mapping[str, Mapping[str, int]], rankings: Mapping[str, Sequence[str]]) -> dict[str, float]:
    """Return each of `MEASURES`, averaged over the judged queries; one without a ranking counts 0.

    Gains are the grades, as in trec_eval, and a grade from 1 on is relevant.

    Raises:
        MissingExtraError: ir_measures is not installed.
    """
    return means(measure_each(judgments, rankings))


def means(each: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """Return the average of each measure over the queries."""
    return {name: fmean(values) for name, values in each.items()}


def measure_each(
    judgments: Mapping[str, Mapping[str, int]], rankings: Mapping[str, Sequence[str]]
) -> dict[str, list[float]]:
    """Return each of `MEASURES` for each judged query, in their order; the means are those of `measure`.

    Raises:
        MissingExtraError: ir_measures is not installed.
    """
    require_ir_measures()
    import ir_measures

    wanted = [ir_measures.parse_measure(name) for name in MEASURES]
    places = {query: place for place, query in enumerate(judgments)}
    found = {name: [0.0] * len(places) for name in MEASURES}
    for each in ir_measures.iter_calc(wanted, judgments, _run_of(rankings)):
        found[str(each.measure)][places[each.query_id]] = float(each.value)
    return found


def _run_of(rankings: Mapping[str, Sequence[str]]) -> dict[str, dict[str, float]]:
    """Return ranks instead of scores: measuring programs sort ties in their own ways, and like this there are none."""
    return {query: {document: -float(rank) for rank, document in enumerate(ids)} for query, ids in rankings.items()}


def _find(folder: Path, names: Sequence[str]) -> Path:
    path = next((folder / name for name in names if (folder / name).is_file()), None)
    if path is None:
        raise SourceError(
            f"{folder} holds no {' or '.join(names)}: give a BEIR folder, with queries.jsonl and {_JUDGMENTS}"
        )
    return path


def _read_queries(path: Path) -> dict[str, str]:
    texts: dict[str, str] = {}
    for record in Source(str(path), path).records():
        if isinstance(record, Unreadable):
            raise SourceError(f"{path} line {record.line} {record.reason}: correct the line")
        identity, text = _query(record, path)
        if texts.get(identity, text) != text:
            raise SourceError(f"{path} line {record.line} gives the query {identity!r} a second text: correct its id")
        texts[identity] = text
    return texts


def _query(record: Record, path: Path) -> tuple[str, str]:
    identity, text = record.value.get("_id"), record.value.get("text")
    if isinstance(identity, bool) or not isinstance(identity, str | int) or not isinstance(text, str):
        raise SourceError(f'{path} line {record.line} is no query: write it like {{"_id": "7", "text": "fresh bread"}}')
    return str(identity), text


def _read_judgments(path: Path) -> dict[str, dict[str, int]]:
    judgments: dict[str, dict[str, int]] = {}
    for found in read_judgments(path):
        if isinstance(found, Unreadable):
            raise SourceError(f"{path} line {found.line} {found.reason}")
        before = judgments.setdefault(found.query, {}).setdefault(found.document, found.grade)
        if before != found.grade:
            raise SourceError(
                f"{path} line {found.line} judges {found.document!r} for {found.query!r} a second time, with "
                f"{found.grade} instead of {before}: keep one of the lines"
            )
    return judgments


def _grade(cell: str) -> int | None:
    try:
        return int(cell)
    except ValueError:
        return None


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{path} cannot be read ({error}): check the file") from error
