"""What decides the negatives of a mined pair: FILE.job beside the output tells it, so that lines of two jobs never mix.

It stays beside a finished output, to which more pairs may be added.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson
from csplade.pipelines.differences import as_json, differences
from csplade.pipelines.errors import SourceError, UsageError
from csplade.pipelines.whole_file import replace_bytes


@dataclass(frozen=True)
class MineJob:
    """All that two runs have to have in common; which pairs they read, and which they leave out, may differ."""

    index: str
    mode: str
    negatives: int
    depth: int | None
    """None where a deeper look changes no line that has all its negatives, so that it may follow for the others."""
    skip_top: int
    teachers: tuple[str, ...]
    """Their specs."""
    margin: float | None
    """None without a teacher."""
    encoder: str | None
    """Its fingerprint; None where neither index nor teacher is asked by it."""


def check_job(output: Path, job: MineJob) -> None:
    """Check that the lines of an output were mined by the same job.

    Raises:
        UsageError: by another, or nothing tells by which.
        SourceError: what tells cannot be read.
    """
    told = _told(_job_of(output))
    if told is None:
        raise UsageError(
            f"there is no {_job_of(output)}, which tells how the lines of {output} were mined: put it there again, or, "
            "if an earlier csplade mined them, name another --output"
        )
    if differing := differences(told, as_json(asdict(job))):
        raise UsageError(
            f"{output} was mined otherwise: {'; '.join(differing)}: ask for what it was begun with, or name another "
            "--output"
        )


def write_job(output: Path, job: MineJob) -> None:
    """Tell by which job the lines of an output are mined.

    Raises:
        OSError: it cannot be written.
    """
    replace_bytes(_job_of(output), orjson.dumps(asdict(job), option=orjson.OPT_APPEND_NEWLINE))


def _told(path: Path) -> dict[str, Any] | None:  # Any: JSON values
    try:
        found = orjson.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, orjson.JSONDecodeError) as error:
        raise SourceError(f"{path} cannot be read ({error}): name another --output") from error
    if not isinstance(found, dict):
        raise SourceError(f"{path} was not written by `csplade mine`: name another --output")
    return found


def _job_of(output: Path) -> Path:
    return output.with_name(f"{output.name}.job")
