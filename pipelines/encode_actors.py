"""An encoder that lets the actors of a Ray cluster encode, one encoder in each; needs ray.

Texts go out in windows, and vectors come back in the order of the texts. Ray starts an actor again that dies, and gives
it the windows that it had once more. As nobody had their vectors, none is lost and none comes twice.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import cycle
from pathlib import Path
from typing import Any, NamedTuple

from csplade.pipelines.contract import Contract, read_contract
from csplade.pipelines.encode import Encoder
from csplade.pipelines.encode_batches import windows
from csplade.pipelines.encode_counts import Counter, Counts
from csplade.pipelines.encode_folder import TRIES
from csplade.pipelines.encode_options import EncodeOptions
from csplade.pipelines.encode_ray import Workers, ray_cluster, worker_failed
from csplade.pipelines.graph import Role
from csplade.pipelines.sparse import SparseVector

_AHEAD = 2
"""Windows of each actor that are on their way, so that none waits for texts."""
_RESTARTS = 20
"""How often each actor is started again: one that dies while it opens the encoder would be for ever."""


class ActorEncoder:
    """Encodes as `Encoder` does, with memory for `_AHEAD` windows of each worker."""

    def __init__(self, folder: Path, options: EncodeOptions, workers: Workers) -> None:
        """Take an encoder folder, which is at the same path on every node.

        Raises:
            EncoderError: its contract cannot be read.
            UsageError: the cluster has not the GPUs.
        """
        if workers.gpus:
            # Before anything else is done for an encoder that will never be there.
            with ray_cluster():
                workers.check_gpus(workers.count)
        self.contract: Contract = read_contract(folder)
        self._folder, self._options, self._workers = folder.resolve(), options, workers
        self._counter = Counter()
        self._runs_on: tuple[str, ...] = ()

    @property
    def runs_on(self) -> tuple[str, ...]:
        """Return the runtime's names of what the workers' model runs on, the preferred first; none before one spoke."""
        return self._runs_on

    @property
    def counts(self) -> Counts:
        """Return what the workers have read of the texts whose vectors came back."""
        return self._counter.sum

    def documents(self, texts: Iterable[str]) -> Iterator[SparseVector]:
        """Encode documents, lazily and in order; a text without any word gives an empty vector.

        Raises:
            EncoderError: a worker cannot open the encoder, or died over the same texts again and again.
        """
        return self._encoded(texts, Role.DOCUMENT)

    def queries(self, texts: Iterable[str]) -> Iterator[SparseVector]:
        """Encode queries, as `documents` does documents."""
        return self._encoded(texts, Role.QUERY)

    def _encoded(self, texts: Iterable[str], role: Role) -> Iterator[SparseVector]:
        import ray
        from ray.exceptions import RayError

        options = self._options
        with ray_cluster():
            actors = cycle(self._actors())
            waiting: deque[Any] = deque()  # Any: Ray's references
            try:
                for window in windows(texts, options.window, options.window_characters):
                    waiting.append(next(actors).encode.remote(window, role))
                    if len(waiting) > _AHEAD * self._workers.count:
                        yield from self._taken(ray.get(waiting.popleft()))
                while waiting:
                    yield from self._taken(ray.get(waiting.popleft()))
            except RayError as error:
                raise worker_failed(error) from error

    def _taken(self, window: "_Window") -> list[SparseVector]:
        self._counter.add(window.counts)
        self._runs_on = window.runs_on
        return window.vectors

    def _actors(self) -> list[Any]:  # Any: Ray's handles
        import ray

        remote = ray.remote(_WindowEncoder).options(
            num_gpus=self._workers.gpus, max_restarts=_RESTARTS, max_task_retries=TRIES
        )
        return [remote.remote(self._folder, self._options) for _ in range(self._workers.count)]


class _Window(NamedTuple):
    """What comes back of a window."""

    vectors: list[SparseVector]
    counts: Counts
    runs_on: tuple[str, ...]


class _WindowEncoder:
    """An actor of the cluster: opens the encoder once."""

    def __init__(self, folder: Path, options: EncodeOptions) -> None:
        self._encoder = Encoder.open(folder, options)

    def encode(self, texts: list[str], role: Role) -> _Window:
        """Encode a window."""
        encode = self._encoder.documents if role is Role.DOCUMENT else self._encoder.queries
        before = self._encoder.counts
        vectors = list(encode(texts))
        return _Window(vectors, self._encoder.counts - before, self._encoder.runs_on)
