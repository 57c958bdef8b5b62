"""`csplade ingest`: documents from a file into an index, encoded on the way."""

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click
from csplade.commands.connection import Connection, cluster_options, open_cluster
from csplade.commands.options import encoder_option, index_option, json_option
from csplade.commands.output import notice, print_json, print_table
from csplade.pipelines.errors import CspladeError, SourceError, UsageError

if TYPE_CHECKING:
    from csplade.integration.documents import Document, RecordOptions, Rejected
    from csplade.integration.encoder import Encoder
    from csplade.integration.ingest import IngestOptions, IngestReport
    from csplade.integration.survey import DuplicateCounter
    from csplade.pipelines.sources import Source
    from opensearchpy import OpenSearch


@dataclass(frozen=True)
class _Plan:
    """The documents to come, and what is known of them before."""

    documents: "Iterable[Document | Rejected]"
    total: int | None
    """None: standard input or a pipe, which cannot be counted beforehand."""
    seen: "DuplicateCounter"


@click.command("ingest")
@click.argument("source")
@index_option
@click.option("--id-field", default=None, metavar="NAME", help="The field that holds the id. Default: _id, else id.")
@click.option(
    "--text-fields",
    default="title,text",
    show_default=True,
    metavar="NAMES",
    help="The fields that are searched, joined in this order; a title may be missing.",
)
@click.option("--analyzer", default=None, help="The cluster's analyzer for BM25, of a new index. Default: english.")
@click.option("--shards", default=1, show_default=True, type=click.IntRange(1, 1024), help="Shards of a new index.")
@click.option(
    "--replicas",
    default=None,
    type=click.IntRange(0, 10),
    help="Replicas of a new index. Default: 1 as soon as a second node can hold it, on a single node none.",
)
@click.option(
    "--on-bad-record",
    default="stop",
    show_default=True,
    type=click.Choice(["stop", "skip"]),
    help="Refuse the whole source for a record that cannot be used, or write it to the dead letters and go on.",
)
@click.option(
    "--dead-letters",
    default=None,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Where documents that failed are written. Default: INDEX.failed.jsonl, with a number if that is taken.",
)
@click.option(
    "--batch", default=200, show_default=True, type=click.IntRange(1, 10_000), help="Documents per bulk request."
)
@click.option(
    "--calibrate",
    is_flag=True,
    help="Afterwards, measure what good hits score in the index, for `csplade query --fusion normalized`.",
)
@cluster_options
@encoder_option
@json_option
def command(
    source: str,
    index: str,
    id_field: str | None,
    text_fields: str,
    analyzer: str | None,
    shards: int,
    replicas: int | None,
    on_bad_record: str,
    dead_letters: Path | None,
    batch: int,
    calibrate: bool,
    connection: Connection,
    encoder_folder: Path,
    as_json: bool,
) -> None:
    """Encode the documents of SOURCE and index them.

    SOURCE is a file of JSON lines or a CSV file (.gz as well), a BEIR folder, or - for JSON lines on standard input.
    A source with a bad record is refused before anything is created. Ids are stable: the same command, run again
    after a stop, gives the same index.

    \b
    Example:
      csplade ingest articles.jsonl --index articles
      csplade ingest articles.csv --index articles --id-field number --text-fields title,body
      zcat articles.jsonl.gz | csplade ingest - --index articles
    """
    from csplade.integration.dead_letters import choose_path
    from csplade.integration.index import check_name
    from csplade.integration.ingest import IngestOptions
    from csplade.pipelines.encode import Encoder
    from csplade.pipelines.sources import find_source

    check_name(index)
    records = _record_options(id_field, text_fields)
    options = IngestOptions(index, choose_path(dead_letters, index), dead_letters is None, batch)
    origin = find_source(source)
    encoder = Encoder.open(encoder_folder)
    plan = _plan(origin, records, skip=on_bad_record == "skip")
    client = open_cluster(connection)
    _prepare(client, index, encoder, analyzer, shards, replicas)
    report = _stream(client, encoder, plan, options)
    if calibrate:
        _calibrate(client, index, encoder)
    _print(report, plan.seen.count, index, as_json)
    if report.failed:
        raise SourceError(
            f"{report.failed} of {report.read} documents failed (the first: {report.first_reason}): mend them in "
            f"{report.dead_letters} and ingest that file"
        )


def _record_options(id_field: str | None, text_fields: str) -> "RecordOptions":
    from csplade.integration.documents import RecordOptions

    names = tuple(name.strip() for name in text_fields.split(","))
    if not all(names):
        raise UsageError(f"--text-fields {text_fields!r} must be names with commas between them, like title,body")
    return RecordOptions(id_field, names)


def _plan(origin: "Source", options: "RecordOptions", skip: bool) -> _Plan:
    """Look over the source, as far as it can be read twice."""
    from csplade.integration.documents import read_documents
    from csplade.integration.survey import DuplicateCounter, all_usable, begun, survey

    def read() -> "Iterable[Document | Rejected]":
        documents = read_documents(origin.records(), options)
        return documents if skip else all_usable(documents, origin.name)

    seen = DuplicateCounter()
    if not origin.rereadable:
        return _Plan(seen.watch(begun(read(), origin.name)), None, seen)
    found = survey(read(), origin.name)
    return _Plan(seen.watch(read()), found.documents + found.rejected, seen)


def _prepare(
    client: "OpenSearch", index: str, encoder: "Encoder", analyzer: str | None, shards: int, replicas: int | None
) -> None:
    """Create the index, or check that the one there fits."""
    from csplade.integration.index import IndexState, check_analyzer, check_index, create_index
    from csplade.integration.templates import DEFAULT_ANALYZER, IndexOptions

    if check_index(client, index, encoder.contract) is IndexState.MISSING:
        settings = IndexOptions(analyzer or DEFAULT_ANALYZER, shards, replicas)
        create_index(client, index, encoder.contract, settings)
    elif analyzer is not None:
        check_analyzer(client, index, analyzer)


def _stream(client: "OpenSearch", encoder: "Encoder", plan: _Plan, options: "IngestOptions") -> "IngestReport":
    """Ingest behind a progress bar; whatever stops it, say how far it came."""
    from csplade.integration.ingest import IngestReport, ingest
    from tqdm import tqdm

    latest = IngestReport(0, 0, 0, 0.0)
    # disable=None: no bar where standard error is not a terminal.
    with tqdm(total=plan.total, unit=" documents", disable=None, file=sys.stderr) as bar:

        def show(report: IngestReport) -> None:
            nonlocal latest
            latest = report
            bar.update(report.read - bar.n)

        try:
            return ingest(client, encoder, plan.documents, options, show)
        except (CspladeError, KeyboardInterrupt):
            bar.close()
            notice(
                f"{latest.indexed} documents are indexed. Run again, the same command begins with the first document; "
                "that is safe, as each replaces itself."
            )
            raise


def _calibrate(client: "OpenSearch", index: str, encoder: "Encoder") -> None:
    from csplade.integration.calibrate import calibrate
    from csplade.integration.index import require_index

    scales = calibrate(client, index, encoder, require_index(client, index, encoder.contract))
    notice(f"A good hit scores {scales.sparse:.4g} by terms and {scales.bm25:.4g} by BM25; the index keeps both.")


def _print(report: "IngestReport", duplicates: int, index: str, as_json: bool) -> None:
    speed = report.read / report.seconds if report.seconds else 0.0
    if as_json:
        print_json(
            {
                "index": index,
                **{name: getattr(report, name) for name in ("read", "indexed", "failed", "seconds")},
                "documents_per_second": speed,
                "duplicates": duplicates,
                "dead_letters": None if report.dead_letters is None else str(report.dead_letters),
            }
        )
    else:
        row = (index, report.indexed, report.failed, f"{report.seconds:.1f}", f"{speed:.1f}")
        print_table("", ("index", "indexed", "failed", "seconds", "documents/s"), [row])
    if duplicates:
        notice(f"{duplicates} documents had an id that came before: the index keeps the later one.")
