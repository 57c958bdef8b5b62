"""The worker processes of a gateway: begun, replaced when they die, renewed one after the other, and ended together.

SIGTERM and SIGINT let what is under way end; SIGHUP puts a new worker in the place of each old one.
"""

import logging
import multiprocessing
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Event
from socket import socket
from types import FrameType

from uvicorn.config import Config
from uvicorn.server import Server

_LOG = logging.getLogger(__name__)
_LOOK_SECONDS = 0.2
# For a new worker to answer. A busy machine takes long to load one, and who gives it up too soon never gets one.
_READY_SECONDS = 180.0
_STOPS = (signal.SIGTERM, signal.SIGINT)
# Windows has none.
_RENEW: signal.Signals | None = getattr(signal, "SIGHUP", None)
_HEEDED = [number for number in (*_STOPS, _RENEW) if number is not None]


@dataclass(frozen=True)
class _Worker:
    process: BaseProcess
    answers: Event
    """Set as soon as it does."""


class Workers:
    """Keeps `config.workers` processes at work on one socket.

    `prepare` is called before the first begin and before they are renewed; it opens what they share, and returns how
    they begin: by "fork" of this process, which leaves that in memory once, or by "spawn".
    """

    def __init__(self, config: Config, listener: socket, prepare: Callable[[], str]) -> None:
        self._config, self._listener, self._prepare = config, listener, prepare
        self._method = "spawn"
        self._workers: list[_Worker] = []
        self._stop = self._renew = False

    def run(self) -> bool:
        """Work until a signal asks for the end; False: the workers cannot start."""
        for number in _HEEDED:
            signal.signal(number, self._heed)
        self._method = self._prepare()
        self._workers = [self._begun() for _ in range(self._config.workers)]
        while not self._stop and self._whole():
            if self._renew:
                self._replace_all()
            time.sleep(_LOOK_SECONDS)
        for worker in self._workers:
            worker.process.terminate()
        for worker in self._workers:
            worker.process.join()
        return self._stop

    def _heed(self, number: int, _: FrameType | None) -> None:
        if number in _STOPS:
            self._stop = True
        else:
            self._renew = True

    def _whole(self) -> bool:
        """Replace the workers that have died; False: one ended by itself before it answered, as all others would."""
        for place, worker in enumerate(self._workers):
            if worker.process.is_alive():
                continue
            if not worker.answers.is_set() and (worker.process.exitcode or 0) > 0:
                return False
            self._workers[place] = self._begun()
        return True

    def _replace_all(self) -> None:
        """Replace each worker as soon as its successor answers; if one does not, the others stay."""
        self._renew = False
        self._method = self._prepare()
        for place, old in enumerate(self._workers):
            new = self._begun()
            if not self._await(new):
                new.process.kill()
                new.process.join()
                if not self._stop:
                    _LOG.error("a new worker does not answer, so that the old ones go on: what it says is above")
                return
            self._workers[place] = new
            old.process.terminate()
            old.process.join()

    def _await(self, worker: _Worker) -> bool:
        until = time.monotonic() + _READY_SECONDS
        while time.monotonic() < until and worker.process.is_alive() and not self._stop:
            if worker.answers.wait(_LOOK_SECONDS):
                return True
        return False

    def _begun(self) -> _Worker:
        forking = self._method == "fork"
        context = multiprocessing.get_context("fork") if forking else multiprocessing.get_context("spawn")
        answers = context.Event()
        process = context.Process(target=_work, args=(self._config, self._listener, answers))
        # A signal that comes before the worker has its own ways with it would be lost.
        signal.pthread_sigmask(signal.SIG_BLOCK, _HEEDED)
        try:
            process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _HEEDED)
        return _Worker(process, answers)


class _Server(Server):
    """uvicorn's server, which tells when it answers."""

    def __init__(self, config: Config, answers: Event) -> None:
        super().__init__(config)
        self._answers = answers

    async def startup(self, sockets: list[socket] | None = None) -> None:
        """Start, and tell it."""
        await super().startup(sockets)
        self._answers.set()


def _work(config: Config, listener: socket, answers: Event) -> None:
    """Be a worker; the parent's handlers came along with a fork."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if _RENEW is not None:
        signal.signal(_RENEW, signal.SIG_IGN)
    with suppress(KeyboardInterrupt):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _HEEDED)
        _Server(config, answers).run(sockets=[listener])
