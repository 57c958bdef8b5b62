"""Documents of an index that have no weights, or old ones, are encoded in place; changes by others are never lost.

A round reads what has changed since the one before, see `slices_history`, and writes only into documents that are as
they were read: the cluster compares sequence numbers. What somebody changed in between is read again in the next round.
"""

import logging
from collections.abc import Generator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from csplade.integration.bulk_pace import Pace, PaceOptions
from csplade.integration.bulk_senders import Senders
from csplade.integration.dead_letters import DeadLetters
from csplade.integration.detect import read_dialect
from csplade.integration.dialect import Dialect
from csplade.integration.documents import RecordError
from csplade.integration.encoder import Encoder
from csplade.integration.enrich_documents import Stale, Version, Write, stale, version_of, wanted_source
from csplade.integration.enrich_report import EnrichReport, Progress, Tally
from csplade.integration.enrich_write import Writer
from csplade.integration.errors import CredentialsError, IndexConflictError, RequestError
from csplade.integration.index import require_index
from csplade.integration.index_mapping import REPLACING_KEY, keep_in_meta, mapping_of, our_meta
from csplade.integration.passages import Long
from csplade.integration.patience import Patience, patient
from csplade.integration.refresh import refresh_all
from csplade.integration.reindex_mapping import chosen_fields
from csplade.integration.seismic import Remap
from csplade.integration.seismic_field import refuse_numbers, remap_in
from csplade.integration.slices_history import History, Untold
from csplade.integration.slices_read import ReadOptions, read_index
from csplade.integration.slices_snapshot import Snapshot
from csplade.integration.source_filter import left_out
from csplade.pipelines.contract import Contract
from opensearchpy import OpenSearch

MOST_ROUNDS = 20
"""After so many rounds, each of which met changes by others, a single run ends and says what is left."""

_log = logging.getLogger(__name__)
_PAINLESS = "lang-painless"
_UNTOLD = {
    Untold.FORBIDDEN: "This user may not see up to where {index} is complete (its statistics, indices:monitor/stats)",
    Untold.NOT_SHOWN: "This user may not refresh {index}, or not all copies of its shards could be refreshed",
    Untold.BY_CLUSTER: "The cluster does not tell up to where {index} is complete (an OpenSearch before 2.8, or a "
    "shard whose primary is on no node)",
}
_USUAL = Patience()


_AT_ONCE = 200
"""Documents that are read and encoded together at most: what users change meanwhile has to be read again."""


@dataclass(frozen=True)
class EnrichOptions:
    """Which index, and how it is read and written."""

    index: str
    dead_letters: Path
    """Created when the first document fails; a number is added to its name if it is taken."""
    text_fields: tuple[str, ...]
    """Joined in this order, and encoded."""
    write: Write = Write.WHOLE
    slices: int = 4
    pace: PaceOptions = field(default_factory=PaceOptions)
    patience: Patience = field(default_factory=Patience)
    least_weight: float = 0.0
    long: Long = Long.CUT
    """What becomes of long texts; that of the index."""


def prepare_index(
    client: OpenSearch, index: str, contract: Contract, replace_encoder: bool = False, patience: Patience = _USUAL
) -> Dialect:
    """Check that the index is there and of this encoder; or make it one of this encoder from now on.

    Raises:
        IndexConflictError: it is missing, not ours, or of another encoder that is not to be replaced.
        ClusterError: this user may not change the mapping.
    """
    dialect = require_index(client, index, None if replace_encoder else contract)
    waiting = patient(client, patience)
    _, mapping = mapping_of(waiting, index)
    if (ours := our_meta(mapping))["fingerprint"] != contract.fingerprint:
        refuse_numbers(mapping, index)
        # What good hits score is another number then. Who searches is told of the old weights until none is left.
        changed = {"fingerprint": contract.fingerprint, "encoder": contract.name, "scales": None}
        keep_in_meta(waiting, index, {**changed, REPLACING_KEY: ours.get("encoder", "")})
    return dialect


def fields_of(client: OpenSearch, index: str, asked: tuple[str, ...]) -> tuple[str, ...]:
    """Return the text fields that are encoded: those asked for, else those that the index was filled with.

    Raises:
        UsageError, IndexConflictError: as `chosen_fields`.
    """
    _, mapping = mapping_of(client, index)
    if lacking := left_out(mapping):
        raise IndexConflictError(
            f"the index {index!r} keeps only a part of its documents in `_source`, without {lacking}, which would be "
            "lost: `csplade ingest` them anew"
        )
    return chosen_fields(mapping, index, asked, replaces_text=True)


def write_of(client: OpenSearch) -> Write:
    """Return how documents are written on this cluster: by scripts on an OpenSearch that is known to have them.

    A full Elasticsearch has them too, but keeps weights apart from `_source`, and they were never tried on one.
    """
    with suppress(CredentialsError, RequestError):
        if read_dialect(client).distribution != "opensearch":
            return Write.WHOLE
        found = client.nodes.info(metric="plugins", params={"filter_path": "nodes.*.modules.name"})
        modules = [{module["name"] for module in node.get("modules", ())} for node in found.get("nodes", {}).values()]
        if modules and all(_PAINLESS in names for names in modules):
            return Write.SCRIPT
    return Write.WHOLE


class Enricher:
    """Rounds over one index."""

    def __init__(
        self,
        client: OpenSearch,
        encoder: Encoder,
        dialect: Dialect,
        options: EnrichOptions,
        progress: Progress | None = None,
    ) -> None:
        self._client, self._encoder, self._dialect, self._options = client, encoder, dialect, options
        self._tally = Tally(progress)
        self._dead = DeadLetters(options.dead_letters, numbered=True)
        self._index: str | None = None
        self._replacing = False
        self._remap: Remap | None = None
        self._seen: History | None = None
        self._told = False
        self._failed: set[Version] = set()

    @property
    def report(self) -> EnrichReport:
        """Return the account of all rounds so far."""
        return self._tally.report

    def until_current(self) -> EnrichReport:
        """Make rounds until one meets no change by others, `MOST_ROUNDS` at most.

        Raises:
            ClusterError: the cluster is gone, or does not answer in full; what was written stays.
            SourceError: the dead letters cannot be written.
        """
        for _ in range(MOST_ROUNDS):
            if not self.round().pending:
                break
        return self.report

    def round(self) -> EnrichReport:
        """Look at all documents that have changed since the round before, and encode those that need it.

        Raises:
            ClusterError, SourceError: as `until_current`; the next round looks at the same documents again.
            IndexConflictError: the index has another encoder by now, or the alias stands for another index.
        """
        options, index = self._options, self._checked()
        before = self._tally.begin()
        with (
            Snapshot(self._client, index, self._dialect, options.patience) as snapshot,
            self._dead as dead,
            Senders(self._client, index, options.patience, pace := Pace(options.pace)) as senders,
        ):
            writer = Writer(
                self._encoder,
                senders,
                dead,
                self._tally,
                options.write,
                options.least_weight,
                options.long,
                self._remap,
                self._failed,
            )
            begin = self._begin(snapshot)
            try:
                with closing(self._stale(snapshot, begin, writer)) as documents:
                    while group := list(islice(documents, min(pace.documents, _AT_ONCE))):
                        writer.send(group, pace.bytes)
                writer.finish()
            except BaseException:
                try:
                    writer.rescue()
                finally:
                    self._tally.stop()
                raise
            everything = snapshot.frozen and not begin
            self._tally.end(snapshot.total if everything else None, before)
            self._seen = snapshot.history
        waiting = patient(self._client, options.patience)
        refresh_all(waiting, index)
        if self._replacing and not self.report.pending and not self.report.failed:
            keep_in_meta(waiting, index, {REPLACING_KEY: None})
        return self.report

    def _checked(self) -> str:
        """Return the index itself, which an alias may leave before the round is over; it is of this encoder."""
        client, alias = patient(self._client, self._options.patience), self._options.index
        index, mapping = mapping_of(client, alias)
        if self._index not in (None, index):
            raise IndexConflictError(
                f"{alias!r} stood for the index {self._index!r} and stands for {index!r} by now: start `csplade "
                "enrich` again, with the encoder of that one"
            )
        require_index(client, index, self._encoder.contract)
        self._index, self._replacing, self._remap = index, REPLACING_KEY in our_meta(mapping), remap_in(mapping)
        return index

    def _begin(self, snapshot: Snapshot) -> list[int]:
        """Return from which places on documents have changed; none where all are read, as in the first round."""
        if snapshot.history is None and self.report.rounds and not self._told:
            self._told = True
            why = _UNTOLD[snapshot.untold or Untold.BY_CLUSTER].format(index=self._index)
            _log.warning("%s: each round reads all of it again", why)
        if self._seen is not None and snapshot.history is not None and self._seen.uuids != snapshot.history.uuids:
            # Of another index the same versions are other documents.
            self._failed.clear()
        return [] if self._seen is None else self._seen.begin(snapshot.history)

    def _stale(self, snapshot: Snapshot, begin: list[int], writer: Writer) -> Generator[Stale, None, None]:
        """Give the documents that need weights, of those that have changed."""
        options = self._options
        hides = self._dialect.hides_weights
        source = wanted_source(options.text_fields, options.write, hides, self._remap)
        reading = ReadOptions(source, options.slices, min(options.pace.documents, _AT_ONCE))
        fingerprint = self._encoder.contract.fingerprint
        for found in read_index(snapshot, reading, begin):
            if (version := version_of(found)) in self._failed:
                self._tally.passed()
                continue
            try:
                document = stale(found, options.text_fields, fingerprint, self._remap)
            except RecordError as error:
                self._tally.read(current=False)
                writer.fail(str(found.hit["_id"]), version, str(error))
                continue
            self._tally.read(current=document is None)
            if document is not None:
                yield document
