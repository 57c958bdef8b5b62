"""`csplade evaluate`: how well an index answers the judged queries of a collection, in each mode.

With --json exactly one object, with the modes that were asked for:

    {"bm25": {"nDCG@10": number, "RR@10": number, "R@100": number}, "sparse": {..., "p": number}, "hybrid": {...}}

where `p` says how often chance alone makes nDCG@10 differ so much from that of the first mode.
"""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click
from csplade.commands.connection import Connection, cluster_options, open_cluster
from csplade.commands.options import encoder_option, index_option, json_option, query_path_option
from csplade.commands.output import notice, print_json, print_table
from csplade.commands.own_documents import find_own_documents
from csplade.commands.question import tell_cut_queries
from csplade.commands.search_options import MODES, bm25_weight_option, for_index, plan_options
from csplade.integration.planner import PlanOptions
from csplade.integration.query import Mode, QueryOptions, Question, planned
from csplade.pipelines.contract import read_contract
from csplade.pipelines.errors import SourceError
from csplade.pipelines.evaluate import (
    ASKED_DEPTH,
    MEASURES,
    Collection,
    means,
    measure_each,
    order,
    read_collection,
    require_ir_measures,
)
from csplade.pipelines.number_of import number_of
from csplade.pipelines.significance import randomization

if TYPE_CHECKING:
    from opensearchpy import OpenSearch

_Item = TypeVar("_Item")


@click.command("evaluate")
@index_option
@click.option(
    "--collection",
    "folder",
    required=True,
    type=click.Path(path_type=Path),
    metavar="BEIR_FOLDER",
    help="Folder with queries.jsonl (or .gz) and qrels/test.tsv; its corpus.jsonl is what the index must hold.",
)
@click.option(
    "--mode",
    "modes",
    multiple=True,
    default=MODES,
    show_default=True,
    type=click.Choice(MODES),
    help="What is measured; may be given several times.",
)
@bm25_weight_option
@plan_options
@cluster_options
@encoder_option
@query_path_option
@json_option
def command(
    index: str,
    folder: Path,
    modes: tuple[str, ...],
    bm25_weight: float,
    plan: PlanOptions,
    connection: Connection,
    encoder_folder: Path,
    table_queries: bool,
    as_json: bool,
) -> None:
    """Measure nDCG@10, MRR@10 and recall@100 on a judged collection.

    MRR@10 is called RR@10, as ir-measures calls it. A document is relevant from grade 1 on. p is that of a paired
    randomization test: how often chance alone makes nDCG@10 differ so much from that of the first mode.

    A query that is a document of the collection itself, as in ArguAna and Quora, does not find that one, as by BEIR: a
    document with the query's id that is not judged relevant to it and, where the id is a number, has the query's text.

    \b
    Example:
      csplade ingest scifact --index scifact
      csplade evaluate --index scifact --collection scifact
      csplade evaluate --index scifact --collection scifact --mode sparse --json
      csplade evaluate --index scifact --collection scifact --mode hybrid --fusion rrf --phases two
      csplade evaluate --index scifact --collection scifact --query-path table
    """
    require_ir_measures()
    collection = read_collection(folder)
    chosen = [Mode(mode) for mode in dict.fromkeys(modes)]
    encoder = encoder_folder if any(mode.needs_vector for mode in chosen) else None
    client = open_cluster(connection)
    asked = [QueryOptions(mode, (), bm25_weight, plan) for mode in chosen]
    contract = None if encoder is None else read_contract(encoder)
    asked = for_index(client, index, asked, contract)
    _check_documents(client, index, collection)
    collection = find_own_documents(client, [index], collection)
    questions = _questions(collection, encoder, table_queries)
    each = {options.mode.value: _measure(client, index, collection, questions, options) for options in asked}
    results = _with_chance(each)
    if as_json:
        print_json(results)
    else:
        rows = [(mode, *(found[name] for name in MEASURES), found.get("p", "")) for mode, found in results.items()]
        print_table("", ("mode", *MEASURES, "p"), rows)
    _tell(collection)


def _with_chance(measured: dict[str, dict[str, list[float]]]) -> dict[str, dict[str, float]]:
    """Return the means of each mode and, of all but the first, whether its nDCG@10 differs from the first's."""
    first, *others = measured
    results = {mode: means(each) for mode, each in measured.items()}
    for mode in others:
        results[mode]["p"] = randomization(measured[first][MEASURES[0]], measured[mode][MEASURES[0]])
    return results


def _check_documents(client: "OpenSearch", index: str, collection: Collection) -> None:
    """Look whether the index holds the judged documents, or measures would tell about something else."""
    from csplade.integration.search import count_known

    judged = collection.documents
    known = count_known(client, index, judged)
    if not known:
        raise SourceError(
            f"the index {index!r} holds none of the judged documents ({len(judged)}): ingest the collection's corpus "
            "into it, or name the index that holds it"
        )
    if known < len(judged):
        others = "the other counts" if known == len(judged) - 1 else "the others count"
        notice(f"The index holds {known} of the {len(judged)} judged documents; {others} as not found.")


def _questions(collection: Collection, encoder_folder: Path | None, by_table: bool) -> list[Question]:
    """Return the judged queries in the order of the collection, with their vectors if there is an encoder."""
    texts = list(collection.queries.values())
    if encoder_folder is None:
        return [Question(text) for text in texts]
    from csplade.pipelines.encode import Encoder
    from csplade.pipelines.encode_options import EncodeOptions

    encoder = Encoder.open(encoder_folder, EncodeOptions(table_queries=by_table))
    vectors = _watched(encoder.queries(texts), len(texts), "encode")
    questions = [Question(text, vector) for text, vector in zip(texts, vectors, strict=True)]
    tell_cut_queries(encoder)
    return questions


def _measure(
    client: "OpenSearch", index: str, collection: Collection, questions: list[Question], options: QueryOptions
) -> dict[str, list[float]]:
    from csplade.integration.search import search_many

    pruned = sum(planned(question, options).dropped > 0 for question in questions)
    if pruned:
        of_all = f"of {number_of(len(questions), 'query', 'queries')}"
        told = number_of(pruned, f"{of_all} has more terms than are", f"{of_all} have more terms than are")
        notice(f"{told} sent; see --max-clauses.")
    found = search_many(client, index, questions, options, ASKED_DEPTH)
    rankings = {
        query: order(((hit.id, hit.score) for hit in hits), without=collection.own_document(query))
        for query, hits in zip(collection.queries, _watched(found, len(questions), options.mode.value), strict=True)
    }
    return measure_each(collection.judgments, rankings)


def _watched(items: Iterable[_Item], total: int, what: str) -> Iterator[_Item]:
    """Pass items through behind a progress bar."""
    from tqdm import tqdm

    # disable=None: no bar where standard error is not a terminal.
    yield from tqdm(items, desc=what, total=total, unit=" queries", disable=None, file=sys.stderr)


def _tell(collection: Collection) -> None:
    if collection.without_text:
        told = number_of(collection.without_text, "judged query was", "judged queries were")
        notice(f"{told} left out: no text in the collection.")
    if collection.hopeless:
        of_all = f"of {number_of(len(collection.queries), 'query', 'queries')}"
        forms = (f"{of_all} has no relevant document and counts", f"{of_all} have no relevant document and count")
        notice(f"{number_of(collection.hopeless, *forms)} as 0.")
