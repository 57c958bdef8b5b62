"""A sample of documents encoded, to tell what an ingest or a reindex would do; nothing is sent."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from csplade.integration.documents import Document, RecordError, Rejected, bulk_lines
from csplade.integration.encoder import Encoder
from csplade.integration.passages import Encoded, Long, encode_long
from csplade.integration.seismic import Remap
from csplade.integration.survey import DuplicateCounter
from csplade.pipelines.sparse import SparseVector

SAMPLE = 64


@dataclass(frozen=True)
class Sample:
    """What became of the records of a sample."""

    records: int
    rejected: int
    """That are no documents, or cannot be written; the numbers below are of the others."""
    terms: float
    """Of a document, on average."""
    bytes: float
    """Of its lines in a bulk request, on average."""
    seconds: float
    """For encoding one."""


@dataclass(frozen=True)
class Trial:
    """What an ingest would do."""

    documents: int
    rejected: int
    duplicates: int
    terms: float
    """Of a document of the sample, on average."""
    bytes: float
    """Of its lines in a bulk request, on average."""
    seconds: float
    """For encoding all, as the sample lets expect."""

    @property
    def numbers(self) -> dict[str, float]:
        """Return all of it by name, for tables and JSON."""
        counts = {"documents": self.documents, "rejected": self.rejected, "duplicates": self.duplicates}
        means = {"terms": self.terms, "bytes": self.bytes, "seconds": self.seconds}
        return {**counts, **{name: round(value, 1) for name, value in means.items()}}


def try_out(
    encoder: Encoder,
    records: Iterable[Document | Rejected],
    least_weight: float,
    long: Long = Long.CUT,
    remap: Remap | None = None,
) -> Trial:
    """Read all records and encode the first `SAMPLE` documents.

    Raises:
        EncoderError: the encoder gives a term that a cluster would never find.
    """
    ids = DuplicateCounter()
    first: list[Document] = []
    documents = rejected = 0
    for record in records:
        if isinstance(record, Rejected):
            rejected += 1
            continue
        documents += 1
        ids.add(record.id)
        if len(first) < SAMPLE:
            first.append(record)
    sample = encode_sample(encoder, first, least_weight, long, remap)
    return Trial(
        *(documents - sample.rejected, rejected + sample.rejected, ids.count, sample.terms, sample.bytes),
        seconds=sample.seconds * documents,
    )


def encode_sample(
    encoder: Encoder,
    records: Sequence[Document | Rejected],
    least_weight: float,
    long: Long,
    remap: Remap | None = None,
) -> Sample:
    """Encode documents and write them as for a cluster.

    Raises:
        EncoderError: the encoder gives a term that a cluster would never find.
    """
    documents = [record for record in records if isinstance(record, Document)]
    began = time.monotonic()
    encoded = list(encode_long(encoder, (document.text for document in documents), long))
    seconds = time.monotonic() - began
    sizes, terms = [], []
    for document, vector in zip(documents, encoded, strict=True):
        try:
            sizes.append(len(bulk_lines(document, vector, least_weight, remap=remap)))
        except RecordError:
            continue
        terms.append(_terms(vector, least_weight))
    count = max(1, len(sizes))
    each = seconds / max(1, len(documents))
    return Sample(len(records), len(records) - len(sizes), sum(terms) / count, sum(sizes) / count, each)


def _terms(encoded: Encoded, least_weight: float) -> int:
    vectors = [encoded] if isinstance(encoded, SparseVector) else [passage.vector for passage in encoded]
    return sum(weight >= least_weight for vector in vectors for _, weight in vector)
