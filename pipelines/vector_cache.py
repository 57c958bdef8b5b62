"""Vectors of documents that were encoded before, so that nothing is encoded twice: one file per encoder.

The file is gzipped JSON lines: the fingerprint of the encoder, then a text's hash and its weights per line. It is
written beside the old one and put into its place, so there is never half of it; gzip's checksum tells what is damaged.
"""

import gzip
import hashlib
import zlib
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path
from typing import Protocol

import orjson
from csplade.pipelines.contract import Contract
from csplade.pipelines.errors import EncoderError, SourceError
from csplade.pipelines.sparse import SparseVector
from csplade.pipelines.whole_file import replace_bytes

SAVE_EVERY = 500
"""Vectors that even a killed program can lose at most."""

_FORMAT = 1
_QUICKEST = 1


class VectorCache:
    """The vectors of one encoder, by text."""

    def __init__(self, path: Path, fingerprint: str, vectors: dict[str, SparseVector], damage: str = "") -> None:
        self.path = path
        self.damage = damage
        """Why the file could not be used; empty if it could, or if there was none."""
        self._fingerprint = fingerprint
        self._vectors = vectors

    @classmethod
    def open(cls, folder: Path, fingerprint: str) -> "VectorCache":
        """Read the file of this encoder; a damaged one counts as empty, see `damage`.

        Raises:
            SourceError: there is a file, and it cannot be opened.
        """
        path = folder / f"vectors-{fingerprint}.jsonl.gz"
        try:
            return cls(path, fingerprint, _parse(gzip.decompress(path.read_bytes()), fingerprint))
        except FileNotFoundError:
            return cls(path, fingerprint, {})
        except (gzip.BadGzipFile, EOFError, zlib.error, ValueError) as error:
            return cls(path, fingerprint, {}, damage=str(error) or type(error).__name__)
        except OSError as error:
            raise SourceError(
                f"the kept vectors {path} cannot be read ({error.strerror}): correct the file's rights, or delete it"
            ) from error

    def __contains__(self, text: str) -> bool:
        return _key(text) in self._vectors

    def __getitem__(self, text: str) -> SparseVector:
        return self._vectors[_key(text)]

    def __setitem__(self, text: str, vector: SparseVector) -> None:
        self._vectors[_key(text)] = vector

    def save(self) -> None:
        """Write all vectors.

        Raises:
            SourceError: the file cannot be written.
        """
        lines: list[object] = [{"format": _FORMAT, "fingerprint": self._fingerprint}]
        lines += [{"text": key, "weights": vector.weights} for key, vector in self._vectors.items()]
        content = b"".join(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE) for line in lines)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            replace_bytes(self.path, gzip.compress(content, compresslevel=_QUICKEST, mtime=0))
        except OSError as error:
            raise SourceError(
                f"the vectors cannot be kept in {self.path} ({error.strerror}): make room there, or name another "
                "folder for caches in XDG_CACHE_HOME"
            ) from error


class _Encoder(Protocol):
    @property
    def contract(self) -> Contract: ...

    def documents(self, texts: Iterable[str]) -> Iterator[SparseVector]: ...

    def queries(self, texts: Iterable[str]) -> Iterator[SparseVector]: ...


class CachedEncoder:
    """An encoder that gives documents from the cache where it can, and keeps there what it has to encode."""

    def __init__(self, encoder: _Encoder, cache: VectorCache) -> None:
        self._encoder = encoder
        self._cache = cache

    @property
    def contract(self) -> Contract:
        """Return the promise of the encoder folder."""
        return self._encoder.contract

    def missing(self, texts: Iterable[str]) -> list[str]:
        """Return the texts that have to be encoded, each once."""
        return [text for text in dict.fromkeys(texts) if text not in self._cache]

    def documents(self, texts: Iterable[str]) -> Generator[SparseVector, None, None]:
        """Encode documents, in order; whatever stops it, closing it keeps what was encoded.

        Raises:
            SourceError: the cache cannot be written.
            EncoderError: the encoder loses a text.
        """
        wanted = list(texts)
        fresh = self._encoder.documents(self.missing(wanted))
        unsaved = 0
        try:
            for text in wanted:
                if text not in self._cache:
                    # The missing texts come in the order of all texts, so the next one is this one's.
                    self._cache[text] = _next(fresh)
                    unsaved += 1
                if unsaved >= SAVE_EVERY:
                    self._cache.save()
                    unsaved = 0
                yield self._cache[text]
        finally:
            if unsaved:
                self._cache.save()

    def queries(self, texts: Iterable[str]) -> Iterator[SparseVector]:
        """Encode queries, in order; they are not kept."""
        return self._encoder.queries(texts)


def _next(vectors: Iterator[SparseVector]) -> SparseVector:
    vector = next(vectors, None)
    if vector is None:
        raise EncoderError("the encoder gave fewer vectors than texts: check the encoder folder")
    return vector


def _key(text: str) -> str:
    return hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=16).hexdigest()


def _parse(content: bytes, fingerprint: str) -> dict[str, SparseVector]:
    """Return the vectors by key.

    Raises:
        ValueError: the content is not what `save` writes for this fingerprint.
    """
    lines = [orjson.loads(line) for line in content.splitlines()]
    if lines[:1] != [{"format": _FORMAT, "fingerprint": fingerprint}]:
        raise ValueError(f"it begins with {content[:80]!r}")
    try:
        return {line["text"]: SparseVector(line["weights"]) for line in lines[1:]}
    except (TypeError, KeyError) as error:
        raise ValueError(f"a line is no vector ({error})") from error
