"""Files and folders that a command line names: wrong usage, told before anything is read, if they are not there."""

from collections.abc import Iterable
from pathlib import Path

from csplade.pipelines.errors import UsageError
from csplade.pipelines.sources import STDIN


def check_files(paths: Iterable[Path]) -> None:
    """Look for files that are to be read; - is standard input.

    Raises:
        UsageError: one is not there.
    """
    for path in paths:
        if str(path) != STDIN and not path.exists():
            raise UsageError(f"there is no file {path}: correct the path, or use - for standard input")


def check_folder(path: Path | None, option: str) -> None:
    """Look for a folder that an option names, if it does.

    Raises:
        UsageError: there is no such folder.
    """
    if path is not None and not path.is_dir():
        raise UsageError(f"there is no folder {path}: correct {option}")
