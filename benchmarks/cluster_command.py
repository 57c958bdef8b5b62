"""Documents per second from a file into a cluster: the whole `csplade ingest`, and a loop of parallel_bulk."""

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson
from csplade.benchmarks.cluster_ingest import INDEX, empty_index, in_turns
from csplade.benchmarks.cluster_material import Weighted
from csplade.integration.dialect import Dialect
from csplade.integration.documents import mark_of
from csplade.integration.templates import MARK_FIELD, TEXT_FIELD, WEIGHTS_FIELD
from csplade.pipelines.contract import Contract
from opensearchpy import OpenSearch
from opensearchpy.helpers import parallel_bulk

_VECTOR = "vector"
_THREADS, _CHUNK = 4, 500
Way = Callable[[], None]


def command_rows(
    client: OpenSearch, url: str, dialect: Dialect, contract: Contract, documents: Sequence[Weighted], rounds: int
) -> list[tuple[str, float]]:
    """Return documents per second of each way, in turns, each time from the start of the program to its end.

    The command also starts Python, looks the source over, keeps a checkpoint, measures the index and checks its count;
    the loop does none of it.
    """
    with TemporaryDirectory() as folder:
        file = _written(Path(folder) / "documents.jsonl", documents)
        ways: dict[str, Way] = {
            f"csplade ingest FILE --vectors {_VECTOR}": lambda: _command(url, file),
            f"parallel_bulk of the same file, {_CHUNK} a request, {_THREADS} threads": lambda: _loop(
                client, contract, file
            ),
        }

        def run(way: Way) -> float:
            with empty_index(client, dialect, contract):
                began = time.perf_counter()
                way()
                took = time.perf_counter() - began
                _check(client, len(documents))
                return took

        seconds = in_turns([partial(run, way) for way in ways.values()], rounds)
    return [(name, len(documents) * rounds / took) for name, took in zip(ways, seconds, strict=True)]


def _written(path: Path, documents: Sequence[Weighted]) -> Path:
    with path.open("wb") as file:
        for one in documents:
            file.write(orjson.dumps({"_id": one.id, "text": one.text, _VECTOR: dict(one.vector)}) + b"\n")
    return path


def _command(url: str, file: Path) -> None:
    arguments = ["ingest", file.name, "--index", INDEX, "--url", url, "--vectors", _VECTOR, "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "csplade.cli", *arguments], cwd=file.parent, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(done.stderr)


def _loop(client: OpenSearch, contract: Contract, file: Path) -> None:
    with file.open("rb") as lines:
        actions = (_action(contract, orjson.loads(line)) for line in lines)
        for _ in parallel_bulk(client, actions, thread_count=_THREADS, chunk_size=_CHUNK, request_timeout=120):
            pass
    client.indices.refresh(index=INDEX)


def _action(contract: Contract, record: dict[str, Any]) -> dict[str, object]:  # Any: JSON values
    text = record["text"]
    source = {TEXT_FIELD: text, WEIGHTS_FIELD: record[_VECTOR], MARK_FIELD: mark_of(contract.fingerprint, text)}
    return {"_index": INDEX, "_id": record["_id"], "_source": source}


def _check(client: OpenSearch, expected: int) -> None:
    client.indices.refresh(index=INDEX)
    found = client.count(index=INDEX)["count"]
    if found != expected:
        raise SystemExit(f"{found} documents of {expected} have arrived")
