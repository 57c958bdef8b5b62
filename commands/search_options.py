"""Options of the commands that search, and what they say about a query that is not sent as it is."""

import click
from csplade.integration.planner import DEFAULT_MAX_CLAUSES, Plan
from csplade.integration.query import DEFAULT_BM25_WEIGHT, Mode

MODES = tuple(mode.value for mode in Mode)

bm25_weight_option = click.option(
    "--bm25-weight",
    default=DEFAULT_BM25_WEIGHT,
    show_default=True,
    type=click.FloatRange(min=0),
    help="Factor of BM25's score in the mode hybrid.",
)
max_clauses_option = click.option(
    "--max-clauses",
    default=DEFAULT_MAX_CLAUSES,
    show_default=True,
    type=click.IntRange(min=1),
    metavar="N",
    help="Send the N heaviest terms of a query; clusters take 1024 clauses in all unless set up otherwise.",
)


def dropped_sentence(plan: Plan) -> str:
    """Return what a user should know about a vector that was pruned."""
    kept = len(plan.vector)
    return f"The query has {kept + plan.dropped} terms; the {kept} heaviest are sent ({plan.share:.1%} of its weight)."
