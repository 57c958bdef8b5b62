"""A look over a whole source before anything is created in the cluster: what is in it, and is all of it usable."""

import hashlib
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np
from csplade.integration.documents import Document, Rejected
from csplade.pipelines.errors import SourceError
from csplade.pipelines.number_of import number_of


@dataclass(frozen=True)
class Survey:
    """What a source holds."""

    documents: int
    rejected: int
    first: Rejected | None = None
    """The first that was rejected."""
    unmet: frozenset[str] = frozenset()
    """Of the names that were looked for, those of no document's record."""


class DuplicateCounter:
    """Counts ids that came before with the same routing; 8 bytes per id, so that millions of documents fit in."""

    def __init__(self) -> None:
        self._hashes = array("Q")

    def add(self, identity: str, routing: str | None = None) -> None:
        """Take note of an id, which an index may hold once for each routing."""
        key = b"" if routing is None else hashlib.blake2b(routing.encode(errors="surrogatepass")).digest()
        digest = hashlib.blake2b(identity.encode(errors="surrogatepass"), digest_size=8, key=key).digest()
        self._hashes.append(int.from_bytes(digest, "little"))

    @property
    def count(self) -> int:
        """Return how many of the ids had come before."""
        return len(self._hashes) - np.unique(np.frombuffer(self._hashes, dtype=np.uint64)).size

    def watch(self, documents: Iterable[Document | Rejected]) -> Iterator[Document | Rejected]:
        """Pass the documents through and take note of their ids."""
        for document in documents:
            if isinstance(document, Document):
                self.add(document.id, document.routing)
            yield document


def survey(documents: Iterable[Document | Rejected], names: Iterable[str] = ()) -> Survey:
    """Read all documents of a source, and look in their records for fields of these names."""
    found = rejected = 0
    unmet = {*names}
    first: Rejected | None = None
    for document in documents:
        if isinstance(document, Rejected):
            rejected += 1
            first = first or document
        else:
            found += 1
            if unmet and document.record is not None:
                unmet -= document.record.keys()
    return Survey(found, rejected, first, frozenset(unmet))


def check_any(found: Survey, name: str) -> None:
    """Check that the source called `name` holds a document.

    Raises:
        SourceError: there is none that can be indexed.
    """
    if found.documents:
        return
    if found.first is None:
        raise _empty(name)
    reason = f"line {found.first.line} {found.first.reason}"
    raise SourceError(f"{name} holds {number_of(found.rejected, 'record')}, of which none can be indexed: {reason}")


def all_usable(documents: Iterable[Document | Rejected], name: str) -> Iterator[Document]:
    """Pass the documents through up to the first that is none.

    Raises:
        SourceError: a record is no document; the message names its line.
    """
    for document in documents:
        if isinstance(document, Rejected):
            raise SourceError(
                f"{name} line {document.line} {document.reason}; or pass over such records with --on-bad-record skip"
            )
        yield document


def begun(documents: Iterable[Document | Rejected], name: str) -> Iterator[Document | Rejected]:
    """Read the first document now and the others when asked for; for a source that can be read only once.

    Raises:
        SourceError: there is no first document.
    """
    rest = iter(documents)
    first = next(rest, None)
    if first is None:
        raise _empty(name)
    return chain((first,), rest)


def _empty(name: str) -> SourceError:
    return SourceError(f"{name} is empty: give a source with at least one document")
