"""Which indexes a point in time is about: later searches in it name none. Kept in a folder that all workers share."""

import hashlib
import time
from pathlib import Path

from csplade.integration.gateway_json import UnreadJson, read_json

_OLDEST_SECONDS = 48 * 3600.0
_SWEPT_AFTER = 256


class Pits:
    """The points in time that were opened through this gateway."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "pits"
        self._folder.mkdir(exist_ok=True)
        self._kept = 0

    def keep(self, answer: bytes, names: str) -> None:
        """Remember what the cluster answered to who opened one of these indexes."""
        identity = _opened(answer)
        if identity is None:
            return
        self._path(identity).write_text(names, encoding="utf-8", errors="surrogatepass")
        self._kept += 1
        if self._kept % _SWEPT_AFTER == 0:
            self._sweep()

    def names(self, identity: str) -> str | None:
        """Return the names of the indexes; None: it was opened elsewhere."""
        try:
            return self._path(identity).read_text(encoding="utf-8", errors="surrogatepass")
        except FileNotFoundError:
            return None

    def _path(self, identity: str) -> Path:
        digest = hashlib.blake2b(identity.encode(errors="surrogatepass"), digest_size=20)
        return self._folder / digest.hexdigest()

    def _sweep(self) -> None:
        oldest = time.time() - _OLDEST_SECONDS
        for path in self._folder.iterdir():
            if path.stat().st_mtime < oldest:
                # Another worker may be quicker.
                path.unlink(missing_ok=True)


def _opened(answer: bytes) -> str | None:
    try:
        value = read_json(answer)
    except UnreadJson:
        return None
    # OpenSearch and Elasticsearch.
    found = value.get("pit_id", value.get("id")) if isinstance(value, dict) else None
    return found if isinstance(found, str) else None
