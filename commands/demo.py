"""`csplade demo`: real text, a real server, BM25 beside CSPLADE, measured on judged questions."""

import os
import platform
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click
from csplade.commands.calibrate import calibrate_after
from csplade.commands.connection import Connection, cluster_options, open_cluster
from csplade.commands.options import encoder_option, json_option
from csplade.commands.output import notice, print_json, print_table
from csplade.pipelines.number_of import number_of

if TYPE_CHECKING:
    from csplade.commands.demo_questions import JudgedQuestions
    from csplade.commands.demo_report import Rankings, Report, Work
    from csplade.integration.documents import Document
    from csplade.integration.query import QueryOptions, Question
    from csplade.pipelines.encode import Encoder
    from csplade.pipelines.vector_cache import CachedEncoder
    from opensearchpy import OpenSearch

_LEGEND = "✓ answers the question, ~ helps; judged by hand before any system had answered."
_GO_ON = """\
Go on with
  csplade query "open a file lazily" --index {index} --explain{url}
  csplade ingest documents.jsonl --index articles{url}{stop}"""
_STOP = "\n  csplade node stop"


@click.command("demo")
@click.option(
    "--examples",
    "shown",
    default=6,
    show_default=True,
    type=click.IntRange(min=0),
    metavar="N",
    help="Questions whose hits are shown; taken at even distances from all questions, whatever was found.",
)
@click.option(
    "--analyzer", default="english", show_default=True, help="The cluster's analyzer for BM25; all have standard."
)
@click.option(
    "--open", "opened", is_flag=True, help="Then compare queries of your own in the browser, until Ctrl-C ([serve])."
)
@cluster_options
@encoder_option
@json_option
def command(
    shown: int, analyzer: str, opened: bool, connection: Connection, encoder_folder: Path, as_json: bool
) -> None:
    """See CSPLADE beside BM25 on the Python library's documentation.

    Indexes the documentation strings of this Python's standard library, asks judged questions, shows the hits of BM25
    and CSPLADE side by side, and measures nDCG@10 and MRR@10 of both, of their sum (hybrid) and of CSPLADE without the
    model at search time (queries by table). Starts a search server on this machine unless --url names a cluster. The
    first run takes minutes, later ones find vectors in the cache.

    \b
    Example:
      csplade demo
      csplade demo --examples 20
      csplade demo --open
      csplade demo --url https://host:9200 --json
    """
    from csplade.commands.demo_index import INDEX, documents_of
    from csplade.commands.demo_page import open_page, page_trust
    from csplade.commands.demo_questions import read_questions
    from csplade.commands.demo_report import report_of, to_json
    from csplade.integration.client import address
    from csplade.pipelines.evaluate import require_ir_measures
    from csplade.pipelines.standard_library import read_standard_library

    began = time.monotonic()
    require_ir_measures()
    trust = page_trust(connection) if opened else None
    encoder, by_table = _open_encoders(encoder_folder)
    documents = documents_of(read_standard_library())
    questions = read_questions({document.id for document in documents})
    client = _connect(connection)
    work = _prepare(client, encoder, documents, analyzer)
    calibrate_after(client, INDEX, encoder_folder, len(documents), encoder)
    report = report_of(work, questions, _ask(client, encoder, by_table, questions), shown)
    if as_json:
        about = {"index": INDEX, "url": address(client), "encoder": encoder.contract.name}
        seconds = time.monotonic() - began
        print_json({**about, "python": platform.python_version(), "seconds": seconds, **to_json(report)})
    else:
        _print(report, connection, address(client))
    if trust is not None:
        open_page(client, trust, encoder_folder)


def _open_encoders(folder: Path) -> "tuple[CachedEncoder, Encoder | None]":
    """Open the encoder, and what weighs queries by its table where that is not what it does anyway."""
    from csplade.integration.places import find_places
    from csplade.pipelines.contract import TABLE_QUERIES
    from csplade.pipelines.encode import Encoder
    from csplade.pipelines.encode_many import open_for_many
    from csplade.pipelines.encode_options import EncodeOptions
    from csplade.pipelines.vector_cache import CachedEncoder, VectorCache

    encoder, by_table = open_for_many(folder), None
    if encoder.has_table and encoder.contract.query_path != TABLE_QUERIES:
        by_table = Encoder.open(folder, EncodeOptions(table_queries=True))
    cache = VectorCache.open(find_places(os.environ, None).root / "vectors", encoder.contract.fingerprint)
    if cache.damage:
        notice(f"The kept vectors {cache.path} are damaged ({cache.damage}) and are made again.")
    return CachedEncoder(encoder, cache), by_table


def _connect(connection: Connection) -> "OpenSearch":
    """Open the cluster that was named, else a node on this machine, which is started if it does not run."""
    from csplade.integration.node import NodeOptions, start

    named = connection if connection.named else connection.to(start(NodeOptions(), notice).url)
    return open_cluster(named)


def _prepare(client: "OpenSearch", encoder: "CachedEncoder", documents: "Sequence[Document]", analyzer: str) -> "Work":
    """Have all documents in the index; look at the index first, as encoding takes longer."""
    from csplade.commands.demo_index import is_complete, make_anew

    complete = is_complete(client, encoder.contract, documents, analyzer)
    work = _encode(encoder, documents)
    if not complete:
        make_anew(client, encoder.contract, documents, analyzer)
        _ingest(client, encoder, documents)
    return work


def _encode(encoder: "CachedEncoder", documents: "Sequence[Document]") -> "Work":
    """Encode what is not in the cache, behind a progress bar."""
    from csplade.commands.demo_report import Work
    from tqdm import tqdm

    began = time.monotonic()
    missing = encoder.missing(document.text for document in documents)
    kept = len(documents) - len(missing)
    notice(f"Encoding {len(missing)} documentation strings of Python {platform.python_version()}; {kept} are kept.")
    # closing: what is encoded when somebody stops the program is kept.
    with closing(encoder.documents(missing)) as vectors:
        try:
            # disable=None: no bar where standard error is not a terminal.
            for _ in tqdm(vectors, total=len(missing), unit=" documents", disable=None, file=sys.stderr):
                pass
        except KeyboardInterrupt:
            notice("What is encoded is kept: the same command continues from there.")
            raise
    return Work(len(documents), len(missing), time.monotonic() - began)


def _ingest(client: "OpenSearch", encoder: "CachedEncoder", documents: "Iterable[Document]") -> None:
    from csplade.commands.demo_index import INDEX, settle
    from csplade.integration.errors import ClusterError
    from csplade.integration.ingest import IngestOptions, ingest

    with tempfile.TemporaryDirectory() as folder:
        report = ingest(client, encoder, documents, IngestOptions(INDEX, Path(folder) / "failed.jsonl"))
    if report.failed:
        raise ClusterError(
            f"{report.failed} of {number_of(report.read, 'document')} failed (the first: {report.first_reason}): "
            "look at the cluster's log, or show the demo another cluster with --url"
        )
    settle(client)


def _ask(
    client: "OpenSearch", encoder: "CachedEncoder", by_table: "Encoder | None", judged: "JudgedQuestions"
) -> "dict[str, Rankings]":
    """Ask every question in every mode, and in the mode sparse by table as well."""
    from csplade.commands.demo_index import INDEX
    from csplade.commands.demo_report import TABLE
    from csplade.commands.search_options import for_index
    from csplade.integration.query import Mode, QueryOptions

    texts = [question.text for question in judged.asked]
    notice(f"Asking {len(texts)} questions in {len(Mode)} modes{', and by table' if by_table else ''}.")
    asked = for_index(client, INDEX, [QueryOptions(mode) for mode in Mode], encoder.contract)
    questions = _questions(encoder, texts)
    rankings = {options.mode.value: _rank(client, questions, options) for options in asked}
    if by_table:
        (sparse,) = (options for options in asked if options.mode is Mode.SPARSE)
        rankings[TABLE] = _rank(client, _questions(by_table, texts), sparse)
    return rankings


def _questions(encoder: "CachedEncoder | Encoder", texts: list[str]) -> "list[Question]":
    from csplade.integration.query import Question

    return [Question(text, vector) for text, vector in zip(texts, encoder.queries(texts), strict=True)]


def _rank(client: "OpenSearch", questions: "list[Question]", options: "QueryOptions") -> "Rankings":
    from csplade.commands.demo_index import INDEX
    from csplade.integration.search import search_many
    from csplade.pipelines.evaluate import ASKED_DEPTH, order

    found = search_many(client, INDEX, questions, options, ASKED_DEPTH)
    return {
        question.text: order((hit.id, hit.score) for hit in hits)
        for question, hits in zip(questions, found, strict=True)
    }


def _print(report: "Report", connection: Connection, at: str) -> None:
    from csplade.commands.demo_index import INDEX
    from csplade.commands.demo_report import example_table, measure_table

    asked = len(report.questions.asked)
    if report.examples:
        click.echo(f"{len(report.examples)} of {asked} questions, at even distances. {_LEGEND}\n")
    for question in report.examples:
        print_table(question.text, *example_table(question, report))
    other, same = (len(report.questions.judgments(words)) for words in ("other", "same"))
    title = f"All {asked} questions: {other} in other words than their answers, {same} in the same"
    print_table(title, *measure_table(report))
    click.echo(_work_sentence(report))
    option = (f" --profile {connection.profile}" if connection.profile else f" --url {at}") if connection.named else ""
    click.echo(_GO_ON.format(index=INDEX, url=option, stop="" if connection.named else _STOP))


def _work_sentence(report: "Report") -> str:
    work, questions = report.work, report.questions
    speed = (
        f"{work.encoded} encoded in {work.encode_seconds:.1f} s ({work.speed:.1f}/s)" if work.speed else "none encoded"
    )
    sentence = f"{work.documents} documents, {speed}."
    if questions.missing:
        sentence += (
            f" This Python lacks {len(questions.missing)} of the judged entries; "
            f"{number_of(questions.unanswerable, 'question without an answer is', 'questions without an answer are')} "
            "left out."
        )
    return sentence
