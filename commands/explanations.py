"""How scores are shown: hits and what they are made of, as rows of tables and as JSON; for query and explain."""

from typing import TYPE_CHECKING, Any

from csplade.pipelines.vocab import readable

if TYPE_CHECKING:
    from csplade.integration.explain import Contribution
    from csplade.integration.search import Hit
    from csplade.pipelines.sparse import SparseVector


def contribution_row(part: "Contribution", score: float) -> tuple[object, ...]:
    """Return term, origin, both weights, value and percentage as cells."""
    weights = (weight_text(part.query_weight), weight_text(part.document_weight))
    return (part.term, part.origin.value, *weights, part.value, f"{part.percent(score):.1f}%")


def weight_text(value: float | None) -> str:
    """Return a weight as a cell, empty where it is not known."""
    return "" if value is None else f"{value:.4f}"


def terms_json(vector: "SparseVector") -> list[dict[str, Any]]:  # Any: a JSON object
    """Return terms with their weights, heaviest first."""
    return [{"term": readable(key), "key": key, "weight": weight} for key, weight in vector]


def hit_json(hit: "Hit") -> dict[str, Any]:  # Any: a JSON object
    """Return a hit, with its contributions or null in their place."""
    parts = None
    if hit.contributions is not None:
        parts = [contribution_json(part, hit.score) for part in hit.contributions]
    return {
        "rank": hit.rank,
        "id": hit.id,
        "score": hit.score,
        "title": hit.title,
        "snippet": hit.snippet,
        "contributions": parts,
        "passage": hit.passage,
    }


def contribution_json(part: "Contribution", score: float) -> dict[str, Any]:  # Any: a JSON object
    """Return one part of a score."""
    return {
        "term": part.term,
        "origin": part.origin.value,
        "query_weight": part.query_weight,
        "document_weight": part.document_weight,
        "contribution": part.value,
        "percent": part.percent(score),
    }
