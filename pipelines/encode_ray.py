"""Blocks of records over the actors of a Ray cluster, one encoder in each; needs ray.

Ray Data starts an actor again that dies, and its block with it, as often as it takes: `encode_blocks` says why nothing
is lost or written twice, and `tries` counts here when it is enough. (Ray Data takes no number, from 2.64 on.)
"""

import logging
import re
import signal
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from csplade.pipelines.encode import Encoder
from csplade.pipelines.encode_blocks import Block, BlockReport, Read, encode_block
from csplade.pipelines.encode_folder import TRIES, forget_dead, one_try, tries_of
from csplade.pipelines.encode_options import EncodeOptions
from csplade.pipelines.errors import EncoderError, MissingExtraError, UsageError
from csplade.pipelines.graph import Role

_OUR_ERROR = re.compile(r"^csplade(?:\.\w+)+: (.+)$", re.MULTILINE)
"""A sentence of an error that a worker raised, in what Ray tells of it: often Ray's own advice follows."""


@dataclass(frozen=True)
class Work:
    """What every worker is told; all of it can be pickled."""

    folder: Path
    """The encoder's, at the same path on every node."""
    options: EncodeOptions
    role: Role
    read: Read
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Workers:
    """Who encodes."""

    count: int
    gpus: float
    """Of each; may be a part of one."""

    def __post_init__(self) -> None:
        if self.gpus > 1 and not float(self.gpus).is_integer():
            raise UsageError(f"Ray gives a part of one GPU or whole ones, not {self.gpus:g}: give each worker those")

    def started(self, work: Work) -> int:
        """Return how many are started: none that would have no block."""
        return min(self.count, len(work.blocks))

    def check_gpus(self, started: int) -> None:
        """Look whether the cluster, which this program is connected to, has GPUs for so many workers that are started.

        Ray would wait for them for ever, unless it may start nodes with more.

        Raises:
            UsageError: it has fewer.
        """
        import ray

        if not self.gpus:
            return
        known: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]  # Any: what Ray tells of a node
        gpus = [node["Resources"].get("GPU", 0.0) for node in known if node["Alive"]]
        places = sum(_places(own, self.gpus) for own in gpus)
        if places < started:
            raise UsageError(
                f"{started} workers with {self.gpus:g} GPUs each were asked for, and the Ray cluster has "
                f"{sum(gpus):g} GPUs, room for {places} of them: give fewer --workers or --gpus-per-worker, "
                "or start nodes with more"
            )


def _places(gpus: float, each: float) -> int:
    """Return how many workers a node's GPUs have room for; parts are never of two GPUs."""
    return int(gpus) * int(1 / each) if each < 1 else int(gpus // each)


def require_ray() -> None:
    """Check that Ray Data is installed.

    Raises:
        MissingExtraError: it is not.
    """
    try:
        import ray.data  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("ray", "ray") from error


def encode_blocks(work: Work, workers: Workers) -> Iterator[BlockReport]:
    """Encode all blocks, and report each as it is finished, in any order; on a cluster that has the GPUs for it.

    Raises:
        EncoderError: a worker cannot open the encoder, or cannot do its block, or worker after worker died over one.
    """
    import ray
    import ray.data
    from ray.exceptions import RayError

    if not work.blocks:
        return
    forget_dead(folder := work.blocks[0].output.parent)
    with ray_cluster():
        ray.data.DataContext.get_current().enable_progress_bars = False
        numbers = [{"number": number} for number in range(len(work.blocks))]
        done = ray.data.from_items(numbers, override_num_blocks=len(numbers)).map_batches(
            _BlockEncoder,
            fn_constructor_args=(work,),
            batch_size=1,
            compute=ray.data.ActorPoolStrategy(size=workers.started(work), max_tasks_in_flight_per_actor=1),
            num_gpus=workers.gpus,
        )
        try:
            for row in done.iter_rows():
                yield _report(row["report"])
        except RayError as error:
            raise worker_failed(error) from error
    # Ray waits for no worker that was still opening the encoder when the last block was done.
    forget_dead(folder)


def check_opens(work: Work, workers: Workers) -> None:
    """Let one worker open the encoder, and end it; on a cluster that has the GPUs for it.

    Raises:
        EncoderError: it cannot, or died.
    """
    import ray
    from ray.exceptions import RayError

    with ray_cluster():
        opened = ray.remote(_open).options(num_gpus=workers.gpus, max_retries=TRIES - 1)
        try:
            ray.get(opened.remote(work.folder, work.options))
        except RayError as error:
            raise worker_failed(error) from error


def worker_failed(error: Exception) -> EncoderError:
    """Return what is said of an error of Ray's: the reason that a worker gave, else its last line."""
    told = str(error)
    lines = [line.strip() for line in told.splitlines() if line.strip()]
    reason = (_OUR_ERROR.findall(told) or lines or [type(error).__name__])[-1]
    return EncoderError(f"a Ray worker failed ({reason[:400]}): mend that, and run the same command again")


def _open(folder: Path, options: EncodeOptions) -> None:
    Encoder.open(folder, options)


class _BlockEncoder:
    """An actor of the cluster: opens the encoder once."""

    def __init__(self, work: Work) -> None:
        import ray

        self._work = work
        # Started again, an actor has the id that it had.
        own = work.blocks[0].output.with_name(ray.get_runtime_context().get_actor_id() or "worker")
        with one_try(tries_of(own), f"while they opened the encoder {work.folder}: give workers more memory"):
            self._encoder = Encoder.open(work.folder, work.options)

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, Any]:  # Any: arrays (1,)
        work = self._work
        reports = [encode_block(self._encoder, work.role, work.blocks[number], work.read) for number in batch["number"]]
        return {"report": [orjson.dumps(each._asdict()) for each in reports]}


def _report(line: bytes) -> BlockReport:
    values = orjson.loads(line)
    return BlockReport(**{**values, "runs_on": tuple(values["runs_on"])})


@contextmanager
def ray_cluster() -> Iterator[None]:
    """Use the cluster that this program is connected to, or that RAY_ADDRESS names, or one that is started here."""
    import ray

    if ray.is_initialized():
        yield
        return
    # Ray tells of workers that die on standard output, which is the report's: whoever reads --json wants nothing else.
    with redirect_stdout(sys.stderr):
        with _sigterm_as_before():
            ray.init(include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
        try:
            yield
        finally:
            ray.shutdown()


@contextmanager
def _sigterm_as_before() -> Iterator[None]:
    """Put back what SIGTERM does: `ray.init` lets it end the program with 15, and without a word."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        # In another thread Ray has left it as it was. None is of another language, and cannot be put back.
        if before is not None and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)
