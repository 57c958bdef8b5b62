"""A run of `csplade ingest` that gets documents for as long as a test wants, however slow the cluster is meanwhile."""

import subprocess
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson
import pytest
from csplade.integration.errors import ClusterError
from csplade.tests.ingest_process import start
from opensearchpy import OpenSearch

POISON, REPLACED = 7, "20"
"""A record that the cluster refuses, and the id that the last record has once more."""
_SECONDS = 900


def record(number: int) -> dict[str, Any]:  # Any: JSON values
    """Return a record by its number in the stream."""
    return {"_id": str(number), "text": f"bread {number}", "year": "soon" if number == POISON else number}


class Stream:
    """Writes records into a run until it is told to end."""

    def __init__(self, folder: Path, client: OpenSearch, index: str, arguments: Sequence[object]) -> None:
        self._client, self._index = client, index
        self.run = start(folder, ["-", "--index", index, "--json", *arguments], stdin=subprocess.PIPE)
        self.count = 0
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._write, daemon=True)
        self._thread.start()

    def wait_for_more(self, more: int) -> None:
        """Wait until the cluster counts so many documents more than now."""
        deadline, wanted = time.monotonic() + _SECONDS, None
        while time.monotonic() < deadline:
            assert self.run.poll() is None, self.run.communicate()
            # The cluster may be away at the moment.
            with suppress(ClusterError):
                count = self.counted()
                wanted = count + more if wanted is None else wanted
                if count >= wanted:
                    return
            time.sleep(0.2)
        pytest.fail(f"{more} documents more did not come in {_SECONDS} s")

    def counted(self) -> int:
        """Return how many documents the cluster counts."""
        self._client.indices.refresh(index=self._index)
        return int(self._client.count(index=self._index)["count"])

    def check_end(self) -> None:
        """Write a last record, let the run end, and check that its account and the index hold each document once."""
        self._ending.set()
        self._thread.join(_SECONDS)
        # What is closed cannot be flushed by `communicate`.
        self.run.stdin = None
        out, err = self.run.communicate(timeout=_SECONDS)
        told, count = orjson.loads(out), self.count
        assert told["read"] == count == told["indexed"] + told["skipped"] + told["failed"], err
        assert (told["failed"], told["duplicates"], told["in_index"]) == (1, 1, count - 2), err
        self._client.indices.refresh(index=self._index)
        self._client.indices.put_settings(index=self._index, body={"index.max_result_window": count})
        body = {"size": count, "_source": ["text"], "track_total_hits": True}
        found = self._client.search(index=self._index, body=body, params={"request_timeout": 120})["hits"]
        assert found["total"]["value"] == count - 2 == len(found["hits"])
        expected = {str(one): f"bread {one}" for one in range(count - 1) if one != POISON}
        expected[REPLACED] = f"bread {count - 1}"
        assert {hit["_id"]: hit["_source"]["text"] for hit in found["hits"]} == expected

    def kill(self) -> None:
        """End the run, whatever it does."""
        self.run.kill()
        self.run.wait()

    def _write(self) -> None:
        pipe = self.run.stdin
        assert pipe is not None
        with suppress(BrokenPipeError), pipe:
            while not self._ending.is_set():
                self._one(record(self.count))
            self._one({**record(self.count), "_id": REPLACED})

    def _one(self, value: dict[str, Any]) -> None:  # Any: JSON values
        pipe = self.run.stdin
        assert pipe is not None
        pipe.write(orjson.dumps(value).decode() + "\n")
        self.count += 1
