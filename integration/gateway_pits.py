"""Which indexes a point in time is about: later searches in it name none. Kept in a folder that all workers share.

What cannot be kept there is told of, and costs no answer: searches in such a point in time pass as they are.
"""

import hashlib
import logging
import re
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from csplade.integration.gateway_folder import restore, write_whole
from csplade.integration.gateway_json import UnreadJson, read_json, read_object

_LOG = logging.getLogger(__name__)
_OLDEST_SECONDS = 48 * 3600.0
_SWEPT_AFTER = 256
_MOST = 10_000
_LONGEST_NAMES = 4096
# It is the first name that an answer to a search in one has, or one of the first.
_RENAMED = re.compile(rb'\A\s*\{[^{}]*?"pit_id"\s*:\s*"([^"\\]+)"')


class Pits:
    """The points in time that were opened through this gateway, `most` of them or a few more; it takes its time."""

    def __init__(self, folder: Path, most: int = _MOST, swept_after: int = _SWEPT_AFTER) -> None:
        self._shared, self._folder = folder, folder / "pits"
        self._most, self._swept_after = most, swept_after
        self._kept = 0
        self._told = False

    def keep(self, identity: str, names: str) -> None:
        """Remember that one is about these indexes."""
        if len(names) > _LONGEST_NAMES:
            return
        with self._telling():
            for folder in (self._shared, self._folder):
                restore(folder)
            write_whole(self._path(identity), names.encode(errors="surrogatepass"))
            self._kept += 1
            if self._kept % self._swept_after == 0:
                self._sweep()

    def names(self, identity: str) -> str | None:
        """Return the names of the indexes; None: it was opened elsewhere, or could not be kept."""
        with self._telling(), suppress(FileNotFoundError):
            return self._path(identity).read_text(encoding="utf-8", errors="surrogatepass")
        return None

    def forget(self, identities: Iterable[str]) -> None:
        """Forget some that are closed."""
        with self._telling():
            for identity in identities:
                self._path(identity).unlink(missing_ok=True)

    def forget_all(self) -> None:
        """Forget all of them."""
        with self._telling(), suppress(FileNotFoundError):
            for path in self._folder.iterdir():
                path.unlink(missing_ok=True)

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """Tell, once, what keeps points in time from being remembered; by then the cluster has answered."""
        try:
            yield
        except OSError as error:
            if not self._told:
                _LOG.error("searches in new points in time pass as they are, as these cannot be remembered: %s", error)
            self._told = True

    def _path(self, identity: str) -> Path:
        digest = hashlib.blake2b(identity.encode(errors="surrogatepass"), digest_size=20)
        return self._folder / digest.hexdigest()

    def _sweep(self) -> None:
        """Forget what clusters have forgotten too, and the oldest of too many."""
        found = []
        for path in self._folder.iterdir():
            # Another worker may be quicker.
            with suppress(FileNotFoundError):
                found.append((path.stat().st_mtime, path))
        oldest = time.time() - _OLDEST_SECONDS
        for place, (when, path) in enumerate(sorted(found, reverse=True)):
            if place >= self._most or when < oldest:
                path.unlink(missing_ok=True)


def pit_of(body: bytes) -> str | None:
    """Return the point in time that a search names, None if it names none.

    Raises:
        UnreadJson: its body is no plain JSON object.
    """
    # Most searches have none, and need not be read twice.
    if b'"pit"' not in body:
        return None
    pit = read_object(body).get("pit")
    found = pit.get("id") if isinstance(pit, dict) else None
    return found if isinstance(found, str) else None


def opened_pit(answer: bytes) -> str | None:
    """Return the one that the cluster opened, by its answer; None: none is told."""
    found = _identities(answer)
    return found[0] if len(found) == 1 else None


def closed_pits(body: bytes) -> list[str]:
    """Return those that a request closes."""
    return _identities(body)


def renamed_pit(answer: bytes) -> str | None:
    """Return what one is called from now on, by the beginning of the answer to a search in it."""
    found = _RENAMED.match(answer)
    return None if found is None else found[1].decode("latin-1")


def _identities(body: bytes) -> list[str]:
    try:
        value = read_json(body)
    except UnreadJson:
        return []
    # OpenSearch and Elasticsearch.
    found = value.get("pit_id", value.get("id")) if isinstance(value, dict) else None
    return [each for each in (found if isinstance(found, list) else [found]) if isinstance(each, str)]
