"""The run of `csplade mine`: examples are asked of the index, and what is found for them is written and counted."""

import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from csplade.commands.output import notice
from csplade.integration.index_facts import facts_of
from csplade.integration.mine import Mined, MineOptions, mine, positives_of
from csplade.integration.mine_job import MineJob
from csplade.integration.mine_output import Earlier, open_output
from csplade.integration.query import Mode, Question
from csplade.pipelines.contract import read_contract
from csplade.pipelines.errors import CspladeError, UsageError
from csplade.pipelines.folder import read_tables
from csplade.pipelines.number_of import number_of
from csplade.pipelines.teacher import BM25, Teacher, open_teacher, parse_specs
from csplade.pipelines.training_data import Example, read_examples
from opensearchpy import OpenSearch


@dataclass(frozen=True)
class MineRun:
    """What a run of `csplade mine` works with."""

    client: OpenSearch
    options: MineOptions
    encoder_folder: Path
    """Opened for the modes that need vectors only."""
    teacher: Teacher | None
    output: Path
    earlier: Earlier | None
    """What an earlier run has written into the output."""
    job: MineJob
    """That of the output's lines."""
    least: int
    """Negatives without which a pair is not written."""


def distinct_examples(paths: Iterable[Path], split: str) -> tuple[list[Example], int]:
    """Return the examples, each pair once, and how many more there were.

    Raises:
        SourceError: a file cannot be read, or a line of it cannot be used.
    """
    read = 0
    distinct: dict[tuple[str, str], Example] = {}
    for example in read_examples(tuple(paths), split):
        read += 1
        distinct.setdefault(_pair(example), example)
    return list(distinct.values()), read - len(distinct)


def for_index(client: OpenSearch, options: MineOptions, encoder_folder: Path) -> MineOptions:
    """Return the options for an index that is there and can be asked by vectors of this encoder.

    Raises:
        CspladeError: it is not, or the cluster or the encoder folder says why not.
    """
    contract = read_contract(encoder_folder) if options.mode.needs_vector else None
    facts = facts_of(client, options.index, contract)
    return replace(options, dialect=facts.dialect, calibration=facts.calibration)


def job_of(options: MineOptions, teachers: tuple[str, ...], encoder_folder: Path) -> MineJob:
    """Return what decides the lines of a run with these options and teachers.

    Raises:
        CspladeError: the encoder is needed and cannot be read.
    """
    kinds = [spec.kind for spec in parse_specs(teachers)] if teachers else []
    needed = options.mode.needs_vector or BM25 in kinds
    # Both look at all hits together: the ranks of two searches, the mean and deviation of a mix.
    together = options.mode is Mode.HYBRID or len(teachers) > 1
    return MineJob(
        index=options.index,
        mode=options.mode.value,
        negatives=options.negatives,
        depth=options.depth if together else None,
        skip_top=options.skip_top,
        teachers=teachers,
        margin=options.margin if teachers else None,
        encoder=read_contract(encoder_folder).fingerprint if needed else None,
    )


def open_mine_teacher(specs: tuple[str, ...], encoder_folder: Path) -> Teacher | None:
    """Open the teacher, None where none is named; BM25 gets the idf of the encoder.

    Raises:
        UsageError: a spec is none, or BM25 is asked for and the encoder has no idf of words.
        CspladeError: a teacher or the encoder folder cannot be opened.
    """
    if not specs:
        return None
    if all(spec.kind != BM25 for spec in parse_specs(specs)):
        return open_teacher(specs)
    literal = read_contract(encoder_folder).literal
    if literal is None:
        raise UsageError(
            f"the teacher bm25 needs idf of words, and {encoder_folder} has none: name another encoder with --encoder "
            "or another teacher"
        )
    return open_teacher(specs, read_tables(encoder_folder).idf, literal.default_idf)


def run_mine(run: MineRun, examples: list[Example]) -> Counter[str]:
    """Write the examples that are not there yet; whatever stops it, say how to go on.

    Returns:
        counts of what was written: `pairs`, their `negatives`, those `without_negatives` and those `short` of what was
        asked for; and of what was not: `dropped` pairs, and `false_negatives` of all.
    """
    done = frozenset() if run.earlier is None else run.earlier.done
    rest = [example for example in examples if _pair(example) not in done]
    asked = _asked(rest, run.encoder_folder if run.options.mode.needs_vector else None)
    found = mine(run.client, asked, positives_of(examples), run.options, run.teacher)
    tally = Counter[str]()
    with open_output(run.output, run.earlier, run.job) as file:
        try:
            for mined in _watched(found, len(rest)):
                kept = len(mined.negatives) >= run.least
                if kept:
                    file.add(mined)
                tally.update(_counts(mined, kept, run.options.negatives))
        except (CspladeError, KeyboardInterrupt):
            written = number_of(tally["pairs"], "pair is", "pairs are")
            notice(f"{written} written. The same command with --resume goes on there.")
            raise
    return tally


def _pair(example: Example) -> tuple[str, str]:
    return example.query, example.documents[0]


def _asked(examples: list[Example], encoder_folder: Path | None) -> Iterator[tuple[Example, Question]]:
    """Give each example its question, with the vector if there is an encoder."""
    if encoder_folder is None:
        yield from ((example, Question(example.query)) for example in examples)
        return
    from csplade.pipelines.encode import Encoder

    vectors = Encoder.open(encoder_folder).queries(example.query for example in examples)
    for example, vector in zip(examples, vectors, strict=True):
        yield example, Question(example.query, vector)


def _counts(mined: Mined, kept: bool, wanted: int) -> dict[str, int]:
    if not kept:
        return {"dropped": 1, "false_negatives": mined.false_negatives}
    return {
        "pairs": 1,
        "negatives": len(mined.negatives),
        "false_negatives": mined.false_negatives,
        "without_negatives": int(not mined.negatives),
        "short": int(len(mined.negatives) < wanted),
    }


def _watched(items: Iterator[Mined], total: int) -> Iterator[Mined]:
    """Pass items through behind a progress bar."""
    from tqdm import tqdm

    # disable=None: no bar where standard error is not a terminal.
    yield from tqdm(items, desc="mine", total=total, unit=" pairs", disable=None, file=sys.stderr)
