"""`csplade train` on a tiny Llama: what it refuses, and what ends it, in sentences that name the next step."""

import shutil
from pathlib import Path

import orjson
import pytest
import torch
from csplade.pipelines import training_run
from csplade.pipelines.batches import Batch
from csplade.pipelines.folder_lock import locked
from csplade.pipelines.training_model import TrainingModel
from csplade.pipelines.training_step import StepOptions, StepReport, backward
from csplade.tests.command_run import Run, runner
from csplade.tests.published_models import write_splade
from csplade.tests.tiny_backbone import write_backbone, write_pairs
from csplade.tests.training_process import settings
from torch import Tensor
from transformers import GraniteConfig


@pytest.fixture(scope="module")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_backbone(tmp_path_factory.mktemp("model") / "tiny")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pairs(tmp_path_factory.mktemp("data") / "pairs.jsonl", 128)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    return runner(monkeypatch, capsys)


def test_a_checkpoint_of_another_recipe_is_refused_with_the_difference(
    run: Run, tmp_path: Path, backbone: Path, data: Path
) -> None:
    arguments = (data, "--backbone", backbone, "--output", tmp_path / "run", "--steps", 2)
    assert run("train", *arguments, *settings()).code == 0
    refused = run("train", *arguments, *settings(loss__flops_query=0.5), "--resume")
    assert refused.code == 1
    assert "is of another training: recipe.loss.flops_query is 0.003 there and 0.5 here" in refused.err
    more = write_pairs(tmp_path / "more.jsonl", 70, seed=9)
    refused = run("train", more, *arguments[1:], *settings(), "--resume")
    assert (refused.code, "data.digest is" in refused.err) == (1, True)
    other = write_backbone(tmp_path / "other", seed=5)
    refused = run("train", data, "--backbone", other, *arguments[3:], *settings(), "--resume")
    assert (refused.code, "backbone.name is" in refused.err) == (1, True)


def test_another_table_of_as_many_idf_is_refused(run: Run, tmp_path: Path, backbone: Path, data: Path) -> None:
    table = tmp_path / "idf.json"
    arguments = ("train", data, "--backbone", backbone, "--output", tmp_path / "run", "--steps", 1, "--idf", table)
    table.write_bytes(orjson.dumps({"idf": {"bread": 5.0, "salt": 2.0}, "default": 9.0}))
    assert run(*arguments, *settings()).code == 0
    table.write_bytes(orjson.dumps({"idf": {"salt": 2.0, "bread": 5.0}, "default": 9.0}))
    assert run(*arguments, *settings(), "--resume").code == 0
    table.write_bytes(orjson.dumps({"idf": {"bread": 4.0, "salt": 2.0}, "default": 9.0}))
    refused = run(*arguments, *settings(), "--resume")
    assert (refused.code, "is of another training: idf.digest is" in refused.err) == (1, True)


def test_an_output_folder_with_something_in_it_is_refused(run: Run, tmp_path: Path, backbone: Path, data: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    refused = run("train", data, "--backbone", backbone, "--output", tmp_path, *settings())
    assert (refused.code, "is not empty and holds no training" in refused.err) == (2, True)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
    output = tmp_path / "run"
    assert run("train", data, "--backbone", backbone, "--output", output, "--steps", 1, *settings()).code == 0
    refused = run("train", data, "--backbone", backbone, "--output", output, "--steps", 1, *settings())
    assert (refused.code, "go on with --resume" in refused.err) == (2, True)


def test_a_folder_in_which_another_process_works_is_refused(
    run: Run, tmp_path: Path, backbone: Path, data: Path
) -> None:
    arguments = ("train", data, "--backbone", backbone, "--output", tmp_path / "run", "--steps", 1, *settings())
    with locked(tmp_path / "run"):
        refused = run(*arguments)
    assert (refused.code, f"works in {tmp_path / 'run'}: wait for it or stop it" in refused.err) == (1, True)
    assert not (tmp_path / "run").exists()
    assert run(*arguments).code == 0
    assert not (tmp_path / "run" / ".lock").exists()


def test_nothing_to_resume_is_told_with_the_folder(run: Run, tmp_path: Path, backbone: Path, data: Path) -> None:
    refused = run("train", data, "--backbone", backbone, "--output", tmp_path / "run", *settings(), "--resume")
    assert refused.code == 2
    assert f"{tmp_path / 'run'} holds no training to resume: leave --resume out" in refused.err
    assert not (tmp_path / "run").exists()


def test_a_model_that_scales_its_logits_is_refused_before_the_data_is_read(
    run: Run, tmp_path: Path, data: Path
) -> None:
    GraniteConfig(architectures=["GraniteForCausalLM"], logits_scaling=8.0).save_pretrained(tmp_path / "granite")
    (tmp_path / "broken.jsonl").write_bytes(b"broken")
    arguments = ("--backbone", tmp_path / "granite", "--output", tmp_path / "run", *settings())
    refused = run("train", tmp_path / "broken.jsonl", *arguments)
    assert (refused.code, "GraniteForCausalLM scales or changes them" in refused.err) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("none.jsonl",), "there is no file none.jsonl"),
        (("{data}", "--idf", "none.json"), "there is no file none.json"),
        (("{data}", "--development", "none"), "there is no folder none: correct --development"),
        (("{data}", "--backbone", "./none"), "there is no language model at ./none"),
        (("{data}", "--teacher", "dense:none"), "needs a folder none, and there is none"),
        (("{data}", "--recipe", "none"), "there is no recipe 'none'"),
        (("{data}", "--set", "loss.kl=-1"), "loss.kl=-1: loss.kl is -1, it must be"),
        ((), "Missing argument 'PATH...'"),
    ],
)
def test_what_a_command_line_names_and_is_not_there_is_wrong_usage(
    run: Run, tmp_path: Path, backbone: Path, data: Path, arguments: tuple[str, ...], said: str
) -> None:
    named = [argument.format(data=data) for argument in arguments]
    refused = run("train", "--backbone", backbone, "--output", tmp_path / "run", *settings(), *named)
    assert (refused.code, said in refused.err) == (2, True)
    assert not (tmp_path / "run").exists()


def test_a_loss_that_is_no_number_stops_and_keeps_the_last_good_checkpoint(
    run: Run, tmp_path: Path, backbone: Path, data: Path
) -> None:
    output = tmp_path / "run"
    changed = settings(tune__learning_rate=1e30, tune__tuned="full", run__save_every=1)
    failed = run("train", data, "--backbone", backbone, "--output", output, "--steps", 30, *changed)
    assert failed.code == 1
    newest = sorted((output / "checkpoints").iterdir())[-1]
    step = int(newest.stem.removeprefix("step-")) + 1
    assert f"at step {step}; the last good checkpoint is {newest}: train anew with a lower tune.learning" in failed.err


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (b'{"query": "bread"}\n', "line 1 of"),
        (b'{"query": "bread", "positive": "loaf"}\n', "there are 1 examples and batch.queries asks for 8"),
    ],
)
def test_data_that_cannot_be_used_is_refused(run: Run, tmp_path: Path, backbone: Path, lines: bytes, said: str) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_bytes(lines)
    refused = run("train", path, "--backbone", backbone, "--output", tmp_path / "run", *settings())
    assert refused.code in (1, 2)
    assert said in refused.err


def test_distillation_without_scores_or_teacher_is_refused(
    run: Run, tmp_path: Path, backbone: Path, data: Path
) -> None:
    refused = run("train", data, "--backbone", backbone, "--output", tmp_path / "run", *settings(loss__kl=1))
    assert refused.code == 2
    assert "line 1 of pairs has none: name a --teacher, or set loss.kl=0" in refused.err
    assert not (tmp_path / "run").exists()


def test_a_tokenizer_that_does_not_match_is_refused(run: Run, tmp_path: Path, backbone: Path, data: Path) -> None:
    wrong = shutil.copytree(backbone, tmp_path / "wrong")
    path = wrong / "tokenizer.json"
    described = orjson.loads(path.read_bytes())
    described["model"]["vocab"] |= {f"more{number}": 800 + number for number in range(600)}
    path.write_bytes(orjson.dumps(described))
    refused = run("train", data, "--backbone", wrong, "--output", tmp_path / "run", *settings())
    assert (refused.code, "do not belong together" in refused.err) == (1, True)


def test_a_backbone_that_is_not_causal_is_refused(run: Run, tmp_path: Path, data: Path) -> None:
    write_splade(tmp_path / "bert")
    refused = run("train", data, "--backbone", tmp_path / "bert", "--output", tmp_path / "run", *settings())
    assert refused.code == 1
    assert "is no causal language model but BertForMaskedLM: choose a decoder such as Llama" in refused.err


def test_a_training_refused_before_its_first_step_does_not_stand_in_the_way_of_the_corrected_command(
    run: Run, tmp_path: Path, backbone: Path, data: Path
) -> None:
    output = tmp_path / "run"
    common = ("train", data, "--output", output, "--steps", 1)
    top = settings(tune__tuned="top", tune__top_layers=99)
    refused = {
        "no-such-model": ("--backbone", tmp_path / "no-such-model", *settings()),
        "the last 99 cannot be trained": ("--backbone", backbone, *top),
        "no-teacher": ("--backbone", backbone, "--teacher", f"dense:{tmp_path}/no-teacher", *settings(loss__kl=1)),
    }
    for said, arguments in refused.items():
        found = run(*common, *arguments)
        assert found.code in (1, 2) and said in found.err
        assert not output.exists()
    done = run(*common, "--backbone", backbone, *settings())
    assert done.code == 0, done.err


def test_too_little_memory_names_the_settings_and_keeps_the_last_checkpoint(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, backbone: Path, data: Path
) -> None:
    def hungry(
        model: TrainingModel, batch: Batch, teacher: Tensor | None, options: StepOptions, step: int
    ) -> StepReport:
        if step == 1:
            torch.zeros(1 << 50)
        return backward(model, batch, teacher, options, step)

    monkeypatch.setattr(training_run, "backward", hungry)
    arguments = ("--output", tmp_path / "run", "--steps", 2, *settings(run__save_every=1))
    failed = run("train", data, "--backbone", backbone, *arguments)
    assert failed.code == 1
    assert "too little memory for the batch at step 2: set batch.micro_queries (now off) to 1" in failed.err
    assert "lower batch.queries (now 8)" in failed.err
    assert [path.name for path in (tmp_path / "run" / "checkpoints").iterdir()] == ["step-000001.pt"]
