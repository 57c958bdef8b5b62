"""`csplade query`: one question to an index, its hits as a table or as JSON.

With --json exactly one object, always with these names:

    {"query": text, "index": name, "mode": "sparse" | "bm25" | "hybrid",
     "terms": [{"term": text, "key": term key, "weight": number}, ...],   null without --show-terms
     "total": {"value": number, "exact": true | false},                    null without --total
     "hits": [{"rank": 1, "id": text, "score": number, "title": text or null, "snippet": text,
               "contributions": [{"term": text, "origin": "sparse" | "bm25" | "other",
                                  "query_weight": number or null, "document_weight": number or null,
                                  "contribution": number, "percent": number}, ...],          null without --explain
               "passage": text or null}, ...]}                   the best one, in an index that holds passages

Terms come heaviest first, contributions largest first; the contributions of a hit sum up to its score.
"""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from csplade.commands.connection import Connection, cluster_options, open_cluster
from csplade.commands.explanations import contribution_row, hit_json, terms_json
from csplade.commands.options import encoder_option, index_option, json_option, query_path_option
from csplade.commands.output import notice, print_json, print_table
from csplade.commands.question import check_text, prepare, tell_question
from csplade.commands.search_options import (
    bm25_weight_option,
    filter_option,
    mode_option,
    plan_options,
    total_option,
)
from csplade.integration.planner import Plan, PlanOptions, Total
from csplade.integration.query import Mode, QueryOptions, parse_filter, planned
from csplade.pipelines.errors import UsageError
from csplade.pipelines.number_of import number_of
from csplade.pipelines.vocab import readable

if TYPE_CHECKING:
    from csplade.integration.search import Hit, Page

_ROWS_EXPLAINED = 12
_TITLE_WIDTH = 60


@click.command("query")
@click.argument("text")
@index_option
@mode_option
@click.option("--size", default=10, show_default=True, type=click.IntRange(1, 10_000), help="Hits at most.")
@filter_option
@click.option("--explain", is_flag=True, help="Show for each hit which terms met and what each adds to the score.")
@click.option("--show-terms", is_flag=True, help="Show the terms of the query with their weights.")
@bm25_weight_option
@plan_options
@total_option
@cluster_options
@encoder_option
@query_path_option
@json_option
def command(
    text: str,
    index: str,
    mode: str,
    size: int,
    filter_text: str | None,
    explain: bool,
    show_terms: bool,
    bm25_weight: float,
    plan: PlanOptions,
    total: str,
    connection: Connection,
    encoder_folder: Path,
    table_queries: bool,
    as_json: bool,
) -> None:
    """Search an index for TEXT.

    \b
    Example:
      csplade query "how do I keep bread fresh" --index articles
      csplade query "stale loaf" --index articles --explain --size 3
      csplade query "bread" --index articles --mode hybrid --filter '{"term": {"lang": "en"}}' --json
      csplade query "bread" --index articles --mode hybrid --fusion rrf --text-field title^2 --text-field text
      csplade query "bread" --index articles --phases two --share 0.9 --anchor text --total exact
    """
    from csplade.integration.search import search_page

    if show_terms and mode == "bm25":
        raise UsageError("--show-terms has nothing to show in the mode bm25: use it with --mode sparse or hybrid")
    check_text(text)
    filters = parse_filter(filter_text) if filter_text is not None else ()
    asked = QueryOptions(Mode(mode), filters, bm25_weight, replace(plan, total=Total(total)))
    client = open_cluster(connection)
    options, question = prepare(client, text, index, asked, encoder_folder, table_queries)
    sent = planned(question, options)
    page = search_page(client, index, question, options, size, explain)
    if as_json:
        shown = terms_json(sent.vector) if show_terms else None
        found = {"total": _total_json(page), "hits": [*map(hit_json, page.hits)]}
        print_json({"query": text, "index": index, "mode": mode, "terms": shown, **found})
    else:
        _print(sent if show_terms else None, page.hits)
        if page.total is not None:
            exact = number_of(page.total, "document matches", "documents match")
            notice(f"{exact if page.exact else f'{page.total} or more documents match'}.")
    tell_question(text, options.mode, sent, bool(page.hits))


def _print(plan: Plan | None, hits: "tuple[Hit, ...]") -> None:
    if plan is not None:
        print_table("Terms of the query", ("term", "weight"), [(readable(key), weight) for key, weight in plan.vector])
    rows = [(hit.rank, hit.score, hit.id, (hit.title or "")[:_TITLE_WIDTH], hit.snippet) for hit in hits]
    print_table("", ("rank", "score", "id", "title", "snippet"), rows)
    for hit in hits:
        if hit.contributions is not None:
            _print_contributions(hit)


def _print_contributions(hit: "Hit") -> None:
    parts = hit.contributions or ()
    rows = [contribution_row(part, hit.score) for part in parts[:_ROWS_EXPLAINED]]
    if rest := parts[_ROWS_EXPLAINED:]:
        percent = sum(part.percent(hit.score) for part in rest)
        rows.append((f"({len(rest)} more)", "", "", "", sum(part.value for part in rest), f"{percent:.1f}%"))
    title = f"{hit.rank}. {hit.id}: score {hit.score:.4f}"
    print_table(title, ("term", "from", "query", "document", "adds", "share"), rows)


def _total_json(page: "Page") -> dict[str, Any] | None:  # Any: a JSON object
    return None if page.total is None else {"value": page.total, "exact": page.exact}
