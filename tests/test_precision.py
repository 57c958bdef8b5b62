"""Bfloat16 is for devices that multiply it: elsewhere training is in float32, and says so."""

from pathlib import Path

import pytest
import torch
from csplade.pipelines.encode_processor import Processor
from csplade.pipelines.precision import FLOAT_INSTEAD, multiplies_bf16
from csplade.pipelines.training_log import read_log
from csplade.tests.command_run import Run, runner
from csplade.tests.test_adapt_command import SMALL, write_model
from csplade.tests.tiny_backbone import write_backbone, write_pairs
from csplade.tests.tiny_encoder import TEXTS
from csplade.tests.training_process import settings

pytestmark = pytest.mark.model

LAPTOP, SERVER = Processor("avx2", (), ()), Processor("avx512f", ("avx512_vnni",), ("avx512_bf16",))


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    monkeypatch.chdir(tmp_path)
    return runner(monkeypatch, capsys)


needs_the_processor = pytest.mark.skipif(
    torch.accelerator.is_available(), reason="training runs on the accelerator here"
)


def _be(monkeypatch: pytest.MonkeyPatch, processor: Processor | None) -> None:
    monkeypatch.setattr("csplade.pipelines.precision.read_processor", lambda: processor)


@pytest.mark.parametrize(("processor", "found"), [(LAPTOP, False), (SERVER, True), (None, True)])
def test_a_processor_multiplies_bf16_if_the_system_says_so_or_nothing(
    monkeypatch: pytest.MonkeyPatch, processor: Processor | None, found: bool
) -> None:
    _be(monkeypatch, processor)
    assert multiplies_bf16(torch.device("cpu")) is found
    assert multiplies_bf16(torch.device("cuda", 0))


def _losses(run: Run, output: str, bf16: bool) -> tuple[list[float], str]:
    done = run(
        *("train", "pairs.jsonl", "--backbone", "tiny", "--output", output, "--steps", 3),
        *settings(tune__tuned="full", batch__bf16="true" if bf16 else "false"),
    )
    assert done.code == 0, done.err
    return [line["losses"]["total"] for line in read_log(Path(output) / "log.jsonl") if "losses" in line], done.err


@needs_the_processor
def test_a_recipe_in_bf16_trains_in_float_where_the_processor_has_no_bf16(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_backbone(Path("tiny"))
    write_pairs(Path("pairs.jsonl"), 32)
    _be(monkeypatch, LAPTOP)
    exact, said = _losses(run, "exact", bf16=False)
    assert FLOAT_INSTEAD not in said
    instead, said = _losses(run, "instead", bf16=True)
    assert FLOAT_INSTEAD in said
    _be(monkeypatch, SERVER)
    narrow, said = _losses(run, "narrow", bf16=True)
    assert FLOAT_INSTEAD not in said
    assert instead == exact
    assert narrow != exact


@needs_the_processor
def test_an_adaptation_in_bf16_is_in_float_where_the_processor_has_no_bf16(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_model(Path("model"))
    Path("texts.txt").write_text("\n\n".join(TEXTS * 8), encoding="utf-8")

    def losses(output: str, *more: str) -> tuple[list[float], str]:
        done = run("adapt", "texts.txt", *SMALL, "--output", output, "--steps", "2", *more)
        assert done.code == 0, done.err
        return [line["losses"]["total"] for line in read_log(Path(output) / "log.jsonl")], done.err

    _be(monkeypatch, LAPTOP)
    exact, _ = losses("exact")
    instead, said = losses("instead", "--bf16")
    assert FLOAT_INSTEAD in said
    _be(monkeypatch, SERVER)
    narrow, said = losses("narrow", "--bf16")
    assert FLOAT_INSTEAD not in said
    assert instead == exact
    assert narrow != exact
