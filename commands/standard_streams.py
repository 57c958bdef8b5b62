"""Standard input, output and error as the shell gave them, where one is closed, or takes no more."""

import os
import sys
from typing import TextIO


def open_missing() -> None:
    """Open towards nothing what the program was started without, as by `csplade inspect >&-`; Python has None there.

    Called first, it keeps their numbers from files that are opened later, in this process and in those that it starts.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            # Open until the program ends, as the others are.
            stream = open(os.devnull, mode, encoding="utf-8")  # noqa: SIM115
            os.set_inheritable(stream.fileno(), True)
            setattr(sys, name, stream)


def flush_all() -> None:
    """Write what is still in memory.

    Raises:
        OSError: the disk is full, or the reader of a pipe has gone.
    """
    sys.stdout.flush()
    sys.stderr.flush()


def drop_unwritten() -> None:
    """Give up what could not be written: Python would try again at exit, and end with words and a code of its own."""
    for stream in (sys.stdout, sys.stderr):
        _drop_unwritten(stream)


def _drop_unwritten(stream: TextIO) -> None:
    try:
        stream.flush()
    except (OSError, KeyboardInterrupt):
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, stream.fileno())
        os.close(nothing)
