"""A source read to its end and a sample of it encoded, to tell what an ingest would do; nothing is sent."""

import time
from collections.abc import Iterable
from dataclasses import dataclass

from csplade.integration.documents import Document, RecordError, Rejected, bulk_lines
from csplade.integration.encoder import Encoder
from csplade.integration.survey import DuplicateCounter

SAMPLE = 64


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


def try_out(encoder: Encoder, records: Iterable[Document | Rejected], least_weight: float) -> Trial:
    """Read all records and encode the first `SAMPLE` documents.

    Raises:
        EncoderError: the encoder gives a term that a cluster would never find.
    """
    ids = DuplicateCounter()
    sample: list[Document] = []
    documents = rejected = 0
    for record in records:
        if isinstance(record, Rejected):
            rejected += 1
            continue
        documents += 1
        ids.add(record.id)
        if len(sample) < SAMPLE:
            sample.append(record)
    began = time.monotonic()
    vectors = list(encoder.documents(document.text for document in sample))
    seconds = time.monotonic() - began
    sizes, terms = [], []
    for document, vector in zip(sample, vectors, strict=True):
        try:
            sizes.append(len(bulk_lines(document, vector, least_weight)))
        except RecordError:
            documents, rejected = documents - 1, rejected + 1
            continue
        terms.append(sum(weight >= least_weight for _, weight in vector))
    count = max(1, len(sizes))
    expected = seconds * documents / max(1, len(sample))
    return Trial(documents, rejected, ids.count, sum(terms) / count, sum(sizes) / count, expected)
