"""`csplade encode` in this process: from sources to one output, behind a progress bar."""

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
from csplade.commands.encode_choices import DOCUMENT, EncodeChoices
from csplade.commands.output import notice, print_json, print_table
from csplade.commands.records import Plan, find_sources, plan_all
from csplade.integration.dead_letters import DeadLetters, Mark, choose_path
from csplade.integration.documents import Document, Rejected, dead_letter
from csplade.pipelines.contract import read_contract
from csplade.pipelines.encode_lines import vector_line, whole_of
from csplade.pipelines.encode_many import open_for_many
from csplade.pipelines.encode_output import Job, PartFile
from csplade.pipelines.encode_parquet import require_parquet, to_parquet
from csplade.pipelines.encode_processor import said
from csplade.pipelines.encode_records import with_vectors
from csplade.pipelines.errors import SourceError
from csplade.pipelines.number_of import number_of
from csplade.pipelines.sparse import SparseVector
from csplade.pipelines.stopping import StopSignal

if TYPE_CHECKING:
    from csplade.pipelines.encode import Encoder

_COMMAND = "encode"
"""Names the dead letters, where nobody did."""


@dataclass
class _Summary:
    """What a run has done."""

    read: int = 0
    written: int = 0
    skipped: int = 0
    """Written by an earlier run that this one continues."""
    failed: int = 0
    first_reason: str = ""
    dead_letters: Path | None = None


@dataclass(frozen=True)
class _Outputs:
    """Where the records of a run go."""

    part: PartFile | None
    """None: vectors go to standard output."""
    dead: DeadLetters

    def write(self, line: bytes) -> None:
        """Write the line of a record."""
        if self.part is None:
            sys.stdout.buffer.write(line)
        else:
            self.part.append(line)

    def reject(self, record: Document | Rejected, reason: str) -> None:
        """Write a record that gets no line; the job knows the file for them, before another run meets it."""
        if not self.dead.count:
            self.dead.begin()
            if self.part is not None:
                self.part.name_dead_letters(self.dead.path, dead_letter(record, reason))
        self.dead.add(record, reason)


def encode_here(arguments: Sequence[str], choices: EncodeChoices, folder: Path, as_json: bool) -> None:
    """Encode all sources, print the summary.

    Raises:
        SourceError: a record cannot be used, or the output cannot be written.
        UsageError: sources and output do not fit together.
    """
    sources = find_sources(arguments, choices.format, choices.delimiter)
    if choices.as_parquet:
        require_parquet()
    contract = read_contract(folder)
    planned = plan_all(sources, choices.records, choices.skip)
    began = time.monotonic()
    with ExitStack() as stack:
        part = None
        if choices.output is not None:
            digests = [source.digest() for source in sources]
            job = Job(tuple(filter(None, digests)) if all(digests) else (), contract.fingerprint, choices.deciding)
            part = stack.enter_context(PartFile.open(choices.output, job, choices.force))
            _tell_resumed(part)
        dead = stack.enter_context(_dead_letters(choices, part))
        encoder = open_for_many(folder, choices.options, choices.lanes)
        # A stop inside a lock of the encoder's threads could leave it locked; and a pipe may have nothing to read.
        files = all(source.rereadable for source in sources)
        with StopSignal() if files else nullcontext() as stop:
            summary = _encode(encoder, planned, _Outputs(part, dead), choices, stop)
        if part is not None:
            part.finish(to_parquet if choices.as_parquet else None)
    _print(summary, encoder, choices, time.monotonic() - began, as_json)
    if summary.failed:
        of_all = f"of {number_of(summary.read, 'record')}"
        raise SourceError(
            f"{number_of(summary.failed, f'{of_all} has', f'{of_all} have')} no vector (the first: "
            f"{summary.first_reason}): mend them in {summary.dead_letters} and encode that file"
        )


def _dead_letters(choices: EncodeChoices, part: PartFile | None) -> DeadLetters:
    """Return the dead letters of a run, not begun; of a job that is gone on with, its own, begun anew.

    All its records without a vector are met once more, as only those with one are passed over.

    Raises:
        SourceError: its own cannot be written.
        UsageError: the file that was asked for is not the job's own and exists, or could not be written.
    """
    asked, known = choices.dead_letters, None if part is None else part.dead_letters
    # Moved away, it may have left its name to the dead letters of others.
    own = known.path if known is not None and known.is_there() else None
    resuming = own is not None and (asked is None or asked.resolve() == own)
    # Nobody asked for a file that perhaps no record needs, as records are looked over before.
    path = choose_path(asked, _COMMAND, resuming) if asked or choices.skip else Path(f"{_COMMAND}.failed.jsonl")
    dead = DeadLetters(path, numbered=asked is None)
    if own is not None and resuming:
        dead.resume(Mark(str(own), size=0, count=0, first=""))
    return dead


def _tell_resumed(part: PartFile) -> None:
    if part.lines:
        notice(f"Going on behind the {number_of(part.lines, 'vector')} of {part.path}; delete that file to begin anew.")


def _encode(
    encoder: "Encoder",
    planned: Plan,
    outputs: _Outputs,
    choices: EncodeChoices,
    stop: StopSignal | None,
) -> _Summary:
    """Encode and write all; whatever stops it, say what is left and how it goes on."""
    from tqdm import tqdm

    part, dead = outputs.part, outputs.dead
    summary = _Summary(skipped=part.lines if part else 0)
    # disable=None: no bar where standard error is not a terminal.
    with tqdm(total=planned.total, unit=" texts", disable=None, file=sys.stderr) as bar:
        fresh = _fresh(planned, summary, choices, stop)
        encode = encoder.documents if choices.role == DOCUMENT else encoder.queries
        try:
            for record, vector in with_vectors(fresh, _text, encode):
                _take(summary, outputs, record, vector, choices)
                bar.update(summary.read - bar.n)
                _check(stop)
        except BaseException:
            bar.close()
            if part is not None:
                part.recount()
                notice(_left(part))
            raise
    summary.dead_letters = dead.path if dead.count else None
    summary.failed, summary.first_reason = dead.count, dead.first_reason
    return summary


def _left(part: PartFile) -> str:
    """Return what a run that ends early leaves, and how it goes on."""
    if not part.kept:
        return f"No vector was written yet, so that {part.path} is not kept: run it again from the beginning."
    there = number_of(part.lines, "vector is", "vectors are")
    if part.lasting:
        return f"{there} in {part.path}. Run again, the same command goes on from there."
    return (
        f"{there} in {part.path}. Standard input cannot be gone on with: move that file away, or add "
        "--force, and run it again from the beginning."
    )


def _check(stop: StopSignal | None) -> None:
    if stop is not None and stop.asked:
        raise KeyboardInterrupt


def _fresh(
    planned: Plan, summary: _Summary, choices: EncodeChoices, stop: StopSignal | None
) -> Iterator[Document | Rejected]:
    """Pass over the texts whose vectors an earlier run has written."""
    settled = summary.skipped
    for record in planned.documents:
        _check(stop)
        if settled and isinstance(record, Document) and _expressible(record, choices):
            settled -= 1
            summary.read += 1
        else:
            yield record


def _text(record: Document | Rejected) -> str | None:
    return record.text if isinstance(record, Document) else None


def _expressible(document: Document, choices: EncodeChoices) -> bool:
    try:
        return bool(vector_line(document.id, SparseVector(), whole_of(document.record, choices.kept_vector)))
    except TypeError:
        return False


def _take(
    summary: _Summary,
    outputs: _Outputs,
    record: Document | Rejected,
    vector: SparseVector | None,
    choices: EncodeChoices,
) -> None:
    """Write the line of a record, or the record to the dead letters."""
    summary.read += 1
    if isinstance(record, Rejected) or vector is None:
        reason = record.sentence if isinstance(record, Rejected) else "has no vector"
        outputs.reject(record, reason)
        return
    try:
        line = vector_line(record.id, vector, whole_of(record.record, choices.kept_vector))
    except TypeError as error:
        outputs.reject(record, f"cannot be written as JSON ({error}): correct its fields")
        return
    outputs.write(line)
    summary.written += 1


def _print(summary: _Summary, encoder: "Encoder", choices: EncodeChoices, seconds: float, as_json: bool) -> None:
    counts = encoder.counts
    numbers = {
        **{name: getattr(summary, name) for name in ("read", "written", "skipped", "failed")},
        **{name: getattr(counts, name) for name in ("cut", "passages", "tokens")},
        "seconds": round(seconds, 2),
        "texts_per_second": round(counts.texts / seconds, 2) if seconds else 0.0,
    }
    if as_json:
        dead = None if summary.dead_letters is None else str(summary.dead_letters)
        where = None if choices.output is None else str(choices.output)
        shown = {"output": where, **numbers, "runs_on": encoder.runs_on, "dead_letters": dead}
        if choices.output is None:
            # Standard output holds the vectors.
            notice(orjson.dumps(shown).decode())
        else:
            print_json(shown)
        return
    if choices.output is None:
        notice(", ".join(f"{name.replace('_', ' ')} {value}" for name, value in numbers.items()))
    else:
        print_table("", ("output", *numbers), [(str(choices.output), *map(str, numbers.values()))])
    notice(f"It ran on {said(encoder.runs_on)}.")
    if summary.written and choices.long_texts is None:
        tell_cut(counts.cut, choices.role)


def tell_cut(texts: int, role: str) -> None:
    """Say of how many texts the model did not see all, where they were not read in passages."""
    step = "--stride reads texts whole, more slowly" if role == DOCUMENT else "queries are always cut"
    if texts:
        notice(f"Of {number_of(texts, 'text')} the model did not see the end: {step}.")
