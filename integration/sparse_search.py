"""Search by term weights from Python, beside opensearch-py: a client, an encoder and an index in one object.

    searches = SparseSearch(OpenSearch("http://127.0.0.1:9200"), Encoder.open(folder), "articles")
    searches.bulk([{"id": 1, "title": "Rye", "text": "Rye bread keeps for a week."}])
    for hit in searches.search("how do I keep a loaf fresh").hits:
        ...

`async_search` has the same for an event loop.
"""

import logging
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from csplade.integration.borrowed_client import borrowed
from csplade.integration.bulk_pace import PaceOptions
from csplade.integration.calibrate import calibrate, calibrate_grown
from csplade.integration.dead_letters import choose_path
from csplade.integration.documents import Document, RecordError, RecordOptions, Rejected, to_document
from csplade.integration.encoder import CountingEncoder, Encoder
from csplade.integration.errors import ClusterError
from csplade.integration.index import IndexState, check_index, check_name, create_index, require_index
from csplade.integration.index_facts import KnownFacts
from csplade.integration.index_mapping import long_of, mapping_of
from csplade.integration.ingest import IngestOptions, ingest
from csplade.integration.ingest_report import IngestReport, check_count, count_refreshed
from csplade.integration.missing import Placement, look_for
from csplade.integration.patience import Patience, patient
from csplade.integration.query import QueryOptions, Question
from csplade.integration.search import Page, Scored, search_many, search_page
from csplade.integration.searches import build_searches
from csplade.integration.templates import IndexOptions
from csplade.integration.text_fields import record_fields
from csplade.pipelines.errors import UsageError
from csplade.pipelines.jsonl import kind
from opensearchpy import OpenSearch

_LOG = logging.getLogger(__name__)

LARGEST_SIZE = 10_000
"""Hits of one search at most."""

Filters = Mapping[str, Any] | Sequence[Mapping[str, Any]]  # Any: query clauses of the cluster's language
Records = Iterable[Mapping[str, Any] | Document]  # Any: JSON values

_USUAL = QueryOptions()


@dataclass(frozen=True)
class BulkOptions:
    """How records become documents, and how they are sent."""

    records: RecordOptions = field(default_factory=RecordOptions)
    index: IndexOptions = field(default_factory=IndexOptions)
    """Of the index, if it has to be made."""
    pace: PaceOptions = field(default_factory=PaceOptions)
    patience: Patience = field(default_factory=Patience)
    dead_letters: Path | None = None
    """Where documents go that fail; None: `INDEX.failed.jsonl` in the working directory, numbered if that is taken."""


_PLAIN = BulkOptions()


class SparseSearch:
    """One index, searched by term weights; safe to share between threads.

    The client is opensearch-py's or that of `connect`. Its errors come out as those of csplade, whatever it is.
    """

    def __init__(self, client: OpenSearch, encoder: Encoder, index: str, options: QueryOptions = _USUAL) -> None:
        """Ask nothing yet; `index` may be an alias of one.

        Raises:
            UsageError: no index can have that name.
            TypeError: the client is none of opensearch-py's.
        """
        check_name(index)
        self.index, self.encoder, self.options = index, encoder, options
        self._client = borrowed(client)
        self._facts = KnownFacts(index, encoder.contract)

    def over(self, client: OpenSearch) -> "SparseSearch":
        """Return the same with another client of the same cluster, and what is known of the index."""
        other = copy(self)
        other._client = borrowed(client)
        return other

    def search(
        self,
        text: str,
        size: int = 10,
        filters: Filters = (),
        explain: bool = False,
        options: QueryOptions | None = None,
    ) -> Page:
        """Return the best hits with their documents (`hit.source`), and with `explain` what adds up to each score.

        `filters` are query clauses that must hold, beside those of the options. `options` replace those of the object.

        Raises:
            UsageError: the text or the size cannot be used, or the query has more clauses than the cluster takes.
            IndexConflictError: the index is missing, not ours, or made with another encoder.
            ClusterError: the cluster does not answer in full.
        """
        asked = self._settled(options, filters, size)
        (question,) = self._questions([text], asked)
        return search_page(self._client, self.index, question, asked, size, explain, whole=True)

    def msearch(
        self, texts: Iterable[str], size: int = 10, filters: Filters = (), options: QueryOptions | None = None
    ) -> Iterator[tuple[Scored, ...]]:
        """Return ids and scores of the best hits of each text, lazily and in order, 50 searches in a request.

        Raises:
            UsageError, IndexConflictError, ClusterError: as `search`.
        """
        asked = self._settled(options, filters, size)
        return search_many(self._client, self.index, self._questions(texts, asked), asked, size)

    def explain(
        self, text: str, id: str, size: int = 10, filters: Filters = (), options: QueryOptions | None = None
    ) -> Placement:
        """Return where a document stands among the hits for a text and which terms met, or why it is none.

        Raises:
            UsageError, IndexConflictError, ClusterError: as `search`.
        """
        asked = self._settled(options, filters, size)
        (question,) = self._questions([text], asked)
        return look_for(self._client, self.index, question, asked, id, size)

    def body(
        self, text: str, size: int = 10, filters: Filters = (), options: QueryOptions | None = None
    ) -> dict[str, Any]:  # Any: a JSON object
        """Return the body of a search for opensearch-py's `client.search`, to add aggregations and the like to.

        Choose one phase (`Phases.ONE`) to add a sort or `collapse`, which clusters refuse beside a second phase.

        Raises:
            UsageError: there is no single search, since two rankings are to be merged (RRF); also as `search`.
            IndexConflictError, ClusterError: as `search`.
        """
        asked = self._settled(options, filters, size)
        (question,) = self._questions([text], asked)
        searches = build_searches(question, asked, size)
        if len(searches) > 1:
            raise UsageError("two rankings that are merged are no single search: choose another fusion than rrf")
        return dict(searches[0].body) if searches else {"query": {"match_none": {}}, "size": size}

    def create(self, options: IndexOptions = _PLAIN.index) -> bool:
        """Create the index for this encoder if there is none; return whether there was none.

        Raises:
            IndexConflictError: there is one that is not ours, or made with another encoder.
            ClusterError: the cluster refuses.
        """
        if check_index(self._client, self.index, self.encoder.contract) is IndexState.READY:
            return False
        create_index(self._client, self.index, self.encoder.contract, options)
        self._facts.forget()
        return True

    def calibrate(self) -> bool:
        """Count the words of the index, so that queries fit it from now on; return whether it has documents enough.

        What a good hit scores is measured too, for `Fusion.NORMALIZED`.

        Raises:
            UsageError: the encoder's terms are no words that it could count.
            IndexConflictError, ClusterError: as `search`.
        """
        encoder = self.encoder
        if not isinstance(encoder, CountingEncoder):
            raise UsageError(f"{encoder.contract.name} cannot count words: leave it out")
        require_index(self._client, self.index, encoder.contract)
        found = calibrate(self._client, self.index, encoder.calibration, encoder)
        self._facts.forget()
        return found.calibration is not None

    def bulk(self, records: Records, options: BulkOptions = _PLAIN) -> IngestReport:
        """Encode records and index them under their ids, into a new index if there is none; see docs/ingesting.md.

        A record that fails does not stop the others: look at `failed` and `dead_letters` of the report.

        Raises:
            UsageError: the file for dead letters cannot be written.
            IndexConflictError: the index is not ours, made with another encoder, or filled with other text fields.
            ClusterError: the cluster is gone or takes nothing any more, or its count is not that of the report.
        """
        letters = choose_path(options.dead_letters, self.index)
        fields = options.index.text_fields or options.records.text_fields
        self.create(replace(options.index, text_fields=fields))
        record_fields(self._client, self.index, fields)
        # An alias may stand for an index of another encoder before this is done.
        index, _ = mapping_of(self._client, self.index)
        run = IngestOptions(
            *(index, letters, options.dead_letters is None, options.pace),
            long=long_of(self._client, index),
            patience=options.patience,
            text_fields=options.records.text_fields,
        )
        waiting = patient(self._client, options.patience)
        before = count_refreshed(waiting, index)
        report = ingest(self._client, self.encoder, _documents(records, options.records), run)
        counted = count_refreshed(waiting, index)
        if (more := check_count(report, counted, index, before)) is not None:
            _LOG.warning("%s", more)
        self._calibrate_grown(report.indexed if counted is None else counted)
        return report

    def _calibrate_grown(self, documents: int) -> None:
        encoder = self.encoder
        count = None
        if encoder.contract.literal is not None and isinstance(encoder, CountingEncoder):
            count = encoder.calibration
        try:
            if calibrate_grown(self._client, self.index, count, documents, lambda: encoder) is not None:
                self._facts.forget()
        except ClusterError as error:
            # The documents are indexed, and found without as well.
            _LOG.warning("queries are not fitted to the index %s: %s", self.index, error)

    def _settled(self, options: QueryOptions | None, filters: Filters, size: int) -> QueryOptions:
        """Return the options of a call with what the index says of itself."""
        if not 1 <= size <= LARGEST_SIZE:
            raise UsageError(f"{size} hits cannot be asked for: give a size from 1 to {LARGEST_SIZE}")
        asked = self.options if options is None else options
        more = (filters,) if isinstance(filters, Mapping) else tuple(filters)
        return self._facts.settle(self._client, replace(asked, filters=(*asked.filters, *more)))

    def _questions(self, texts: Iterable[str], options: QueryOptions) -> Iterator[Question]:
        """Pair texts with their vectors, lazily; BM25 needs none."""
        if not options.mode.needs_vector:
            yield from (Question(_checked(text)) for text in texts)
            return
        waiting: deque[str] = deque()

        def read() -> Iterator[str]:
            for text in texts:
                waiting.append(_checked(text))
                yield waiting[-1]

        for vector in self.encoder.queries(read()):
            yield Question(waiting.popleft(), vector)


def _checked(text: object) -> str:
    if not isinstance(text, str):
        raise UsageError(f"there is {kind(text)} where the text of a query belongs ({text!r:.60}): give a string")
    return text


def _documents(records: Iterable[object], options: RecordOptions) -> Iterator[Document | Rejected]:
    for number, record in enumerate(records, start=1):
        if isinstance(record, Document):
            yield record
        elif not isinstance(record, Mapping):
            yield Rejected(0, f"record {number} is {kind(record)}, where an object belongs", raw=repr(record))
        else:
            try:
                yield to_document(record, options)
            except RecordError as error:
                yield Rejected(0, f"record {number} {error}", record=record)
