"""The errors a user can meet, as one tree; only the command line turns them into an exit code.

CspladeError
  UsageError          the request itself is wrong (exit code 2)
  SourceError         an input file or one of its records cannot be used
  EncoderError        an encoder folder is incomplete, damaged or of another version
  TrainingError       a training cannot go on
  MissingExtraError   an optional dependency is not installed
  ClusterError        defined in `csplade.integration.errors`, with its own branches
"""


class CspladeError(Exception):
    """Base of every error that csplade raises on purpose; its text is one sentence with the next step."""

    exit_code = 1


class UsageError(CspladeError):
    """The request cannot be carried out as asked."""

    exit_code = 2


class SourceError(CspladeError):
    """An input file, or one record of it, cannot be used."""


class EncoderError(CspladeError):
    """An encoder folder is incomplete, damaged or written by another version."""


class TrainingError(CspladeError):
    """A training cannot go on; its last checkpoint is as good as before."""


class MissingExtraError(CspladeError):
    """An optional dependency is not installed."""

    def __init__(self, module: str, extra: str) -> None:
        super().__init__(f"this needs the package {module!r}: install it with  pip install 'csplade[{extra}]'")
