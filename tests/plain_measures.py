"""The measures of `csplade evaluate` as their definitions say, to compare the program's with."""

import math
from collections.abc import Mapping, Sequence

Judgments = Mapping[str, Mapping[str, int]]
Rankings = Mapping[str, Sequence[str]]


def ndcg_at_10(grades: Mapping[str, int], ranking: Sequence[str]) -> float:
    """Gain is the grade, discount the binary logarithm of rank + 1; the ideal ranking is that of all judgments."""
    best = _gain(sorted((max(grade, 0) for grade in grades.values()), reverse=True)[:10])
    return _gain([max(grades.get(document, 0), 0) for document in ranking[:10]]) / best if best else 0.0


def reciprocal_rank_at_10(grades: Mapping[str, int], ranking: Sequence[str]) -> float:
    ranks = [rank for rank, document in enumerate(ranking[:10], start=1) if grades.get(document, 0) >= 1]
    return 1 / ranks[0] if ranks else 0.0


def recall_at_100(grades: Mapping[str, int], ranking: Sequence[str]) -> float:
    relevant = {document for document, grade in grades.items() if grade >= 1}
    return len(relevant & set(ranking[:100])) / len(relevant) if relevant else 0.0


def plain_measures(judgments: Judgments, rankings: Rankings) -> dict[str, float]:
    """Return the three means over the judged queries; a query without a ranking counts 0."""
    formulas = {"nDCG@10": ndcg_at_10, "RR@10": reciprocal_rank_at_10, "R@100": recall_at_100}
    return {
        name: sum(formula(grades, rankings.get(query, ())) for query, grades in judgments.items()) / len(judgments)
        for name, formula in formulas.items()
    }


def _gain(grades: Sequence[int]) -> float:
    return sum(grade / math.log2(rank + 1) for rank, grade in enumerate(grades, start=1))
