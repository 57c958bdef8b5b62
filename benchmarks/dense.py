"""Sparse beside dense retrieval: all-MiniLM-L6-v2 by exact cosines, a live index by BM25, csplade and their sum.

    csplade ingest COLLECTION --index PREFIX-COLLECTION        # for each BEIR folder
    python benchmarks/dense.py MINILM_FOLDER --prefix PREFIX- BEIR_FOLDER [BEIR_FOLDER...]

`dense + bm25` and `dense + sparse` are ranks merged (RRF, constant 60). p is that of a paired randomization test of
nDCG@10 against BM25 and against dense. Needs the extras `[eval]` and `[export]`; the dense model reads 256 tokens.
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
from csplade.pipelines.encode import Encoder
from csplade.pipelines.evaluate import ASKED_DEPTH, measure_each, order
from csplade.pipelines.significance import randomization
from opensearchpy import OpenSearch

_CONSTANT = 60
Rankings = Mapping[str, Sequence[str]]


def from_cluster(client: OpenSearch, index: str, encoder: Encoder, development: Development) -> dict[str, Rankings]:
    """Ask the index in each mode."""
    asked = [QueryOptions(mode) for mode in Mode]
    found = rankings(client, index, encoder, development.collection.queries, asked, ASKED_DEPTH)
    return {options.mode.value: ranking for options, ranking in zip(asked, found, strict=True)}


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
    """Return nDCG@10 of each system and how often chance makes it differ so much from BM25 and from dense."""
    each = {
        name: measure_each(development.collection.judgments, ranking)[BEST_MEASURE] for name, ranking in systems.items()
    }
    return {
        name: {
            BEST_MEASURE: fmean(values),
            "p (bm25)": randomization(each["bm25"], values),
            "p (dense)": randomization(each["dense"], values),
        }
        for name, values in each.items()
    }


@click.command()
@click.argument("minilm", type=click.Path(exists=True))
@click.argument("folders", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--prefix", required=True, help="An index is called this and the name of the collection's folder.")
@click.option("--json", "as_json", is_flag=True)
@cluster_options
@encoder_option
def main(
    minilm: str,
    folders: tuple[Path, ...],
    prefix: str,
    as_json: bool,
    connection: Connection,
    encoder_folder: Path,
) -> None:
    """Print a table for each collection, and the means."""
    client, teacher, encoder = open_cluster(connection), Teacher(minilm), Encoder.open(encoder_folder)
    found: dict[str, dict[str, dict[str, float]]] = {}
    for folder in folders:
        notice(f"measuring {folder.name}")
        development = read_development(folder, 10**9)
        asked = from_cluster(client, prefix + folder.name, encoder, development)
        dense = dense_rankings(teacher, development)
        rest = {f"dense + {mode}": merged(dense, asked[mode]) for mode in ("bm25", "sparse")}
        found[folder.name] = compared(development, {**asked, "dense": dense, **rest})
    if as_json:
        print_json(found)
        return
    systems = list(next(iter(found.values())))
    for name, systems_of in found.items():
        print_table(name, ("", *systems_of["bm25"]), [(system, *systems_of[system].values()) for system in systems])
    means = [(system, fmean(each[system][BEST_MEASURE] for each in found.values())) for system in systems]
    print_table("mean", ("", BEST_MEASURE), means)


if __name__ == "__main__":
    with torch.inference_mode():
        main()
