"""`csplade explain`: what the hits of a query are made of, or why one document is no hit.

With --json exactly one object, always with these names; `hits` is null with --document, `document` without:

    {"query": text, "index": name, "mode": "sparse" | "bm25" | "hybrid",
     "terms": [{"term": text, "key": term key, "weight": number}, ...],    those that are sent
     "hits": [as of `csplade query --explain`, each with "unmet": [as in terms, ...]; null with `--fusion rrf`],
     "document": {"id": text, "reasons": [see `Reason`, ...], "rank": number or null, "score": number or null,
                  "contributions": [as of a hit, ...], "filters": [{"clause": JSON, "passes": true | false}, ...],
                  "shared": [{"term": text, "key": term key, "field": name, "query_weight": number,
                              "document_weight": number, "sent": true | false}, ...],
                  "query_only": [as in terms, ...], "document_terms": {field: [as in terms, ...]} or null}}

The contributions of a hit sum up to its score; with `--fusion rrf` they are those of its ranks, which name no terms.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from csplade.commands.connection import Connection, cluster_options, open_cluster
from csplade.commands.explained_document import document_json, print_document
from csplade.commands.explained_hit import print_hit
from csplade.commands.explanations import hit_json, terms_json
from csplade.commands.options import encoder_option, index_option, json_option, query_path_option
from csplade.commands.output import print_json
from csplade.commands.question import check_text, prepare, tell_question
from csplade.commands.search_options import (
    bm25_weight_option,
    filter_option,
    mode_option,
    plan_options,
)
from csplade.integration.errors import ClusterError
from csplade.integration.planner import Fusion, PlanOptions
from csplade.integration.query import Mode, QueryOptions, Question, parse_filter, planned
from csplade.pipelines.errors import UsageError

if TYPE_CHECKING:
    from csplade.integration.missing import Placement
    from csplade.integration.search import Hit
    from csplade.pipelines.sparse import SparseVector
    from opensearchpy import OpenSearch


@click.command("explain")
@click.argument("text")
@index_option
@click.option("--document", "identity", default=None, metavar="ID", help="Why this document is a hit, or none.")
@mode_option
@click.option("--size", default=3, show_default=True, type=click.IntRange(1, 10_000), help="Hits at most.")
@filter_option
@click.option("--all-terms", is_flag=True, help="Show all terms; usually the 12 that matter most of each kind.")
@bm25_weight_option
@plan_options
@cluster_options
@encoder_option
@query_path_option
@json_option
def command(
    text: str,
    index: str,
    identity: str | None,
    mode: str,
    size: int,
    filter_text: str | None,
    all_terms: bool,
    bm25_weight: float,
    plan: PlanOptions,
    connection: Connection,
    encoder_folder: Path,
    table_queries: bool,
    as_json: bool,
) -> None:
    """Show which terms met in each hit for TEXT, and what each adds to the score.

    With --document: the document's terms, those of the query, what they share, its rank, and what keeps it from being
    found: a filter, an anchor, a query that was cut, or nothing in common.

    \b
    Example:
      csplade explain "how do I keep bread fresh" --index articles
      csplade explain "stale loaf" --index articles --document rye-7
      csplade explain "stale loaf" --index articles --document rye-7 --filter '{"term": {"lang": "en"}}' --json
    """
    check_text(text)
    if identity is not None and not identity:
        raise UsageError("--document needs the id of a document")
    filters = parse_filter(filter_text) if filter_text is not None else ()
    asked = QueryOptions(Mode(mode), filters, bm25_weight, plan)
    client = open_cluster(connection)
    options, question = prepare(client, text, index, asked, encoder_folder, table_queries)
    sent = planned(question, options)
    shown = {"query": text, "index": index, "mode": mode, "terms": terms_json(sent.vector)}
    limit = None if all_terms else 12
    if identity is None:
        from csplade.integration.search import search

        hits = search(client, index, question, options, size, explain=True)
        lacking = [_lacking(hit, sent.vector, options) for hit in hits]
        if as_json:
            print_json({**shown, "hits": list(map(_hit_json, hits, lacking)), "document": None})
        else:
            for hit, terms in zip(hits, lacking, strict=True):
                print_hit(hit, terms, limit)
        tell_question(text, options.mode, sent, bool(hits))
    else:
        found = _place(client, index, question, options, identity, size)
        if as_json:
            print_json({**shown, "hits": None, "document": document_json(found)})
        else:
            print_document(found, options, size, limit)
        # Why it is not found is said of it above.
        tell_question(text, options.mode, sent, found=True)


def _place(
    client: "OpenSearch", index: str, question: Question, options: QueryOptions, identity: str, size: int
) -> "Placement":
    """Find out where a document stands.

    Raises:
        ClusterError: the index does not hold it, or the cluster does not answer in full.
    """
    from csplade.integration.missing import Reason, look_for

    found = look_for(client, index, question, options, identity, size)
    if Reason.NOT_INDEXED in found.reasons:
        raise ClusterError(
            f"the index {index!r} holds no document {identity!r}: correct --document, or refresh the index, if it was "
            "written a moment ago"
        )
    return found


def _lacking(hit: "Hit", sent: "SparseVector", options: QueryOptions) -> "SparseVector | None":
    """Return the terms of the query that are not in a hit; None where its score is made of ranks, which name none."""
    from csplade.integration.explain import unmet

    if options.fusion is Fusion.RRF:
        return None
    return unmet(sent, hit.contributions or (), [field.name for field in options.plan.fields])


def _hit_json(hit: "Hit", lacking: "SparseVector | None") -> dict[str, Any]:  # Any: a JSON object
    return {**hit_json(hit), "unmet": None if lacking is None else terms_json(lacking)}
