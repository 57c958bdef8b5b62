"""Ctrl-C at the end of `csplade train`: in its last step, and while the last measurement is made."""

import os
import signal
from collections.abc import Callable
from itertools import count
from pathlib import Path

import orjson
import pytest
from csplade.pipelines.checkpoints import Best, Checkpoints
from csplade.pipelines.training_run import Run as Training
from csplade.tests.command_run import Result, Run, runner
from csplade.tests.tiny_backbone import write_backbone, write_collection, write_pairs
from csplade.tests.training_process import same_weights, settings

_STEPS = 3


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    return runner(monkeypatch, capsys)


def _interrupted(name: str, call: int) -> Callable[[Training, object], object]:
    """Return the training's method, in whose call of that number (from 1) somebody presses Ctrl-C."""
    whole, calls = getattr(Training, name), count(1)

    def method(training: Training, argument: object) -> object:
        if next(calls) == call:
            os.kill(os.getpid(), signal.SIGINT)
        return whole(training, argument)

    return method


def _stages(done: Result) -> list[dict[str, object]]:
    """Return what is told of the stages, but where they are."""
    return [{**stage, "folder": None} for stage in orjson.loads(done.out)["stages"]]


# The start is measured first.
@pytest.mark.parametrize(("name", "call"), [("step", _STEPS), ("measure", 2)])
def test_ctrl_c_at_the_end_of_a_stage_begins_no_other_and_loses_nothing(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, call: int
) -> None:
    backbone, data = write_backbone(tmp_path / "tiny"), write_pairs(tmp_path / "pairs.jsonl", 32)
    recipe = tmp_path / "two.toml"
    recipe.write_text('extends = "csplade-mini"\n[[stage]]\nname = "first"\n[[stage]]\nname = "second"\n')
    arguments = ("train", data, "--backbone", backbone, "--recipe", recipe, "--steps", _STEPS, *settings(), "--json")
    arguments = (*arguments, "--development", write_collection(tmp_path / "development"), "--output")
    undisturbed = run(*arguments, tmp_path / "undisturbed")
    assert undisturbed.code == 0, undisturbed.err
    with monkeypatch.context() as patch:
        patch.setattr(Training, name, _interrupted(name, call))
        stopped = run(*arguments, tmp_path / "stopped")
    assert stopped.code == 1
    assert f"Stopped after step {_STEPS} of {_STEPS}: the same command with --resume goes on." in stopped.err
    assert not (tmp_path / "stopped" / "stage-2").exists()
    resumed = run(*arguments, tmp_path / "stopped", "--resume")
    assert resumed.code == 0, resumed.err
    assert _stages(resumed) == _stages(undisturbed)
    assert same_weights(tmp_path / "undisturbed" / "model", tmp_path / "stopped" / "model")


class _Killed(BaseException):
    """What nobody catches, as nobody catches `kill -9`."""


def test_a_step_whose_measurement_was_cut_off_can_still_be_the_best(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that goes on measures what has no line in the log, and nothing else: the line has to come last."""
    measured, noted = count(1), count(1)

    def better_each_time(training: Training, development: object) -> dict[str, float]:
        return {"nDCG@10": next(measured) / 100}

    def killed(checkpoints: Checkpoints, best: Best) -> None:
        if next(noted) == 2:
            raise _Killed
        note(checkpoints, best)

    note = Checkpoints.note_best
    monkeypatch.setattr(Training, "measure", better_each_time)
    arguments = (
        *("train", write_pairs(tmp_path / "pairs.jsonl", 32), "--backbone", write_backbone(tmp_path / "tiny")),
        *("--steps", _STEPS, *settings(), "--development", write_collection(tmp_path / "development")),
        *("--output", tmp_path / "run"),
    )
    with monkeypatch.context() as patch, pytest.raises(_Killed):
        patch.setattr(Checkpoints, "note_best", killed)
        run(*arguments)
    resumed = run(*arguments, "--resume")
    assert resumed.code == 0, resumed.err
    assert orjson.loads((tmp_path / "run" / "checkpoints" / "best.json").read_bytes())["step"] == _STEPS
