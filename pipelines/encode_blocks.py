"""Sources in blocks of records, a file of vectors for each: what many encoders can do beside each other and again.

A block's file has a name that its place decides, and is whole or not there. So a block that was begun twice, because a
worker died, is written once, and a finished one is not done again.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Any, NamedTuple

from csplade.pipelines.encode import Encoder
from csplade.pipelines.encode_lines import vector_line
from csplade.pipelines.encode_output import Job
from csplade.pipelines.encode_records import with_vectors
from csplade.pipelines.errors import SourceError, UsageError
from csplade.pipelines.graph import Role
from csplade.pipelines.sources import Source
from csplade.pipelines.whole_file import replace_bytes, replace_file

JOB_FILE = "job.json"
_FAILED = ".failed.jsonl"


@dataclass(frozen=True, slots=True)
class Entry:
    """A record that can be encoded."""

    id: str
    text: str
    record: Mapping[str, Any] | None  # Any: JSON values
    """The whole of it, if it is to be kept."""


@dataclass(frozen=True, slots=True)
class Unusable:
    """A record that cannot, as a dead letter."""

    letter: bytes


@dataclass(frozen=True)
class Block:
    """Records of a source, from `begin` to before `end`."""

    source: Source
    begin: int
    end: int
    output: Path


class BlockReport(NamedTuple):
    """What became of a block."""

    written: int
    failed: int
    cut: int = 0
    """Texts of which the model did not see the end; those of an earlier run are not known any more."""


Read = Callable[[Source], Iterator[Entry | Unusable]]


def plan_blocks(sources: Sequence[tuple[Source, int]], size: int, folder: Path) -> list[Block]:
    """Cut sources, each with the number of its records, into blocks of at most `size`."""
    return [
        Block(source, begin, min(begin + size, count), folder / f"{number:04}-{begin:010}.jsonl")
        for number, (source, count) in enumerate(sources)
        for begin in range(0, count, size)
    ]


def claim_folder(folder: Path, job: Job) -> None:
    """Make the folder that of the job, which goes on in its own.

    Raises:
        UsageError: it holds something else.
        OSError: it cannot be written.
    """
    folder.mkdir(exist_ok=True)
    told = folder / JOB_FILE
    if told.exists() and told.read_bytes() == job.line:
        return
    if any(folder.iterdir()):
        raise UsageError(f"{folder} holds other files than vectors of this job: name another folder for --output")
    replace_bytes(told, job.line)


def finished(block: Block) -> BlockReport | None:
    """Return what became of a block in an earlier run, None if it is still to be done."""
    if not block.output.exists():
        return None
    failed = _failed_of(block)
    return BlockReport(_lines(block.output), _lines(failed) if failed.exists() else 0)


def encode_block(encoder: Encoder, role: Role, block: Block, read: Read) -> BlockReport:
    """Encode a block and write its file, or write it once more.

    Raises:
        SourceError: the source cannot be read, or holds fewer records than it did; the file cannot be written.
    """
    letters: list[bytes] = []
    written, before = 0, encoder.counts

    def write(file: IO[bytes]) -> None:
        nonlocal written
        for line in _lines_of(encoder, role, _records(block, read), letters):
            file.write(line)
            written += 1
        if letters:
            # Before the vectors are in their place: a finished block has both.
            replace_bytes(_failed_of(block), b"".join(letters))

    try:
        replace_file(block.output, write, sync=True)
    except OSError as error:
        raise SourceError(f"{block.output} cannot be written ({error.strerror}): make room, run it again") from error
    return BlockReport(written, len(letters), (encoder.counts - before).cut)


def _records(block: Block, read: Read) -> Iterator[Entry | Unusable]:
    found = 0
    for entry in islice(read(block.source), block.begin, block.end):
        found += 1
        yield entry
    if found < block.end - block.begin:
        raise SourceError(
            f"{block.source.name} has {block.begin + found} records, and had {block.end}: run again when it is still"
        )


def _lines_of(
    encoder: Encoder, role: Role, records: Iterable[Entry | Unusable], letters: list[bytes]
) -> Iterator[bytes]:
    encode = encoder.documents if role is Role.DOCUMENT else encoder.queries
    for entry, vector in with_vectors(records, _text, encode):
        if isinstance(entry, Unusable) or vector is None:
            letters.append(entry.letter if isinstance(entry, Unusable) else b"")
        else:
            yield vector_line(entry.id, vector, entry.record)


def _text(entry: Entry | Unusable) -> str | None:
    return entry.text if isinstance(entry, Entry) else None


def _failed_of(block: Block) -> Path:
    return block.output.with_name(block.output.name.removesuffix(".jsonl") + _FAILED)


def _lines(path: Path) -> int:
    with path.open("rb") as file:
        return sum(1 for _ in file)
