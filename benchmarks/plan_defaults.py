"""Why the defaults of a query's plan are what they are: nDCG@10 of live indexes, each option varied alone.

    csplade ingest COLLECTION --index PREFIX-COLLECTION        # for each BEIR folder
    python benchmarks/plan_defaults.py --prefix PREFIX- BEIR_FOLDER [BEIR_FOLDER...]

Ten hits are asked for, as people do; what a plan costs is in the tables of `cluster.py`. Needs the extra `[eval]`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from statistics import fmean

import click
from csplade.commands.connection import Connection, cluster_options, open_cluster
from csplade.commands.options import encoder_option
from csplade.commands.output import notice, print_json, print_table
from csplade.commands.search_options import for_index
from csplade.integration.planner import Fusion, Phases, PlanOptions
from csplade.integration.query import Mode, QueryOptions, Question
from csplade.integration.search import search_many
from csplade.pipelines.development import BEST_MEASURE
from csplade.pipelines.encode import Encoder
from csplade.pipelines.evaluate import measure, order, read_collection
from opensearchpy import OpenSearch

_HITS = 10


def varied() -> Iterator[tuple[str, QueryOptions]]:
    """Give each row's name and options."""
    plan = PlanOptions()
    yield "bm25", QueryOptions(Mode.BM25)
    yield "sparse: --phases one", QueryOptions(plan=replace(plan, phases=Phases.ONE))
    for heavy in (0.1, 0.2, 0.3, 0.4, 0.5):
        yield f"sparse: --heavy {heavy:g}", QueryOptions(plan=replace(plan, heavy=heavy))
    for expansion in (2.0, 10.0):
        yield f"sparse: --expansion {expansion:g}", QueryOptions(plan=replace(plan, expansion=expansion))
    for share in (0.8, 0.9):
        yield f"sparse: --share {share:g}", QueryOptions(plan=replace(plan, share=share))
    for weight in (0.25, 0.5, 1.0, 2.0):
        yield f"hybrid: --bm25-weight {weight:g}", QueryOptions(Mode.HYBRID, bm25_weight=weight)
    yield "hybrid: --fusion normalized", QueryOptions(Mode.HYBRID, plan=replace(plan, fusion=Fusion.NORMALIZED))
    for constant in (10, 60, 100):
        merged = replace(plan, fusion=Fusion.RRF, rank_constant=constant)
        yield f"hybrid: --fusion rrf --rank-constant {constant}", QueryOptions(Mode.HYBRID, plan=merged)


def scores(client: OpenSearch, index: str, encoder: Encoder, folder: Path, most: int) -> dict[str, float]:
    """Return nDCG@10 by row, of the first `most` queries."""
    collection = read_collection(folder)
    queries = dict(islice(collection.queries.items(), most))
    judgments = {query: collection.judgments[query] for query in queries}
    names, asked = zip(*varied(), strict=True)
    found = rankings(client, index, encoder, queries, asked, _HITS)
    return {name: measure(judgments, each)[BEST_MEASURE] for name, each in zip(names, found, strict=True)}


def rankings(
    client: OpenSearch,
    index: str,
    encoder: Encoder,
    queries: Mapping[str, str],
    asked: Sequence[QueryOptions],
    size: int,
) -> Iterator[dict[str, Sequence[str]]]:
    """Ask an index all queries, by id, with each of the options, as `csplade evaluate` does; give the best ids."""
    vectors = encoder.queries(queries.values())
    questions = [Question(text, vector) for text, vector in zip(queries.values(), vectors, strict=True)]
    for options in for_index(client, index, asked, encoder.contract):
        hits = search_many(client, index, questions, options, size)
        yield {query: order((hit.id, hit.score) for hit in each) for query, each in zip(queries, hits, strict=True)}


def table(found: Mapping[str, Mapping[str, float]]) -> list[tuple[str | float, ...]]:
    """Return a row for each plan, with the mean of all collections and what it is of that of BM25."""
    names = list(next(iter(found.values())))
    means = {name: fmean(each[name] for each in found.values()) for name in names}
    return [
        (name, *(each[name] for each in found.values()), means[name], f"{means[name] / means['bm25'] - 1:+.1%}")
        for name in names
    ]


@click.command()
@click.argument("folders", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--prefix", required=True, help="An index is called this and the name of the collection's folder.")
@click.option("--most", default=1000, show_default=True, help="Queries of a collection.")
@click.option("--json", "as_json", is_flag=True)
@cluster_options
@encoder_option
def main(
    folders: tuple[Path, ...], prefix: str, most: int, as_json: bool, connection: Connection, encoder_folder: Path
) -> None:
    """Print nDCG@10 of each collection and the means."""
    client, encoder = open_cluster(connection), Encoder.open(encoder_folder)
    found = {}
    for folder in folders:
        notice(f"measuring {folder.name}")
        found[folder.name] = scores(client, prefix + folder.name, encoder, folder, most)
    if as_json:
        print_json(found)
    else:
        print_table("nDCG@10", ("", *found, "mean", "to BM25"), table(found))


if __name__ == "__main__":
    main()
