"""Documents into an index: encode, send in batches, write down what fails; in constant memory, safe to run again."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from csplade.integration.bulk import Action, Patience, send
from csplade.integration.dead_letters import DeadLetters
from csplade.integration.documents import Document, RecordError, Rejected, bulk_lines
from csplade.integration.encoder import Encoder
from csplade.pipelines.errors import EncoderError
from csplade.pipelines.sparse import SparseVector
from opensearchpy import OpenSearch

_REFRESH_SECONDS = 600


@dataclass(frozen=True)
class IngestOptions:
    """Where documents go and in which portions."""

    index: str
    dead_letters: Path
    """Created when the first document fails; must not exist, unless it may be numbered."""
    number_dead_letters: bool = False
    """Whether a number is added to the name of that file if it is taken."""
    batch_documents: int = 200
    batch_bytes: int = 5_000_000
    patience: Patience = field(default_factory=Patience)


@dataclass(frozen=True)
class IngestReport:
    """What has become of the documents; at the end `read == indexed + failed`."""

    read: int
    """Encoded, or rejected."""
    indexed: int
    failed: int
    seconds: float
    first_reason: str = ""
    """Why the first document failed."""
    dead_letters: Path | None = None
    """The file that was created for what failed, if anything did."""


Progress = Callable[[IngestReport], None]


def ingest(
    client: OpenSearch,
    encoder: Encoder,
    documents: Iterable[Document | Rejected],
    options: IngestOptions,
    progress: Progress | None = None,
) -> IngestReport:
    """Encode and index the documents under their ids; an id that comes again replaces the earlier document.

    Raises:
        ClusterError: the cluster is gone, or takes nothing any more; what was indexed stays.
        SourceError: the dead letters cannot be written.
    """
    with DeadLetters(options.dead_letters, options.number_dead_letters) as dead:
        run = _Run(client, options, dead, progress)
        for document, vector in _encoded(encoder, run.usable(documents)):
            run.add(document, vector)
        run.send()
    client.indices.refresh(index=options.index, params={"request_timeout": _REFRESH_SECONDS})
    return run.report()


def _encoded(encoder: Encoder, documents: Iterable[Document]) -> Iterator[tuple[Document, SparseVector]]:
    """Pair documents with their vectors; as many documents wait as the encoder reads ahead."""
    waiting: deque[Document] = deque()

    def texts() -> Iterator[str]:
        for document in documents:
            waiting.append(document)
            yield document.text

    for vector in encoder.documents(texts()):
        yield waiting.popleft(), vector
    if waiting:
        raise EncoderError(f"the encoder gave no vector for {len(waiting)} texts: check the encoder folder")


class _Run:
    """The counts and the open batch of one ingest."""

    def __init__(
        self, client: OpenSearch, options: IngestOptions, dead: DeadLetters, progress: Progress | None
    ) -> None:
        self._client, self._options, self._dead, self._progress = client, options, dead, progress
        self._started = time.monotonic()
        self._read = self._indexed = 0
        self._batch: dict[str, Action] = {}
        self._bytes = 0

    def usable(self, documents: Iterable[Document | Rejected]) -> Iterator[Document]:
        """Pass documents through, bury what is none."""
        for document in documents:
            if isinstance(document, Document):
                yield document
            else:
                self._read += 1
                self._dead.add(document, f"line {document.line} {document.reason}")

    def add(self, document: Document, vector: SparseVector) -> None:
        """Put a document into the batch; send the batch first if it is full."""
        self._read += 1
        try:
            lines = bulk_lines(document, vector)
        except RecordError as error:
            self._dead.add(document, str(error))
            return
        full = len(self._batch) >= self._options.batch_documents or self._bytes + len(lines) > self._options.batch_bytes
        # An id twice in one batch could end with the earlier document, if only that one has to be sent again.
        if full or document.id in self._batch:
            self.send()
        self._batch[document.id] = Action(document, lines)
        self._bytes += len(lines)
        self._tell()

    def send(self) -> None:
        """Send the batch."""
        if not self._batch:
            return
        failures = send(self._client, self._options.index, list(self._batch.values()), self._options.patience)
        for failure in failures:
            self._dead.add(failure.document, failure.reason)
        self._indexed += len(self._batch) - len(failures)
        self._batch, self._bytes = {}, 0
        self._tell()

    def report(self) -> IngestReport:
        """Return the counts so far."""
        seconds = time.monotonic() - self._started
        dead = self._dead
        path = dead.path if dead.count else None
        return IngestReport(self._read, self._indexed, dead.count, seconds, dead.first_reason, path)

    def _tell(self) -> None:
        if self._progress is not None:
            self._progress(self.report())
