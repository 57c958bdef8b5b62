"""What a command line names: wrong usage, told before anything is read, if it is not there or would do nothing."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import click
from click.core import ParameterSource
from csplade.pipelines.errors import UsageError
from csplade.pipelines.sources import STDIN


@dataclass(frozen=True)
class OnlyWith:
    """An option that something looks at only where another has one of some values; both by parameter."""

    option: str
    other: str
    values: tuple[str, ...]


def check_looked_at(options: Iterable[OnlyWith]) -> None:
    """Refuse options of the command that runs which were given though nothing would look at them.

    Raises:
        UsageError: one was.
    """
    context = click.get_current_context()
    for each in options:
        given = context.get_parameter_source(each.option) is ParameterSource.COMMANDLINE
        if given and context.params[each.other] not in each.values:
            option, other = (f"--{name.replace('_', '-')}" for name in (each.option, each.other))
            raise UsageError(
                f"{option} {context.params[each.option]} does nothing with {other} {context.params[each.other]}: leave "
                f"it out, or take {other} {' or '.join(each.values)}"
            )


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
