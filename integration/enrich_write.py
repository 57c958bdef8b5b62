"""Documents that need weights are encoded and sent, while the ones after them are read; what became of each is told."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from csplade.integration.bulk import Action, Sent
from csplade.integration.bulk_senders import Batch, Senders
from csplade.integration.dead_letters import DeadLetters
from csplade.integration.documents import Document
from csplade.integration.encoder import Encoder
from csplade.integration.enrich_documents import Stale, Version, Write, enriched, update_lines
from csplade.integration.enrich_report import Tally
from csplade.integration.passages import Long, encode_long
from csplade.integration.seismic import Remap
from csplade.pipelines.stopping import uninterrupted

# What the cluster says of a document that was changed or deleted since it was read.
_SUPERSEDED = ("version_conflict_engine_exception", "document_missing_exception")


class Writer:
    """Sends documents with their new weights; the counts go into a tally, failures besides into the dead letters.

    To `failed` the version of each document that fails is added.
    """

    def __init__(
        self,
        encoder: Encoder,
        senders: Senders,
        dead: DeadLetters,
        tally: Tally,
        write: Write,
        least_weight: float,
        long: Long,
        remap: Remap | None,
        failed: set[Version],
    ) -> None:
        self._encoder, self._senders, self._dead, self._tally = encoder, senders, dead, tally
        self._write = write
        self._least, self._long, self._remap = least_weight, long, remap
        self._failed = failed
        self._versions: dict[Batch, dict[str, Version]] = defaultdict(dict)

    def send(self, documents: Sequence[Stale], most_bytes: int) -> None:
        """Encode documents, and send them in requests of at most so many bytes, or of one document."""
        batch = Batch(0, 0)
        vectors = encode_long(self._encoder, [document.text for document in documents], self._long)
        fingerprint = self._encoder.contract.fingerprint
        for document, vector in zip(documents, vectors, strict=True):
            fields = enriched(vector, document, fingerprint, self._least, self._remap)
            try:
                lines = update_lines(document, fields, self._write)
            except TypeError as error:
                self._tally.without_text(_without_text([document.text]))
                self.fail(document.id, document.version, f"cannot be written as JSON ({error}): correct its fields")
                continue
            # Two of one id differ in their routing, and answers are told apart by ids.
            if batch.actions and (batch.bytes + len(lines) > most_bytes or document.id in batch.actions):
                self._submit(batch)
                batch = Batch(0, 0)
            batch.actions[document.id] = Action(Document(document.id, document.text), lines)
            batch.bytes += len(lines)
            self._versions[batch][document.id] = document.version
        if batch.actions:
            self._submit(batch)

    def finish(self) -> None:
        """Wait for all that is on its way."""
        self._settle(self._senders.settled(0))

    def rescue(self) -> None:
        """Take note of what arrived although the run ends early."""
        self._settle(self._senders.rescued())

    def fail(self, identity: str, version: Version, reason: str) -> None:
        """Write down a document that cannot be encoded, so that no later round takes this version of it up again."""
        with uninterrupted():
            self._dead.add(Document(identity, "", record={"_id": identity}), reason)
            self._failed.add(version)
            self._tally.failed(reason, self._dead.path)

    def _submit(self, batch: Batch) -> None:
        self._settle(self._senders.settled())
        self._senders.submit(batch)

    def _settle(self, results: Iterable[tuple[Batch, Sent]]) -> None:
        for batch, sent in results:
            with uninterrupted():
                self._take_note(batch, sent)

    def _take_note(self, batch: Batch, sent: Sent) -> None:
        versions = self._versions.pop(batch)
        refused = [failure for failure in sent.failures if not failure.reason.startswith(_SUPERSEDED)]
        self._tally.written(len(batch.actions) - len(sent.failures), len(sent.failures) - len(refused))
        for failure in refused:
            self.fail(failure.document.id, versions[failure.document.id], failure.reason)
        self._tally.without_text(_without_text(action.document.text for action in batch.actions.values()))


def _without_text(texts: Iterable[str]) -> int:
    return sum(not text.strip() for text in texts)
