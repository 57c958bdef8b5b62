"""The worker processes of a gateway: begun, replaced when they die or stand still, renewed one after the other, ended.

SIGTERM and SIGINT let what is under way end; SIGHUP puts a new worker in the place of each old one.
"""

import logging
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from socket import socket
from types import FrameType

from csplade.integration.gateway_pulse import LOOK_SECONDS, READY_SECONDS, Pulse, Watch
from uvicorn.config import Config
from uvicorn.server import Server

_LOG = logging.getLogger(__name__)
_STOPS = (signal.SIGTERM, signal.SIGINT)
# Windows has none.
_RENEW: signal.Signals | None = getattr(signal, "SIGHUP", None)
_HEEDED = [number for number in (*_STOPS, _RENEW) if number is not None]


@dataclass(frozen=True)
class _Worker:
    process: BaseProcess
    pulse: Pulse
    watch: Watch

    def look(self) -> bool:
        """Return whether it is alive; one that stands still is killed, as it would hear nothing else."""
        if not self.process.is_alive():
            return False
        if not self.watch.stands_still():
            return True
        _LOG.error("the worker %d stands still, so that it is killed", self.process.pid)
        self.process.kill()
        self.process.join()
        return False


class Workers:
    """Keeps `config.workers` processes at work on one socket; `patience`: the seconds that one may stand still.

    `prepare` is called before the first begin and before they are renewed; it opens what they share, and returns how
    they begin: by "fork" of this process, which leaves that in memory once, or by "spawn".
    """

    def __init__(self, config: Config, listener: socket, prepare: Callable[[], str], patience: float) -> None:
        self._config, self._listener, self._prepare, self._patience = config, listener, prepare, patience
        self._method = "spawn"
        self._workers: list[_Worker] = []
        self._stop = self._renew = self._no_room = False

    def run(self) -> bool:
        """Work until a signal asks for the end; False: the workers cannot start."""
        for number in _HEEDED:
            signal.signal(number, self._heed)
        self._method = self._prepare()
        try:
            if not self._begin_all():
                return False
            while not self._stop and self._whole():
                if self._renew:
                    self._replace_all()
                time.sleep(LOOK_SECONDS)
        finally:
            # At its exit Python would wait for those that are left, and nobody could end it.
            _end(self._workers)
        return self._stop

    def _heed(self, number: int, _: FrameType | None) -> None:
        if number in _STOPS:
            self._stop = True
        else:
            self._renew = True

    def _begin_all(self) -> bool:
        for _ in range(self._config.workers):
            if (worker := self._begun()) is None:
                return False
            self._workers.append(worker)
        return True

    def _whole(self) -> bool:
        """Replace the workers that have died; False: one ended by itself before it answered, as all others would.

        Where no other can be begun, the dead one keeps its place until the next look.
        """
        for place, worker in enumerate(self._workers):
            if worker.look():
                continue
            if not worker.pulse.answers and (worker.process.exitcode or 0) > 0:
                return False
            self._workers[place] = self._begun() or worker
        return True

    def _replace_all(self) -> None:
        """Replace each worker as soon as its successor answers; if one does not, the others stay."""
        self._renew = False
        self._method = self._prepare()
        for place, old in enumerate(self._workers):
            new = self._begun()
            if new is None or not self._await(new):
                self._give_up(new)
                return
            self._workers[place] = new
            _end([old])
        # Whoever sends the signal looks for this, and the level of what is only told is not shown.
        _LOG.warning("the workers are renewed: %d started in the place of the old", len(self._workers))

    def _give_up(self, new: _Worker | None) -> None:
        if new is not None:
            new.process.kill()
            new.process.join()
        if not self._stop:
            _LOG.error("a new worker does not answer, so that the old ones go on: what it says is above")

    def _await(self, worker: _Worker) -> bool:
        until = time.monotonic() + READY_SECONDS
        while time.monotonic() < until and worker.process.is_alive() and not self._stop:
            if worker.pulse.answers:
                return True
            time.sleep(LOOK_SECONDS)
        return False

    def _begun(self) -> _Worker | None:
        """Begin a worker; None: the system has no room for one, which is told once."""
        try:
            worker = self._started()
        except OSError as error:
            if not self._no_room:
                _LOG.error("no worker can be started (%s): raise the limits of processes, open files or memory", error)
            self._no_room = True
            return None
        self._no_room = False
        return worker

    def _started(self) -> _Worker:
        forking = self._method == "fork"
        context = multiprocessing.get_context("fork") if forking else multiprocessing.get_context("spawn")
        pulse = Pulse(context)
        process = context.Process(target=_work, args=(self._config, self._listener, pulse))
        # A signal that comes before the worker has its own ways with it would be lost.
        signal.pthread_sigmask(signal.SIG_BLOCK, _HEEDED)
        try:
            with _pipes_closed() if forking else nullcontext():
                process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _HEEDED)
        return _Worker(process, pulse, Watch(pulse, self._patience))


@contextmanager
def _pipes_closed() -> Iterator[None]:
    """Close the two pipes of a fork that fails: Python's multiprocessing opens them before, and leaves them open.

    The lowest free numbers are given out first, and only this thread asks for some, so that they are known before.
    """
    numbers = _next_numbers()
    try:
        yield
    except OSError:
        for number in numbers:
            # Where the pipes failed themselves, not all are open.
            with suppress(OSError):
                os.close(number)
        raise


def _next_numbers() -> Sequence[int]:
    """Return the numbers that the next two pipes get.

    Raises:
        OSError: there is no room for them.
    """
    numbers: list[int] = []
    try:
        for _ in range(2):
            numbers.extend(os.pipe())
    finally:
        for number in numbers:
            os.close(number)
    return numbers


def _end(workers: Sequence[_Worker]) -> None:
    """Let workers end what is under way, and wait for them."""
    for worker in workers:
        worker.process.terminate()
    while alive := [worker for worker in workers if worker.look()]:
        alive[0].process.join(LOOK_SECONDS)


class _Server(Server):
    """uvicorn's server, which tells when it answers, and that it lives."""

    def __init__(self, config: Config, pulse: Pulse) -> None:
        super().__init__(config)
        self._pulse = pulse

    async def serve(self, sockets: list[socket] | None = None) -> None:
        """Serve, and count."""
        async with self._pulse.beating():
            await super().serve(sockets)

    async def startup(self, sockets: list[socket] | None = None) -> None:
        """Start, and tell it."""
        await super().startup(sockets)
        self._pulse.tell_answers()


def _work(config: Config, listener: socket, pulse: Pulse) -> None:
    """Be a worker; the parent's handlers came along with a fork."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if _RENEW is not None:
        signal.signal(_RENEW, signal.SIG_IGN)
    with suppress(KeyboardInterrupt):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _HEEDED)
        _Server(config, pulse).run(sockets=[listener])
