"""The log of a training: one JSON object per step in `log.jsonl`, and measurements on a development collection.

{"step": number, "losses": {part: number, "total": number}, "learning_rate": number, "document_terms": number,
 "query_terms": number, ..., "seconds": number, "tokens_per_second": number}
{"step": number, "development": {"nDCG@10": number, ...}}
"""

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from csplade.pipelines.errors import SourceError
from csplade.pipelines.jsonl import Record, read_jsonl, write_line
from csplade.pipelines.whole_file import replace_bytes

LOG_FILE = "log.jsonl"


class TrainingLog:
    """Writes the lines of one run; to be used in a `with` statement."""

    def __init__(self, path: Path, from_step: int = 0) -> None:
        """Open for appending; lines of steps after `from_step`, which will be done again, are taken out first."""
        self._path = path
        kept = [write_line(line) for line in read_log(path) if line["step"] <= from_step] if path.exists() else []
        replace_bytes(path, b"".join(kept))
        self._file = path.open("ab")

    def __enter__(self) -> "TrainingLog":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def write(self, line: Mapping[str, Any]) -> None:  # Any: JSON values
        """Append one line and have it on disk at once, for whoever watches."""
        self._file.write(write_line(dict(line)))
        self._file.flush()


def read_log(path: Path) -> list[dict[str, Any]]:  # Any: JSON values
    """Return the lines of a log; a last line that a killed run left half is passed over.

    Raises:
        SourceError: the file cannot be read, or a line is no line of a log.
    """
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise SourceError(f"{path} cannot be read ({error}): check the file") from error
    found = []
    for record in read_jsonl(lines):
        if isinstance(record, Record) and isinstance(record.value.get("step"), int):
            found.append(dict(record.value))
        elif record.line < len(lines):
            raise SourceError(f"{path} line {record.line} is no line of a training's log: delete it")
    return found
