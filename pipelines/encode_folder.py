"""The folder with a file of vectors for each block: whose job it is, and what an earlier run has left of a block.

Names that begin with `_` hold no vectors, and programs that read a folder of Parquet pass over them.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from csplade.pipelines.encode_output import Job
from csplade.pipelines.errors import EncoderError, UsageError
from csplade.pipelines.whole_file import remove_unfinished, replace_bytes

JOB_FILE = "_job.json"
_FAILED = ".failed.jsonl"
_TRIES = ".tries"
_OURS = re.compile(r"\.?_?\d{4,}-\d{10}\.(jsonl|parquet|failed)(\..*)?|_[-\w]+\.tries|\._job\.json\..*")
"""A block, its dead letters, and what was begun of them; tries of a block, or of a worker; a job that was not named."""
TRIES = 3
"""How many workers may die over the same before a run ends."""
_ABANDONED = 24 * 3600.0
"""Seconds after which a block that was begun is nobody's: the folder has no lock, so another run may be writing it, and
a large model may take hours for a block of Parquet, which is written at its end."""


def files_to_replace(folder: Path, job: Job, force: bool = False) -> list[Path]:
    """Return the files that another job has written, to be deleted with `force`; none where the job has its own folder.

    Raises:
        UsageError: the folder holds something else, or is a file.
        OSError: it cannot be read.
    """
    if folder.is_file():
        raise UsageError(f"{folder} is a file, and Ray's workers write a folder: name another one for --output")
    told = folder / JOB_FILE
    if not folder.exists() or (told.exists() and told.read_bytes() == job.line):
        return []
    found = [path for path in folder.iterdir() if path != told]
    # Other programs too number their files: where no job is told of, none is ours.
    ours = told.exists()
    foreign = sorted(path.name for path in found if not ours or not path.is_file() or not _OURS.fullmatch(path.name))
    if foreign:
        raise UsageError(f"{folder} holds {foreign[0]}, which is no file of vectors: name another folder for --output")
    if ours and not force:
        raise UsageError(f"{folder} holds vectors of another job: name another folder for --output, or add --force")
    return found


def claim_folder(folder: Path, job: Job, replaced: Sequence[Path] = ()) -> None:
    """Make the folder that of the job, which goes on in its own, and delete what `files_to_replace` has found there.

    Killed meanwhile, the folder is still that of the other job, which does again what is gone.

    Raises:
        OSError: it cannot be written.
    """
    folder.mkdir(exist_ok=True)
    for path in replaced:
        path.unlink(missing_ok=True)
    replace_bytes(folder / JOB_FILE, job.line)


def failed_of(block: Path) -> Path:
    """Return where a block's dead letters are."""
    return block.with_name(f"_{block.stem}{_FAILED}")


def tries_of(block: Path) -> Path:
    """Return where it is counted how often a block was begun by workers that died."""
    return block.with_name(f"_{block.stem}{_TRIES}")


def forget_dead(folder: Path) -> None:
    """Delete what dead workers have left: what is counted, no reason to give up now, and blocks begun long ago."""
    remove_unfinished(folder, _ABANDONED)
    for counted in folder.glob(f"_*{_TRIES}"):
        counted.unlink(missing_ok=True)


@contextmanager
def one_try(counted: Path, at: str) -> Iterator[None]:
    """Count a try in a file, for as long as it goes on: only one in which the process dies stays counted.

    Raises:
        EncoderError: `TRIES` processes have died in it; `at` says of them over what, and what to do.
        OSError: the file cannot be written.
    """
    with counted.open("ab") as file:
        died = file.tell()
        file.write(b".")
    try:
        if died >= TRIES:
            raise EncoderError(f"{died} workers died, perhaps for want of memory, {at}")
        yield
    finally:
        counted.unlink(missing_ok=True)
