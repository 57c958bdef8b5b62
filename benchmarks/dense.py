"""Sparse beside dense retrieval: all-MiniLM-L6-v2 by exact cosines, a live index by BM25, csplade and their sum.

    csplade ingest COLLECTION --index PREFIX-COLLECTION        # for each BEIR folder
    python benchmarks/dense.py MINILM_FOLDER --prefix PREFIX- [--plot FILE.png] BEIR_FOLDER [BEIR_FOLDER...]

`dense + bm25` and `dense + sparse` are ranks merged (RRF, constant 60); `table` is sparse with queries by table. p is
that of a paired randomization test of nDCG@10 against BM25, dense and sparse. Needs the extras `[eval]` and `[export]`;
the dense model reads 256 tokens.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean

import click
import torch
from csplade.benchmarks.plan_defaults import rankings
from csplade.commands.connection import Connection, cluster_options, open_cluster
from csplade.commands.options import encoder_option
from csplade.commands.output import notice, print_json, print_table
from csplade.integration.fusion import fuse
from csplade.integration.query import Mode, QueryOptions
from csplade.models.recipe.teacher import Teacher
from csplade.pipelines.development import BEST_MEASURE, Development, read_development
from csplade.pipelines.encode import EncodeOptions, Encoder
from csplade.pipelines.evaluate import ASKED_DEPTH, measure_each, order
from csplade.pipelines.significance import randomization
from matplotlib.figure import Figure
from opensearchpy import OpenSearch

_CONSTANT = 60
Rankings = Mapping[str, Sequence[str]]


class Sparse:
    """An encoder, with and without a model for queries."""

    def __init__(self, folder: Path) -> None:
        self._encoder = Encoder.open(folder)
        self._table = Encoder.open(folder, EncodeOptions(table_queries=True))

    def ask(self, client: OpenSearch, index: str, queries: Mapping[str, str]) -> dict[str, Rankings]:
        """Ask the index in each mode, and by table."""
        asked = [QueryOptions(mode) for mode in Mode]
        found = rankings(client, index, self._encoder, queries, asked, ASKED_DEPTH)
        by_table = rankings(client, index, self._table, queries, [QueryOptions()], ASKED_DEPTH)
        modes = {options.mode.value: ranking for options, ranking in zip(asked, found, strict=True)}
        return {**modes, "table": next(by_table)}


def dense_rankings(teacher: Teacher, development: Development) -> Rankings:
    """Return the documents of the largest cosines."""
    ids, queries = list(development.documents), development.collection.queries
    documents = teacher.embed(list(development.documents.values()), "dense documents")
    best = (teacher.embed(list(queries.values())) @ documents.T).topk(min(ASKED_DEPTH, len(ids)))
    return {
        query: order((ids[row], score) for row, score in zip(rows, scores, strict=True))
        for query, rows, scores in zip(queries, best.indices.tolist(), best.values.tolist(), strict=True)
    }


def merged(first: Rankings, second: Rankings) -> Rankings:
    """Merge two rankings of each query by ranks."""
    return {query: [each.id for each in fuse([first[query], second[query]], [1.0, 1.0], _CONSTANT)] for query in first}


def compared(development: Development, systems: Mapping[str, Rankings]) -> dict[str, dict[str, float]]:
    """Return nDCG@10 of each system and how often chance makes it differ so much from others."""
    each = {
        name: measure_each(development.collection.judgments, ranking)[BEST_MEASURE] for name, ranking in systems.items()
    }
    return {
        name: {
            BEST_MEASURE: fmean(values),
            **{f"p ({other})": randomization(each[other], values) for other in ("bm25", "dense", "sparse")},
        }
        for name, values in each.items()
    }


def plot(scores: Mapping[str, Mapping[str, float]], path: Path) -> None:
    """Draw what each system gains or loses on each collection, in percent of BM25's nDCG@10."""
    figure = Figure(figsize=(11, 4.5), layout="constrained")
    axes = figure.subplots()
    systems = [system for system in next(iter(scores.values())) if system != "bm25"]
    width = 0.8 / len(systems)
    for place, system in enumerate(systems):
        gains = [100 * (each[system] / each["bm25"] - 1) for each in scores.values()]
        axes.bar(
            [row + (place - len(systems) / 2 + 0.5) * width for row in range(len(scores))], gains, width, label=system
        )
    axes.axhline(0, color="black", linewidth=0.8)
    axes.set_xticks(range(len(scores)), list(scores))
    axes.set_ylabel("nDCG@10 above BM25, %")
    figure.legend(ncols=len(systems), fontsize="small", loc="outside upper center")
    figure.savefig(path, dpi=100)


@click.command()
@click.argument("minilm", type=click.Path(path_type=Path, exists=True))
@click.argument("folders", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--prefix", required=True, help="An index is called this and the name of the collection's folder.")
@click.option("--plot", "plot_file", type=click.Path(path_type=Path), help="Where to draw nDCG@10 of each collection.")
@click.option("--json", "as_json", is_flag=True)
@cluster_options
@encoder_option
def main(
    minilm: Path,
    folders: tuple[Path, ...],
    prefix: str,
    plot_file: Path | None,
    as_json: bool,
    connection: Connection,
    encoder_folder: Path,
) -> None:
    """Print a table for each collection, and the means."""
    client, teacher, sparse = open_cluster(connection), Teacher(minilm), Sparse(encoder_folder)
    found: dict[str, dict[str, dict[str, float]]] = {}
    for folder in folders:
        notice(f"measuring {folder.name}")
        development = read_development(folder, 10**9)
        asked = sparse.ask(client, prefix + folder.name, development.collection.queries)
        dense = dense_rankings(teacher, development)
        rest = {f"dense + {mode}": merged(dense, asked[mode]) for mode in ("bm25", "sparse")}
        found[folder.name] = rows = compared(development, {**asked, "dense": dense, **rest})
        if not as_json:
            print_table(folder.name, ("", *rows["bm25"]), [(system, *row.values()) for system, row in rows.items()])
    means = {system: fmean(each[system][BEST_MEASURE] for each in found.values()) for system in rows}
    if plot_file:
        plot(
            {name: {system: row[BEST_MEASURE] for system, row in each.items()} for name, each in found.items()},
            plot_file,
        )
    if as_json:
        print_json(found)
    else:
        print_table("mean", ("", BEST_MEASURE), list(means.items()))


if __name__ == "__main__":
    with torch.inference_mode():
        main()
