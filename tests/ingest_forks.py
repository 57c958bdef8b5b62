"""`csplade ingest` as a process of its own that starts at once: forked from one that has imported everything."""

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar, Self

import csplade.commands.ingest
import csplade.integration.client
import csplade.integration.given
import csplade.integration.ingest
import csplade.integration.load_settings
import tqdm
from csplade.cli import main
from csplade.pipelines.encode_options import DEFAULT, EncodeOptions
from csplade.pipelines.sparse import SparseVector
from csplade.tests.word_encoder import WordEncoder

# The commands import these only when they need them, which would be anew in each process.
_USED = (csplade.commands.ingest, csplade.integration.given, csplade.integration.ingest)
_USED_BESIDES = (csplade.integration.load_settings, tqdm)

_SECONDS_A_TEXT = 0.001
_CONTEXT = multiprocessing.get_context("forkserver")


@dataclass(frozen=True)
class Ending:
    """What keeps a run from its end."""

    texts: int | None = None
    """After so many the encoder gives nothing any more."""
    request: str | None = None
    """The run kills itself before it sends a request whose method and path begin with this, `POST /articles/_flush`."""
    time: int = 1
    """Which of these requests it is."""


class _Slow(WordEncoder):
    most: ClassVar[int | None] = None

    @classmethod
    def open(cls, _folder: Path, _options: EncodeOptions = DEFAULT) -> Self:
        return cls()

    def documents(self, texts: Iterable[str]) -> Iterator[SparseVector]:
        for number, vector in enumerate(super().documents(texts)):
            while number == self.most:
                time.sleep(_SECONDS_A_TEXT)
            time.sleep(_SECONDS_A_TEXT)
            yield vector


class Fork:
    """One run in a folder."""

    def __init__(self, folder: Path, arguments: Sequence[object], ending: Ending | None = None) -> None:
        _CONTEXT.set_forkserver_preload([__name__])
        self._out, self._err = folder / "out", folder / "err"
        given = ["csplade", "ingest", *map(str, arguments)]
        self._process = _CONTEXT.Process(target=_run, args=(folder, self._out, self._err, given, ending))
        self._process.start()

    @property
    def runs(self) -> bool:
        """Return whether it has not ended."""
        return self._process.is_alive()

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        assert self._process.pid is not None
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


def _run(folder: Path, out: Path, err: Path, arguments: list[str], ending: Ending | None) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(folder)
    for path, stream in ((out, 1), (err, 2)):
        with path.open("wb") as file:
            os.dup2(file.fileno(), stream)
    module = sys.modules["csplade.pipelines.encode"] = ModuleType("csplade.pipelines.encode")
    module.Encoder = _Slow  # type: ignore[attr-defined]
    if ending is not None:
        _Slow.most = ending.texts
        _kill_before(ending)
    sys.argv = arguments
    main()


def _kill_before(ending: Ending) -> None:
    transport: Any = csplade.integration.client._Transport  # Any: a method of it is replaced
    send, met = transport.perform_request, 0

    def watched(self: object, method: str, url: str, *rest: object, **more: object) -> object:
        nonlocal met
        met += ending.request is not None and f"{method} {url}".startswith(ending.request)
        if met == ending.time:
            os.kill(os.getpid(), signal.SIGKILL)
        return send(self, method, url, *rest, **more)

    transport.perform_request = watched
