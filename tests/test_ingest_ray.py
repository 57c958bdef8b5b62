"""`csplade ingest --engine ray` of two files into a real index, with two workers, one of which is killed."""

import os
import signal
import subprocess
import time
from pathlib import Path

import orjson
import pytest
from csplade.integration.client import connect
from csplade.pipelines.encode import Encoder
from csplade.tests.ray_workers import actors_below, start_on_ray
from csplade.tests.tiny_encoder import TEXTS
from opensearchpy import OpenSearch

pytestmark = [pytest.mark.model, pytest.mark.cluster]
pytest.importorskip("ray", reason="this is about the extra [ray]: pip install 'csplade[ray]'")
pyarrow = pytest.importorskip("pyarrow", reason="the extra parquet is not installed")
parquet = pytest.importorskip("pyarrow.parquet")

DOCUMENTS, JSONL = 12_000, 5_000
ENDLESS = 200_000
"""Documents that no machine can have sent when the run is stopped behind the first."""


def started(folder: Path, url: str, index: str, encoder: Path, *options: str) -> subprocess.Popen[str]:
    sources = sorted(path.name for path in folder.iterdir())
    return start_on_ray(folder, encoder, "ingest", *sources, "--index", index, "--url", url, "--json", *options)


def arrived(client: OpenSearch, index: str) -> bool:
    """Look whether some documents are in the index."""
    if not client.indices.exists(index=index):
        return False
    # Before its shard has begun, a new index cannot be counted.
    client.cluster.health(index=index, params={"wait_for_status": "yellow"})
    client.indices.refresh(index=index)
    return bool(client.count(index=index)["count"])


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")
def test_a_worker_that_is_killed_loses_and_duplicates_nothing(
    tmp_path: Path, opensearch: str, index_name: str, encoder_folder: Path
) -> None:
    texts = [f"{TEXTS[n % 5]} number {n}" for n in range(DOCUMENTS)]
    texts[7] += " pump" * 200
    lines = [orjson.dumps({"_id": str(n), "text": text}) for n, text in enumerate(texts)]
    (tmp_path / "a.jsonl").write_bytes(b"\n".join(lines[:JSONL]))
    columns = {"_id": [str(n) for n in range(JSONL, DOCUMENTS)], "text": texts[JSONL:]}
    parquet.write_table(pyarrow.table(columns), tmp_path / "b.parquet")
    process = started(tmp_path, opensearch, index_name, encoder_folder)
    client = connect(opensearch)
    deadline, killed = time.monotonic() + 150, 0
    while not killed and process.poll() is None and time.monotonic() < deadline:
        if arrived(client, index_name):
            for pid in list(actors_below(process.pid, "_WindowEncoder"))[:1]:
                os.kill(pid, signal.SIGKILL)
                killed = pid
        time.sleep(0.02)
    said, err = process.communicate(timeout=150)
    assert killed, err
    assert process.returncode == 0, err
    shown = orjson.loads(said)
    counts = [shown[name] for name in ("read", "indexed", "failed", "duplicates", "in_index")]
    assert counts == [DOCUMENTS, DOCUMENTS, 0, 0, DOCUMENTS]
    assert shown["runs_on"] == ["CPUExecutionProvider"]
    assert shown["cut"] == 1 and "Of 1 text the model did not see the end" in err

    alone = Encoder.open(encoder_folder)
    for number in (0, 1, 5999, DOCUMENTS - 1):
        (wanted,) = alone.documents([orjson.loads(lines[number])["text"]])
        kept = client.get(index=index_name, id=str(number))["_source"]["csplade_terms"]
        # The cluster keeps 9 significant bits of a weight, and no more are sent.
        assert kept == pytest.approx(dict(wanted.weights), rel=2**-8)


def test_sigterm_ends_it_as_ctrl_c_does(tmp_path: Path, opensearch: str, index_name: str, encoder_folder: Path) -> None:
    lines = [orjson.dumps({"_id": str(n), "text": f"{TEXTS[n % 5]} number {n}"}) for n in range(ENDLESS)]
    (tmp_path / "a.jsonl").write_bytes(b"\n".join(lines))
    process = started(tmp_path, opensearch, index_name, encoder_folder)
    client, deadline = connect(opensearch), time.monotonic() + 150
    while not arrived(client, index_name) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    said, err = process.communicate(timeout=150)
    assert (process.returncode, said) == (1, ""), err
    assert "documents are indexed. Run again, the same command goes on from there." in err
    assert err.splitlines()[-1] == "Stopped."
    assert "Traceback" not in err


def test_what_does_not_go_together_is_told(
    tmp_path: Path, opensearch: str, index_name: str, encoder_folder: Path
) -> None:
    (tmp_path / "a.jsonl").write_text('{"_id": "1", "text": "bread"}')
    process = started(tmp_path, opensearch, index_name, encoder_folder, "--vectors", "vector")
    said, err = process.communicate(timeout=60)
    assert (process.returncode, said) == (2, "")
    assert err.splitlines()[-1] == (
        "Error: --vectors encodes nothing, so there is nothing for --engine ray: leave one of them out"
    )
