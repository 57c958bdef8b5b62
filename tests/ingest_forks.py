"""`csplade ingest` as a process of its own that starts at once: forked from one that has imported everything."""

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Self

import csplade.commands.ingest
import csplade.integration.given
import csplade.integration.ingest
import csplade.integration.load_settings
import tqdm
from csplade.cli import main
from csplade.pipelines.sparse import SparseVector
from csplade.tests.word_encoder import WordEncoder

# The commands import these only when they need them, which would be anew in each process.
_USED = (csplade.commands.ingest, csplade.integration.given, csplade.integration.ingest)
_USED_BESIDES = (csplade.integration.load_settings, tqdm)

_SECONDS_A_TEXT = 0.001
_CONTEXT = multiprocessing.get_context("forkserver")


class _Slow(WordEncoder):
    @classmethod
    def open(cls, _folder: Path) -> Self:
        return cls()

    def documents(self, texts: Iterable[str]) -> Iterator[SparseVector]:
        for vector in super().documents(texts):
            time.sleep(_SECONDS_A_TEXT)
            yield vector


class Fork:
    """One run in a folder."""

    def __init__(self, folder: Path, arguments: Sequence[object]) -> None:
        _CONTEXT.set_forkserver_preload([__name__])
        self._out, self._err = folder / "out", folder / "err"
        given = ["csplade", "ingest", *map(str, arguments)]
        self._process = _CONTEXT.Process(target=_run, args=(folder, self._out, self._err, given))
        self._process.start()

    def send(self, number: signal.Signals) -> None:
        """Send it a signal; one that has ended does not mind."""
        if self._process.is_alive() and self._process.pid is not None:
            os.kill(self._process.pid, number)

    def ended(self, seconds: float = 60.0) -> int:
        """Wait for its end and return its exit code, negative for a signal."""
        self._process.join(seconds)
        code = self._process.exitcode
        if code is None:
            self._process.kill()
            raise AssertionError(f"it has not ended in {seconds} s: {self.err}")
        return code

    @property
    def out(self) -> str:
        """Return what it printed."""
        return self._out.read_text()

    @property
    def err(self) -> str:
        """Return what it told beside."""
        return self._err.read_text()


def _run(folder: Path, out: Path, err: Path, arguments: list[str]) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(folder)
    for path, stream in ((out, 1), (err, 2)):
        with path.open("wb") as file:
            os.dup2(file.fileno(), stream)
    module = sys.modules["csplade.pipelines.encode"] = ModuleType("csplade.pipelines.encode")
    module.Encoder = _Slow  # type: ignore[attr-defined]
    sys.argv = arguments
    main()
