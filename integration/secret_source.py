"""Where a secret comes from: written down, in a file, in an environment variable, or given by a program.

It is read when it is needed, so that a program that asks a person is not run in vain.
"""

import enum
import logging
import os
import shlex
import stat
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from csplade.pipelines.errors import UsageError

_COMMAND_SECONDS = 120

_logger = logging.getLogger(__name__)


class Form(enum.Enum):
    """How a secret is given; the value is what the name of its setting ends with."""

    VALUE = ""
    FILE = "_file"
    VARIABLE = "_env"
    COMMAND = "_command"


@dataclass(frozen=True)
class SecretSource:
    """Where one secret comes from."""

    setting: str
    """What gives it, as a message names it."""
    form: Form
    given: str = field(repr=False)
    """The secret itself, or the file, the variable, or the command."""
    folder: Path = Path()
    """What the file's path begins at."""
    private: bool = False
    """Whether its file should be closed to others."""

    def read(self, environ: Mapping[str, str]) -> str:
        """Return the secret, without the line break behind it.

        Raises:
            UsageError: it cannot be read, or is empty.
        """
        match self.form:
            case Form.VALUE:
                found = self.given
            case Form.FILE:
                found = self._in_file()
            case Form.VARIABLE:
                found = environ.get(self.given, "")
            case Form.COMMAND:
                found = self._from_command(environ)
        secret = found.rstrip("\r\n")
        if not secret:
            raise UsageError(f"{self.setting} gives an empty secret: correct what it names")
        return secret

    def _in_file(self) -> str:
        path = self.folder / Path(self.given).expanduser()
        try:
            found = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            raise UsageError(f"{self.setting}: {path} cannot be read ({why}): correct it") from None
        if self.private:
            warn_if_open(path)
        return found

    def _from_command(self, environ: Mapping[str, str]) -> str:
        words = _words(self.given, self.setting)
        try:
            # What the program says and asks goes to the terminal; its standard input may be our documents.
            done = subprocess.run(
                words, env=dict(environ), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=_COMMAND_SECONDS
            )
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else error
            raise UsageError(f"{self.setting}: {words[0]} cannot be run ({why}): correct it") from None
        except subprocess.TimeoutExpired:
            # Without the cause, which holds what the program has given so far.
            raise UsageError(
                f"{self.setting}: {words[0]} does not end in {_COMMAND_SECONDS} s: run it by hand"
            ) from None
        if done.returncode:
            raise UsageError(f"{self.setting}: {words[0]} ended with exit code {done.returncode}: run it by hand")
        try:
            return done.stdout.decode()
        except UnicodeDecodeError:
            raise UsageError(f"{self.setting}: what {words[0]} gives is not UTF-8: run it by hand") from None


def warn_if_open(path: Path) -> None:
    """Tell if everybody on this machine can read a file with secrets."""
    # Windows keeps who may read elsewhere.
    if os.name != "nt" and path.stat().st_mode & stat.S_IROTH:
        _logger.warning("Everybody on this machine can read the secrets in %s: chmod 600 it.", path)


def _words(command: str, setting: str) -> list[str]:
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise UsageError(f"{setting} is no command ({error}): correct its quotes") from None
    if not words:
        raise UsageError(f"{setting} is empty: name a program with its arguments")
    return words
