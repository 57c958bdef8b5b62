"""Where many texts are encoded, as many batches run at the same time as there are cores."""

from pathlib import Path

import pytest
from csplade.commands import demo
from csplade.commands.options import SHIPPED_ENCODER
from csplade.integration.client import connect
from csplade.integration.index import create_index
from csplade.integration.templates import IndexOptions
from csplade.pipelines import encode_many
from csplade.pipelines.contract import read_contract
from csplade.pipelines.encode import Encoder
from csplade.pipelines.encode_many import many_texts, worker_texts
from csplade.pipelines.encode_options import DEFAULT, Device, EncodeOptions
from csplade.tests.command_run import Run, runner

CORES = 3


@pytest.fixture(autouse=True)
def processor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let there be so many cores and no GPU."""
    monkeypatch.setattr(encode_many, "cores", lambda: CORES)
    monkeypatch.setattr(encode_many, "usable_device", lambda _quantization: Device.CPU)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    return runner(monkeypatch, capsys)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[EncodeOptions]:
    """Give the options with which encoders are opened; none is."""
    found: list[EncodeOptions] = []

    def note(_folder: Path, options: EncodeOptions = DEFAULT) -> Encoder:
        found.append(options)
        raise KeyboardInterrupt

    monkeypatch.setattr(Encoder, "open", note)
    return found


def test_a_processor_has_a_lane_for_each_core_and_a_gpu_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert many_texts() == EncodeOptions(lanes=CORES, threads=1)
    assert many_texts(EncodeOptions(device=Device.CUDA)) == EncodeOptions(device=Device.CUDA)
    assert many_texts(EncodeOptions(batch_tokens=64), 2) == EncodeOptions(batch_tokens=64, lanes=2, threads=1)
    assert many_texts(lanes=1) == DEFAULT
    gpu_for_floats = {"none": Device.CUDA, read_contract(SHIPPED_ENCODER).quantization: Device.CPU}
    monkeypatch.setattr(encode_many, "usable_device", gpu_for_floats.__getitem__)
    assert many_texts() == DEFAULT
    assert many_texts(contract=read_contract(SHIPPED_ENCODER)) == EncodeOptions(lanes=CORES, threads=1)


def test_a_worker_has_a_thread_for_each_lane_and_its_gpu_or_the_processor() -> None:
    assert worker_texts() == EncodeOptions(threads=1, device=Device.CPU)
    assert worker_texts(EncodeOptions(batch_tokens=64), lanes=2) == EncodeOptions(
        batch_tokens=64, lanes=2, threads=1, device=Device.CPU
    )
    assert worker_texts(gpus=0.5) == EncodeOptions(device=Device.CUDA)


def test_ingest_and_demo_take_them(run: Run, opened: list[EncodeOptions], tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"id": 1, "text": "bread"}\n')
    assert run("ingest", tmp_path / "a.jsonl", "--index", "articles").code != 0
    with pytest.raises(KeyboardInterrupt):
        demo._open_encoders(SHIPPED_ENCODER)
    assert opened == [EncodeOptions(lanes=CORES, threads=1)] * 2


@pytest.mark.cluster
def test_enrich_and_reindex_take_them(
    run: Run, opened: list[EncodeOptions], opensearch: str, index_name: str, tmp_path: Path
) -> None:
    client, target = connect(opensearch), f"{index_name}-2"
    create_index(client, index_name, read_contract(SHIPPED_ENCODER), IndexOptions())
    where = ("--url", opensearch, "--dead-letters", tmp_path / "dead.jsonl")
    copied = ("reindex", "--from", index_name, "--to", target, *where)
    try:
        for command in (("enrich", "--index", index_name, *where), copied, (*copied, "--dry-run")):
            assert run(*command).err.endswith("Stopped.\n")
    finally:
        client.indices.delete(index=target, params={"ignore_unavailable": "true"})
    assert opened == [EncodeOptions(lanes=CORES, threads=1)] * 3
