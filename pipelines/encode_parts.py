"""The folder with a file of vectors for each block: whose job it is, and what an earlier run has left of a block.

Names that begin with `_` hold no vectors, and programs that read a folder of Parquet pass over them.
"""

import re
from pathlib import Path

from csplade.pipelines.encode_output import Job
from csplade.pipelines.errors import UsageError
from csplade.pipelines.whole_file import replace_bytes

JOB_FILE = "_job.json"
_FAILED = ".failed.jsonl"
_TRIES = ".tries"
_OURS = re.compile(r"[._]?\d{4,}-\d{10}\.(jsonl|parquet|failed|tries)(\..*)?")
"""A block, what was begun of one, its dead letters and tries."""


def claim_folder(folder: Path, job: Job, force: bool = False) -> None:
    """Make the folder that of the job, which goes on in its own; with `force` delete what another job has written.

    Raises:
        UsageError: it holds something else.
        OSError: it cannot be written.
    """
    folder.mkdir(exist_ok=True)
    told = folder / JOB_FILE
    if told.exists() and told.read_bytes() == job.line:
        return
    found = [path for path in folder.iterdir() if path != told]
    foreign = sorted(path.name for path in found if not _OURS.fullmatch(path.name))
    if foreign:
        raise UsageError(f"{folder} holds {foreign[0]}, which is no file of vectors: name another folder for --output")
    if (found or told.exists()) and not force:
        raise UsageError(f"{folder} holds vectors of another job: name another folder for --output, or add --force")
    # Last, so that a run which is killed here leaves the folder to nobody but --force.
    for path in found:
        path.unlink()
    replace_bytes(told, job.line)


def failed_of(block: Path) -> Path:
    """Return where a block's dead letters are."""
    return block.with_name(f"_{block.stem}{_FAILED}")


def tries_of(block: Path) -> Path:
    """Return where it is counted how often a block was begun by workers that died."""
    return block.with_name(f"_{block.stem}{_TRIES}")
