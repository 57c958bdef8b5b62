"""Teachers: what distillation and the filter of mined negatives ask for the score of a query and a document.

A teacher is named by a spec, KIND[:FOLDER][@WEIGHT]: `dense:FOLDER` (a SentenceTransformer, cosine),
`cross-encoder:FOLDER` (a CrossEncoder, its logit) or `bm25`. Several specs are a mix: each teacher's scores are
standardised per query, to mean 0 and deviation 1, and added with their weights. One spec alone gives its raw scores.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from csplade.pipelines.errors import UsageError
from csplade.pipelines.literal import Floats
from csplade.pipelines.teacher_bm25 import Bm25Teacher

BM25 = "bm25"
DENSE = "dense"
CROSS_ENCODER = "cross-encoder"

_FORMS = f"{DENSE}:FOLDER, {CROSS_ENCODER}:FOLDER or {BM25}, with @WEIGHT behind it for a mix"
# Scores of one query that differ by less say nothing: equal texts in different batches already do.
_EQUAL = 1e-6


class Teacher(Protocol):
    """Scores documents for queries; higher is better, and only scores of one query can be compared."""

    def matrix(self, queries: Sequence[str], documents: Sequence[str]) -> Floats:
        """Return the scores of every document for every query: (queries, documents)."""
        ...

    def lists(self, queries: Sequence[str], documents: Sequence[Sequence[str]]) -> list[Floats]:
        """Return the scores of each query's own documents, one array (documents of the query,) per query."""
        ...


@dataclass(frozen=True)
class TeacherSpec:
    """A teacher as the user named it."""

    kind: str
    folder: Path | None
    """None for BM25."""
    weight: float = 1.0


def parse_specs(specs: Sequence[str]) -> tuple[TeacherSpec, ...]:
    """Read the specs of a teacher, without opening a model.

    Raises:
        UsageError: there is none, or one is not of the form KIND[:FOLDER][@WEIGHT].
        SourceError: a folder does not exist; nothing is ever downloaded.
    """
    if not specs:
        raise UsageError(f"a teacher needs at least one spec: write {_FORMS}")
    return tuple(map(_parse, specs))


def open_teacher(
    specs: Sequence[str], idf: Mapping[str, float] | None = None, default_idf: float | None = None
) -> Teacher:
    """Open one teacher, or a weighted mix of several.

    `idf` is over broad text by term key, for BM25 only; words that it does not hold have `default_idf`, by default that
    of its rarest word.

    Raises:
        UsageError: a spec is wrong, or BM25 is wanted without a table of idf.
        SourceError: a folder does not exist, or holds no such model.
        MissingExtraError: sentence-transformers is not installed.
    """
    parsed = parse_specs(specs)
    teachers = [_open(spec, idf, default_idf) for spec in parsed]
    if len(teachers) == 1:
        return teachers[0]
    return Mix(teachers, [spec.weight for spec in parsed])


class Mix:
    """The weighted sum of several teachers' standardised scores."""

    def __init__(self, teachers: Sequence[Teacher], weights: Sequence[float]) -> None:
        self._parts = list(zip(teachers, weights, strict=True))

    def matrix(self, queries: Sequence[str], documents: Sequence[str]) -> Floats:
        """Return the scores of every document for every query: (queries, documents)."""
        total = np.zeros((len(queries), len(documents)), dtype=np.float32)
        for teacher, weight in self._parts:
            total += weight * standardised(teacher.matrix(queries, documents))
        return total

    def lists(self, queries: Sequence[str], documents: Sequence[Sequence[str]]) -> list[Floats]:
        """Return the scores of each query's own documents, one array (documents of the query,) per query."""
        totals = [np.zeros(len(texts), dtype=np.float32) for texts in documents]
        for teacher, weight in self._parts:
            for total, scores in zip(totals, teacher.lists(queries, documents), strict=True):
                total += weight * standardised(scores)
        return totals


def standardised(scores: Floats) -> Floats:
    """Give each query's scores mean 0 and deviation 1, or 0 throughout if they are all equal: (..., documents)."""
    if not scores.size:
        return scores
    exact = scores.astype(np.float64)
    spread = np.ptp(exact, axis=-1, keepdims=True)
    equal = spread <= _EQUAL * np.abs(exact).max(axis=-1, keepdims=True)
    deviation = np.where(equal, 1.0, exact.std(axis=-1, keepdims=True))
    centred = np.where(equal, 0.0, exact - exact.mean(axis=-1, keepdims=True))
    return (centred / deviation).astype(np.float32)


def _parse(text: str) -> TeacherSpec:
    # What stands behind the last @ is the weight, so a folder with an @ in its name needs one as well.
    named, weight = text.rsplit("@", 1) if "@" in text else (text, "1")
    kind, colon, folder = named.partition(":")
    known = not colon if kind == BM25 else kind in (DENSE, CROSS_ENCODER) and folder
    if not known:
        raise UsageError(f"{text!r} is no teacher: write {_FORMS}")
    if folder and not Path(folder).is_dir():
        raise UsageError(
            f"the teacher {text!r} needs a folder {folder}, and there is none: correct the path (models are not "
            "downloaded)"
        )
    return TeacherSpec(kind, Path(folder) if folder else None, _weight(weight, text))


def _weight(written: str, text: str) -> float:
    try:
        weight = float(written)
    except ValueError:
        weight = math.nan
    if not 0 < weight < math.inf:
        raise UsageError(f"the teacher {text!r} has the weight {written!r}: write a number above 0 behind the @")
    return weight


def _open(spec: TeacherSpec, idf: Mapping[str, float] | None, default_idf: float | None) -> Teacher:
    if spec.folder is None:
        if not idf:
            raise UsageError("the teacher 'bm25' needs a table of idf, and there is none: name another teacher")
        return Bm25Teacher(idf, max(idf.values()) if default_idf is None else default_idf)
    from csplade.pipelines.teacher_models import CrossEncoderTeacher, DenseTeacher

    if spec.kind == DENSE:
        return DenseTeacher.open(spec.folder)
    return CrossEncoderTeacher.open(spec.folder)
