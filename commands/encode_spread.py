"""`csplade encode --engine ray`: many encoders, and a folder with a file of vectors for each block of records."""

import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from csplade.commands.encode_choices import BLOCK, EncodeChoices
from csplade.commands.encode_run import tell_cut
from csplade.commands.engine_options import tell_workers
from csplade.commands.output import notice, print_json, print_table
from csplade.commands.records import count_records, find_sources
from csplade.integration.documents import Document, RecordOptions, dead_letter, read_documents
from csplade.pipelines.contract import check_files, read_contract
from csplade.pipelines.encode_blocks import (
    Block,
    BlockReport,
    Entry,
    Unusable,
    finished,
    plan_blocks,
)
from csplade.pipelines.encode_folder import claim_folder, files_to_replace
from csplade.pipelines.encode_lines import vector_line, whole_of
from csplade.pipelines.encode_many import worker_texts
from csplade.pipelines.encode_output import Job
from csplade.pipelines.encode_parquet import require_parquet
from csplade.pipelines.encode_ray import Work, Workers, check_opens, encode_blocks, ray_cluster, require_ray
from csplade.pipelines.errors import SourceError, UsageError
from csplade.pipelines.graph import Role
from csplade.pipelines.jsonl import Record, Unreadable
from csplade.pipelines.number_of import number_of
from csplade.pipelines.sources import Source
from csplade.pipelines.sparse import SparseVector


@dataclass(frozen=True)
class _Plan:
    """The blocks of a run, and the folder for them."""

    output: Path
    job: Job
    blocks: Sequence[Block]
    replaced: Sequence[Path]
    """Files of another job that are in the folder: they go when a worker has opened the encoder."""

    def finished(self) -> list[BlockReport]:
        """Return what became of blocks in earlier runs of the job."""
        return [] if self.replaced else [report for report in map(finished, self.blocks) if report is not None]

    def left(self) -> list[Block]:
        """Return the blocks that are to be done."""
        return [block for block in self.blocks if self.replaced or not block.output.exists()]


def encode_on_ray(arguments: Sequence[str], choices: EncodeChoices, folder: Path, as_json: bool) -> None:
    """Encode all sources, print the summary.

    Raises:
        SourceError: a record cannot be used, or a source cannot be read again.
        UsageError: sources, output and options do not fit together.
        MissingExtraError: ray is not installed.
    """
    require_ray()
    if choices.output is None:
        raise UsageError("--engine ray writes a folder with a file for each block: name one with --output")
    if choices.as_parquet:
        require_parquet()
    check_files(folder, contract := read_contract(folder))
    sources, output = _sources(arguments, choices), choices.output.resolve()
    plan = _planned(sources, output, choices, contract.fingerprint)
    before = plan.finished()
    if before:
        notice(f"Of {number_of(len(plan.blocks), 'block')} {len(before)} had been finished before.")
    began = time.monotonic()
    read = partial(entries, options=choices.records)
    run = worker_texts(choices.options, choices.pool.gpus, choices.lanes or 1)
    work = Work(folder.resolve(), run, Role[choices.role.upper()], read, plan.left())
    now = _on_cluster(work, choices.pool, plan) if work.blocks else []
    _print(output, before, now, len(plan.blocks), time.monotonic() - began, as_json)
    if choices.long_texts is None and not as_json:
        tell_cut(sum(report.cut for report in now), choices.role)
    if failed := sum(report.failed for report in (*before, *now)):
        raise SourceError(
            f"{number_of(failed, 'record has', 'records have')} no vector: mend them in {output}/_*.failed.jsonl and "
            "encode those files"
        )


def _sources(arguments: Sequence[str], choices: EncodeChoices) -> list[Source]:
    """Return the sources at paths that hold on every node."""
    found = find_sources(arguments, choices.format, choices.delimiter)
    for source in found:
        if source.path is None or not source.rereadable:
            raise UsageError(f"{source.name} can be read only once, and each worker reads its part: name a file")
    return [replace(source, path=source.path and source.path.resolve()) for source in found]


def _planned(sources: Sequence[Source], output: Path, choices: EncodeChoices, fingerprint: str) -> _Plan:
    """Cut the sources into blocks, and look at the folder for them."""
    size = choices.block or BLOCK
    counts = count_records(sources, choices.records, choices.skip)
    blocks = plan_blocks(list(zip(sources, counts, strict=True)), size, output)
    digests = tuple(source.digest() or "" for source in sources)
    job = Job(digests, fingerprint, f"{choices.deciding} {size}")
    return _Plan(output, job, blocks, files_to_replace(output, job, choices.force))


def entries(records: Iterable[Record | Unreadable], name: str, options: RecordOptions) -> Iterator[Entry | Unusable]:
    """Read records of a source as a worker does; one that JSON cannot express is of use only without its fields."""
    for record in read_documents(records, options):
        if not isinstance(record, Document):
            yield Unusable(dead_letter(record, f"{name} {record.sentence}"))
            continue
        entry = Entry(record.id, record.text, whole_of(record.record, options.vector_field))
        try:
            vector_line(entry.id, SparseVector(), entry.whole)
        except TypeError as error:
            yield Unusable(dead_letter(record, f"cannot be written as JSON ({error}): correct its fields"))
        else:
            yield entry


def _on_cluster(work: Work, workers: Workers, plan: _Plan) -> list[BlockReport]:
    """Take the folder, after all that may refuse the run, and encode."""
    with ray_cluster():
        workers.check_gpus(workers.started(work))
        if plan.replaced:
            check_opens(work, workers)
        claim_folder(plan.output, plan.job, plan.replaced)
        return _run(work, workers)


def _run(work: Work, workers: Workers) -> list[BlockReport]:
    """Encode behind a progress bar; whatever stops it, say how it goes on."""
    from tqdm import tqdm

    reports: list[BlockReport] = []
    with tqdm(total=len(work.blocks), unit=" blocks", disable=None, file=sys.stderr) as bar:
        try:
            for report in encode_blocks(work, workers):
                reports.append(report)
                bar.update()
        except BaseException:
            bar.close()
            notice(f"{_finished_of(work.blocks)} blocks were finished. Run again, the same command does the others.")
            raise
    return reports


def _finished_of(blocks: Sequence[Block]) -> int:
    return sum(block.output.exists() for block in blocks)


def _print(
    output: Path, before: Sequence[BlockReport], now: Sequence[BlockReport], blocks: int, seconds: float, as_json: bool
) -> None:
    numbers = {
        "blocks": blocks,
        "written": sum(report.written for report in now),
        "skipped": sum(report.written for report in before),
        "failed": sum(report.failed for report in (*before, *now)),
        "cut": sum(report.cut for report in now),
        "seconds": round(seconds, 2),
    }
    # All workers have the same device, or say that they cannot have it.
    runs_on = now[0].runs_on if now else ()
    if as_json:
        print_json({"output": str(output), **numbers, "runs_on": runs_on or None})
        return
    print_table("", ("output", *numbers), [(str(output), *map(str, numbers.values()))])
    if runs_on:
        notice(tell_workers(runs_on))
