"""`csplade encode --engine ray` on a Ray cluster of this machine with two workers, one of which is killed."""

import os
import signal
import subprocess
import time
from pathlib import Path

import orjson
import pytest
from csplade.pipelines.encode import EncodeOptions, Encoder
from csplade.tests.ray_workers import actors_below, start_on_ray
from csplade.tests.tiny_encoder import TEXTS

pytestmark = pytest.mark.model
pytest.importorskip("ray", reason="this is about the extra [ray]: pip install 'csplade[ray]'")
pyarrow = pytest.importorskip("pyarrow", reason="the extra parquet is not installed")
parquet = pytest.importorskip("pyarrow.parquet")

RECORDS, PARQUET, BLOCK = 2500, 750, 500
ENDLESS = 200_000
"""Records that no machine can have encoded when the run is stopped behind the first block."""


def started(folder: Path, encoder: Path, *sources: str) -> subprocess.Popen[str]:
    options = ("--workers", "2", "--block", str(BLOCK), "--output", "out", "--json", "--deterministic")
    return start_on_ray(folder, encoder, "encode", *sources, *options, "--on-bad-record", "skip")


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")
def test_a_worker_that_is_killed_loses_and_duplicates_nothing(tmp_path: Path, encoder_folder: Path) -> None:
    lines = [orjson.dumps({"_id": str(n), "text": TEXTS[n % 5]}) for n in range(RECORDS)]
    (tmp_path / "a.jsonl").write_bytes(b"\n".join([*lines[:1700], b"{", *lines[1700:]]))
    columns = {"_id": [f"p{n}" for n in range(PARQUET)], "text": [TEXTS[n % 5] for n in range(PARQUET)]}
    parquet.write_table(pyarrow.table(columns), tmp_path / "b.parquet", row_group_size=100)
    process = started(tmp_path, encoder_folder, "a.jsonl", "b.parquet")
    out, deadline, killed = tmp_path / "out", time.monotonic() + 150, 0
    while not killed and process.poll() is None and time.monotonic() < deadline:
        # A hidden file is a block in the middle of being written.
        if any(out.glob(".*.jsonl.*")):
            for pid in list(actors_below(process.pid, "_BlockEncoder"))[:1]:
                os.kill(pid, signal.SIGKILL)
                killed = pid
        time.sleep(0.02)
    said, err = process.communicate(timeout=150)
    assert killed, err
    # The bad record is counted, and is the reason of the exit code.
    assert process.returncode == 1, err
    assert "1 record has no vector" in err
    shown = orjson.loads(said)
    assert (shown["blocks"], shown["written"], shown["skipped"], shown["failed"]) == (8, RECORDS + PARQUET, 0, 1)
    blocks = [f"0000-{begin:010}.jsonl" for begin in range(0, 3000, BLOCK)]
    blocks += [f"0001-{begin:010}.jsonl" for begin in range(0, PARQUET, BLOCK)]
    assert sorted(path.name for path in out.glob("0*")) == blocks
    assert sorted(path.name for path in out.glob("_*")) == ["_0000-0000001500.failed.jsonl", "_job.json"]
    found = [orjson.loads(line) for path in sorted(out.glob("0*")) for line in path.read_bytes().splitlines()]
    assert [each["id"] for each in found] == [*(str(n) for n in range(RECORDS)), *columns["_id"]]
    alone = Encoder.open(encoder_folder, EncodeOptions(deterministic=True))
    for part in (found[:5], found[RECORDS : RECORDS + 5]):
        for each, wanted in zip(part, alone.documents(TEXTS[:5]), strict=True):
            assert each["vector"] == pytest.approx(dict(wanted.weights), rel=1e-5)


def test_sigterm_ends_it_as_ctrl_c_does(tmp_path: Path, encoder_folder: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(
        b"\n".join(orjson.dumps({"_id": str(n), "text": TEXTS[n % 5]}) for n in range(ENDLESS))
    )
    process = started(tmp_path, encoder_folder, "a.jsonl")
    deadline = time.monotonic() + 150
    while not any((tmp_path / "out").glob("0*.jsonl")) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    said, err = process.communicate(timeout=150)
    assert (process.returncode, said) == (1, ""), err
    assert "blocks were finished. Run again, the same command does the others." in err
    assert err.splitlines()[-1] == "Stopped."
    assert "Traceback" not in err
