"""Where a document stands in the answer to a query and why, for people and as JSON."""

from typing import TYPE_CHECKING, Any

import orjson
from csplade.commands.explained_hit import print_parts
from csplade.commands.explanations import contribution_json, terms_json
from csplade.commands.output import print_table
from csplade.integration.explain import Origin, shown_term
from csplade.integration.query import QueryOptions
from csplade.pipelines.sparse import SparseVector
from csplade.pipelines.vocab import readable

if TYPE_CHECKING:
    from csplade.integration.missing import Placement, SharedTerm

# A document that is not there is an error before.
_WHY = {
    "filter": "The filter keeps it out.",
    "anchor": "None of the query's words stands in {texts}, and the query is anchored there.",
    "empty query": "The query holds nothing to ask for.",
    "no weights": "It has no term weights in {weights}: it has no text, or was indexed without them, which "
    "`csplade enrich` makes good.",
    "weights not kept": "No term found it; the index gives no weights back, so its terms are not known.",
    "no common term": "None of its terms is a term of the query.",
    "only dropped terms": "The terms that it shares with the query are too light to be sent: see --max-clauses, "
    "--share and --ratio.",
    "only light terms": "The terms that it shares with the query are too light to find documents: see --heavy.",
    "no common word": "None of the query's words stands in {texts}.",
    "ranked lower": "It matches, and at least as many documents as were asked for are better: see --size.",
    "not found approximately": "It matches, and the SEISMIC field has not found it: it is lower, or was missed; see "
    "--cut and --heap-factor, or ask with --phases one.",
}


def print_document(found: "Placement", options: QueryOptions, size: int, limit: int | None) -> None:
    """Print the verdict, what the score is made of, and the terms of both sides; `limit` of each at most."""
    rows = [(sentence,) for sentence in _verdict(found, options, size)]
    rows += [
        (f"{'It passes' if passes else 'It does not pass'} the filter {orjson.dumps(clause).decode()}",)
        for clause, passes in found.filters
    ]
    print_table("", (f"document {found.id}",), rows)
    if found.score is not None and found.contributions:
        print_parts(f"Score {found.score:.4f}", found.contributions, found.score, limit)
    added = {part.term for part in found.contributions if part.origin is Origin.SPARSE}
    shared = [term for term in found.terms.shared if shown_term(term.field, term.key) not in added]
    if shared:
        title = "Terms that both have, not in this score" if found.contributions else "Terms that both have"
        columns = ("term", "query", "document", "product", "sent")
        print_table(title, columns, [_shared_row(term) for term in shared[:limit]])
    if found.terms.query_only:
        _print_terms("Terms of the query only", found.terms.query_only, limit)
    for name, vector in (found.terms.document or {}).items():
        met = {term.key for term in found.terms.shared if term.field == name}
        own = SparseVector({key: weight for key, weight in vector if key not in met})
        if own:
            where = "" if len(options.plan.fields) == 1 else f" in {name}"
            _print_terms(f"Terms of the document only{where}", own, limit)


def document_json(found: "Placement") -> dict[str, Any]:  # Any: a JSON object
    """Return the same for machines."""
    held = found.terms.document
    score = found.score or 0.0
    return {
        "id": found.id,
        "reasons": [reason.value for reason in found.reasons],
        "rank": found.rank,
        "score": found.score,
        "contributions": [contribution_json(part, score) for part in found.contributions],
        "filters": [{"clause": clause, "passes": passes} for clause, passes in found.filters],
        "shared": [_shared_json(term) for term in found.terms.shared],
        "query_only": terms_json(found.terms.query_only),
        "document_terms": None if held is None else {name: terms_json(vector) for name, vector in held.items()},
    }


def _verdict(found: "Placement", options: QueryOptions, size: int) -> list[str]:
    if found.rank is None:
        asked = {"texts": options.plan.text_fields, "weights": options.plan.fields}
        names = {what: " or ".join(each.name for each in fields) for what, fields in asked.items()}
        return [_WHY[reason.value].format(**names) for reason in found.reasons]
    sentence = f"It has rank {found.rank}, with the score {found.score:.4f}"
    best = "best one is" if size == 1 else f"best {size} are"
    return [f"{sentence}." if found.rank <= size else f"{sentence}; only the {best} asked for, see --size."]


def _print_terms(title: str, vector: SparseVector, limit: int | None) -> None:
    rows: list[tuple[object, ...]] = [(readable(key), weight) for key, weight in vector.heaviest(limit or len(vector))]
    rest = len(vector) - len(rows)
    print_table(f"{title}, {rest} more not shown" if rest else title, ("term", "weight"), rows)


def _shared_row(term: "SharedTerm") -> tuple[object, ...]:
    product = term.query_weight * term.document_weight
    return readable(term.key), term.query_weight, term.document_weight, product, "yes" if term.sent else "no"


def _shared_json(term: "SharedTerm") -> dict[str, Any]:  # Any: a JSON object
    return {
        "term": readable(term.key),
        "key": term.key,
        "field": term.field,
        "query_weight": term.query_weight,
        "document_weight": term.document_weight,
        "sent": term.sent,
    }
