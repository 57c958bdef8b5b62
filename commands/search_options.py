"""Options of the commands that search, and what they say about a query that is not sent as it is."""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import TYPE_CHECKING

import click
from csplade.commands.output import notice
from csplade.integration.planner import Anchor, FieldWeight, Fusion, Phases, Plan, PlanOptions, Total
from csplade.integration.query import DEFAULT_BM25_WEIGHT, Mode, QueryOptions
from csplade.pipelines.errors import UsageError
from csplade.pipelines.number_of import number_of

if TYPE_CHECKING:
    from csplade.pipelines.contract import Contract
    from opensearchpy import OpenSearch

MODES = tuple(mode.value for mode in Mode)

mode_option = click.option(
    "--mode", default="sparse", show_default=True, type=click.Choice(MODES), help="What is compared."
)
filter_option = click.option(
    "--filter", "filter_text", default=None, metavar="JSON", help="A query clause, or a list, that must hold."
)
bm25_weight_option = click.option(
    "--bm25-weight",
    default=DEFAULT_BM25_WEIGHT,
    show_default=True,
    type=click.FloatRange(min=0),
    help="Factor of BM25's score in the mode hybrid.",
)
total_option = click.option(
    "--total",
    default=Total.NONE.value,
    show_default=True,
    type=click.Choice([each.value for each in Total]),
    help="Count what matches: not at all, to 10,000, or exactly. Counting costs time.",
)

_USUAL = PlanOptions()
_OPTIONS = (
    click.option(
        "--max-clauses",
        default=_USUAL.max_clauses,
        show_default=True,
        type=click.IntRange(min=1),
        metavar="N",
        help="Send the N heaviest terms of a query, and never more than the cluster takes in all.",
    ),
    click.option(
        "--share",
        default=_USUAL.share,
        show_default=True,
        type=click.FloatRange(0, 1, min_open=True),
        help="Send the heaviest terms that hold this share of the query's weight.",
    ),
    click.option(
        "--ratio",
        default=_USUAL.ratio,
        show_default=True,
        type=click.FloatRange(0, 1),
        help="Send no term lighter than this part of the heaviest.",
    ),
    click.option(
        "--phases",
        default=_USUAL.phases.value,
        show_default=True,
        type=click.Choice([each.value for each in Phases]),
        help="Let all terms find documents; let the heavy ones do, and the light ones score only the best of them; or "
        "let the SEISMIC field find them, of an index that has one (in the mode sparse, without filter and anchor).",
    ),
    click.option(
        "--heavy",
        default=_USUAL.heavy,
        show_default=True,
        type=click.FloatRange(0, 1, min_open=True),
        help="With two phases: a term is heavy from this part of the heaviest on.",
    ),
    click.option(
        "--expansion",
        default=_USUAL.expansion,
        show_default=True,
        type=click.FloatRange(min=1),
        help="With two phases, or a SEISMIC field: how many times the hits asked for each shard scores again.",
    ),
    click.option(
        "--cut",
        default=_USUAL.cut,
        show_default=True,
        type=click.IntRange(min=1),
        help="With --phases seismic: how many of the heaviest terms find documents.",
    ),
    click.option(
        "--heap-factor",
        default=_USUAL.heap_factor,
        show_default=True,
        type=click.FloatRange(min=0, min_open=True),
        help="With --phases seismic: the larger, the more documents are looked at.",
    ),
    click.option(
        "--anchor",
        default=_USUAL.anchor.value,
        show_default=True,
        type=click.Choice([each.value for each in Anchor]),
        help="What a document must match to be found, while terms only score: nothing, the words, or the filter.",
    ),
    click.option(
        "--fusion",
        default=_USUAL.fusion.value,
        show_default=True,
        type=click.Choice([each.value for each in Fusion]),
        help="How the mode hybrid brings terms and BM25 together: their sum, their sum in units of what a "
        "good hit scores in this index, by ranks, or by the cluster (OpenSearch with neural-search).",
    ),
    click.option(
        "--rank-constant",
        default=_USUAL.rank_constant,
        show_default=True,
        type=click.IntRange(min=1),
        help="With --fusion rrf: what is added to a rank; the larger, the less the first ranks count.",
    ),
    click.option(
        "--calibration/--no-calibration",
        "calibrated",
        default=_USUAL.calibrated,
        show_default=True,
        help="Weigh the query for the index, if `csplade calibrate` or `csplade ingest` has measured it.",
    ),
    click.option(
        "--field",
        "fields",
        multiple=True,
        metavar="NAME^WEIGHT",
        help=f"A field of term weights; may be given several times. Default: {_USUAL.fields[0].name}.",
    ),
    click.option(
        "--text-field",
        "text_fields",
        multiple=True,
        metavar="NAME^WEIGHT",
        help=f"A field that BM25 compares; may be given several times. Default: {_USUAL.text_fields[0].name}.",
    ),
)


def plan_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of a plan; the command gets all of them as one `plan`."""

    @wraps(command)
    def planned(
        *,
        max_clauses: int,
        share: float,
        ratio: float,
        phases: str,
        heavy: float,
        expansion: float,
        cut: int,
        heap_factor: float,
        anchor: str,
        fusion: str,
        rank_constant: int,
        calibrated: bool,
        fields: tuple[str, ...],
        text_fields: tuple[str, ...],
        **others: object,
    ) -> None:
        plan = PlanOptions(
            *(max_clauses, share, ratio, Phases(phases), heavy, expansion, cut, heap_factor),
            anchor=Anchor(anchor),
            fusion=Fusion(fusion),
            rank_constant=rank_constant,
            fields=tuple(map(field_weight, fields)) or _USUAL.fields,
            text_fields=tuple(map(field_weight, text_fields)) or _USUAL.text_fields,
            calibrated=calibrated,
        )
        command(plan=plan, **others)

    for option in reversed(_OPTIONS):
        planned = option(planned)
    return planned


def field_weight(text: str) -> FieldWeight:
    """Read a field with its weight, written like title^2.

    Raises:
        UsageError: it is written otherwise.
    """
    name, hat, weight = text.partition("^")
    try:
        return FieldWeight(name, float(weight) if hat else 1.0)
    except ValueError as error:
        raise UsageError(f"{text!r} is no field with a weight: write it like title^2") from error


def for_index(
    client: "OpenSearch", index: str, asked: Sequence[QueryOptions], contract: "Contract | None"
) -> list[QueryOptions]:
    """Return the options with what the cluster and the index say of themselves; tell if it has weights of two encoders.

    Raises:
        UsageError: the index lacks a field that is to be asked, or has it of a type that cannot be asked so.
        IndexConflictError: the index is missing, not ours, or made with another encoder.
        ClusterError: the cluster does not answer, or is of a kind that csplade does not know.
    """
    from csplade.integration.asked_fields import check_fields
    from csplade.integration.index_facts import facts_of
    from csplade.integration.searches import is_approximate

    facts = facts_of(client, index, contract)
    if facts.replacing is not None and contract is not None:
        notice(
            f"Some documents of {index} still have weights of its earlier encoder, {facts.replacing}, and are found "
            f"badly by terms: let `csplade enrich --index {index}` come to its end."
        )
    settled = [facts.settle(options) for options in asked]
    for options in settled:
        check_fields(facts.mapping, index, options)
        if options.plan.phases is Phases.SEISMIC and not is_approximate(options):
            notice(
                "Asked without the SEISMIC field, which is for the mode sparse without filter, anchor and other fields."
            )
    return settled


def dropped_sentence(plan: Plan) -> str:
    """Return what a user should know about a vector that was pruned."""
    kept = len(plan.vector)
    sent = "heaviest is" if kept == 1 else f"{kept} heaviest are"
    return f"The query has {number_of(kept + plan.dropped, 'term')}; the {sent} sent ({plan.share:.1%} of its weight)."
