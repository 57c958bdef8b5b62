"""`csplade adapt` as a user runs it, on a tiny model folder: what it leaves, what it refuses, how it stops."""

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import orjson
import pytest
import torch
from csplade.pipelines.backbone import open_language_model
from csplade.pipelines.folder_lock import locked
from csplade.tests import slow_training
from csplade.tests.command_run import Run, runner
from csplade.tests.tiny_encoder import TEXTS, tiny_tokenizer
from csplade.tests.tiny_llama import tiny_llama
from safetensors.torch import load_file
from transformers import GraniteConfig, PreTrainedTokenizerFast

pytestmark = pytest.mark.model

SMALL = ("--length", "16", "--batch", "2", "--learning-rate", "0.01", "--tuned", "full", "--backbone", "model")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Run csplade in a folder that holds a model and texts."""
    monkeypatch.chdir(tmp_path)
    write_model(Path("model"))
    Path("texts.txt").write_text("\n\n".join(TEXTS * 8), encoding="utf-8")
    return runner(monkeypatch, capsys)


def write_model(folder: Path, seed: int = 1) -> None:
    tiny_llama(600, seed=seed, spread=0.02).save_pretrained(folder)
    PreTrainedTokenizerFast(tokenizer_object=tiny_tokenizer(), bos_token="<s>").save_pretrained(folder)


def log_steps(folder: str) -> list[int]:
    return [orjson.loads(line)["step"] for line in Path(folder, "log.jsonl").read_bytes().splitlines()]


def test_the_output_is_a_language_model_with_its_tokenizer_and_a_log(run: Run) -> None:
    result = run("adapt", "texts.txt", *SMALL, "--output", "out", "--steps", "4", "--save-every", "2", "--json")
    assert result.code == 0, result.err
    summary: dict[str, Any] = orjson.loads(result.out)
    assert (summary["output"], summary["steps"], summary["finished"]) == ("out", 4, True)
    assert summary["loss"] == pytest.approx(summary["clm"] + summary["relu"])
    assert log_steps("out") == [1, 2, 3, 4]
    model, tokenizer = open_language_model("out")
    before, _ = open_language_model("model")
    assert tokenizer.get_vocab() == tiny_tokenizer().get_vocab()
    weights = model.state_dict(), before.state_dict()
    assert weights[0].keys() == weights[1].keys()
    assert not torch.equal(model.get_input_embeddings().weight, before.get_input_embeddings().weight)
    assert not list(Path("out").glob(".model-*"))


def test_a_table_tells_what_was_done(run: Run) -> None:
    result = run("adapt", "texts.txt", *SMALL, "--output", "out", "--steps", "1", "--attention", "bidirectional")
    assert result.code == 0, result.err
    assert result.out.split()[:4] == ["output", "steps", "sequences", "loss"]
    assert "out" in result.out


def test_texts_that_are_pairs_are_their_positives(run: Run) -> None:
    Path("pairs.jsonl").write_bytes(b"".join(orjson.dumps({"query": "q", "positive": t}) + b"\n" for t in TEXTS * 4))
    pairs, plain = (
        orjson.loads(run("adapt", name, *SMALL, "--output", name[0], "--steps", "1", "--json").out)
        for name in ("pairs.jsonl", "texts.txt")
    )
    assert pairs["loss"] == plain["loss"]


def test_a_stopped_run_says_how_to_go_on_and_then_ends_as_one_never_stopped(run: Run) -> None:
    arguments = ("adapt", "texts.txt", *SMALL, "--steps", "80", "--save-every", "1000")
    program = (sys.executable, "-m", slow_training.MODULE)
    running = subprocess.Popen(
        [*program, *arguments, "--output", "stopped"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    log, deadline = Path("stopped/log.jsonl"), time.monotonic() + 120
    while not (log.is_file() and log.stat().st_size) and running.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=60)
    assert running.returncode == 1, err
    assert "of 80" in err and "--resume" in err and "Traceback" not in err
    assert "stopped" in out
    done = len(log_steps("stopped"))
    assert 0 < done < 80
    assert [path.name for path in Path("stopped/checkpoints").iterdir()] == [f"step-{done:06d}.pt"]
    assert run(*arguments, "--output", "stopped", "--resume").code == 0
    assert run(*arguments, "--output", "whole").code == 0
    assert log_steps("stopped") == list(range(1, 81))
    whole, resumed = (load_file(Path(name, "model.safetensors")) for name in ("whole", "stopped"))
    assert whole.keys() == resumed.keys()
    assert all(torch.equal(value, resumed[name]) for name, value in whole.items())


def test_a_killed_run_goes_on_from_its_last_checkpoint_with_the_same_end(run: Run) -> None:
    arguments = ("adapt", "texts.txt", *SMALL, "--steps", "30", "--save-every", "3")
    program = (sys.executable, "-m", slow_training.MODULE)
    running = subprocess.Popen([*program, *arguments, "--output", "killed"], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while (
        not list(Path("killed").glob("checkpoints/step-*")) and running.poll() is None and time.monotonic() < deadline
    ):
        time.sleep(0.01)
    running.kill()
    running.wait(timeout=60)
    assert running.returncode == -signal.SIGKILL
    assert run(*arguments, "--output", "killed", "--resume").code == 0
    assert run(*arguments, "--output", "whole").code == 0
    whole, resumed = (load_file(Path(name, "model.safetensors")) for name in ("whole", "killed"))
    assert all(torch.equal(value, resumed[name]) for name, value in whole.items())


@pytest.mark.parametrize(
    ("changed", "told"),
    [(("--seed", "1"), "options.seed is 0 there and 1 here"), (("--steps", "3"), "options.steps is 2 there and 3")],
)
def test_going_on_with_other_options_is_refused(run: Run, changed: tuple[str, ...], told: str) -> None:
    arguments = ("adapt", "texts.txt", *SMALL, "--output", "out", "--steps", "2")
    assert run(*arguments).code == 0
    result = run(*arguments, *changed, "--resume")
    assert result.code == 1 and told in result.err


def test_going_on_with_other_options_is_refused_before_the_first_checkpoint_too(run: Run) -> None:
    arguments = ("adapt", "texts.txt", *SMALL, "--output", "out", "--steps", "2")
    assert run(*arguments).code == 0
    for checkpoint in Path("out/checkpoints").iterdir():
        checkpoint.unlink()
    result = run(*arguments, "--lambda-relu", "0.5", "--resume")
    assert result.code == 1 and "options.lambda_relu is 1.0 there and 0.5 here" in result.err
    assert run(*arguments, "--resume").code == 0


def test_going_on_with_other_weights_of_the_same_name_is_refused(run: Run) -> None:
    arguments = ("adapt", "texts.txt", *SMALL, "--output", "out", "--steps", "2")
    assert run(*arguments).code == 0
    write_model(Path("model"), seed=2)
    result = run(*arguments, "--resume")
    assert result.code == 1 and "out is of another adaptation: backbone.weights is '" in result.err
    write_model(Path("model"))
    assert run(*arguments, "--resume").code == 0


def test_going_on_with_other_texts_is_refused(run: Run) -> None:
    arguments = (*SMALL, "--output", "out", "--steps", "2")
    assert run("adapt", "texts.txt", *arguments).code == 0
    Path("other.txt").write_text("other words\n\n" + Path("texts.txt").read_text(encoding="utf-8"), encoding="utf-8")
    result = run("adapt", "other.txt", *arguments, "--resume")
    assert result.code == 1 and "texts.checksum is" in result.err


def test_texts_are_read_as_far_as_the_steps_need(run: Run) -> None:
    lines = [orjson.dumps({"text": text}) for text in TEXTS * 400]
    Path("long.jsonl").write_bytes(b"\n".join([*lines, b"broken"]))
    result = run("adapt", "long.jsonl", *SMALL, "--output", "out", "--steps", "3", "--checkpointing", "--json")
    assert result.code == 0, result.err
    assert orjson.loads(result.out)["sequences"] == 3 * 2
    # Checkpointing changes no weight, so that it may be left out when memory allows.
    assert run("adapt", "long.jsonl", *SMALL, "--output", "out", "--steps", "3", "--resume").code == 0


def test_a_folder_in_which_another_process_works_is_refused(run: Run) -> None:
    with locked(Path("out")):
        result = run("adapt", "texts.txt", *SMALL, "--output", "out", "--steps", "1")
    assert result.code == 1 and "works in out: wait for it or stop it, or name another --output" in result.err
    assert not Path("out").exists()


def test_a_model_that_scales_its_logits_is_refused_before_its_weights_are_read(run: Run) -> None:
    GraniteConfig(architectures=["GraniteForCausalLM"], logits_scaling=8.0).save_pretrained("granite")
    result = run("adapt", "texts.txt", *SMALL, "--backbone", "granite", "--output", "out")
    assert result.code == 1 and "GraniteForCausalLM scales or changes them" in result.err
    assert not Path("out").exists()


def test_nothing_to_resume_is_told_with_the_folder(run: Run) -> None:
    result = run("adapt", "texts.txt", *SMALL, "--output", "out", "--resume")
    assert result.code == 2 and "out holds no adaptation to resume" in result.err
    assert not Path("out").exists()


def test_a_folder_with_something_else_in_it_is_refused_and_left_alone(run: Run) -> None:
    Path("out").mkdir()
    Path("out/letter").write_text("dear", encoding="utf-8")
    for more in ((), ("--resume",)):
        result = run("adapt", "texts.txt", *SMALL, "--output", "out", *more)
        assert result.code == 2 and "--output" in result.err
    assert [path.name for path in Path("out").iterdir()] == ["letter"]


def test_an_adaptation_is_not_begun_again_over_itself(run: Run) -> None:
    arguments = ("adapt", "texts.txt", *SMALL, "--output", "out", "--steps", "1")
    assert run(*arguments).code == 0
    result = run(*arguments)
    assert result.code == 2 and "--resume" in result.err


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("none.txt",), 2, "there is no file none.txt"),
        (("texts.txt", "--length", "5000"), 2, "--length"),
        (("texts.txt", "--backbone", "./none"), 2, "there is no language model at ./none"),
        (("texts.txt", "--attention", "bidirectional", "--mask-token", "<nope>"), 2, "no piece '<nope>'"),
        (("texts.txt", "--text-fields", "a,,b"), 2, "--text-fields"),
        (("texts.txt", "--tuned", "top", "--top-layers", "9"), 2, "the last 9 cannot be trained"),
        (("texts.txt", "--top-layers", "2"), 2, "--top-layers 2 does nothing with --tuned full: leave it out, or take"),
        (("texts.txt", "--tuned", "top", "--lora-rank", "8"), 2, "--lora-rank 8 does nothing with --tuned top"),
        (("texts.txt", "--mask-share", "0.3"), 2, "--mask-share 0.3 does nothing with --attention causal"),
        (("texts.txt", "--mask-token", "_"), 2, "or take --attention bidirectional"),
    ],
)
def test_what_cannot_be_done_is_told_and_leaves_nothing(
    run: Run, arguments: tuple[str, ...], code: int, told: str
) -> None:
    result = run("adapt", *SMALL, *arguments, "--output", "out")
    assert result.code == code and told in result.err
    assert not Path("out").exists()
