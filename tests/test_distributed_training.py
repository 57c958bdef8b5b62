"""Processes that train together, as several GPUs would, see the losses of one with the same global batch."""

import shutil
from pathlib import Path
from typing import Any

import orjson
import pytest
import torch
from csplade.pipelines.curriculum import TrainRequest, run_stages
from csplade.pipelines.recipes import load_recipe, overridden
from csplade.tests.tiny_backbone import write_backbone, write_collection, write_pairs
from csplade.tests.training_process import WAIT_SECONDS, settings, start, weights

AVERAGED = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
# Otherwise it takes the same port each time, which may be another's.
_ANY_PORT = ("--main_process_port", "0")
SHARDED = ("-m", "accelerate.commands.accelerate_cli", "launch", "--use_fsdp", "--num_processes", "2", *_ANY_PORT)

# All weights of the language model, measured before the first step and after the last.
STEPS = 3
CHANGED = settings(
    tune__tuned="full",
    tune__learning_rate=0.001,
    tune__head_learning_rate=0.001,
    batch__micro_queries=2,
    run__save_every=1,
    run__keep=STEPS,
)


def _together(folder: Path, name: str, launcher: tuple[str, ...]) -> Path:
    """Train in processes that a launcher starts."""
    arguments = (folder / "pairs.jsonl", "--backbone", folder / "tiny", "--development", folder / "development")
    process = start(*arguments, "--steps", STEPS, *CHANGED, "--output", folder / name, launcher=launcher)
    _, err = process.communicate(timeout=WAIT_SECONDS)
    assert process.returncode == 0, err
    return folder / name


def _alone(folder: Path, name: str, resume: bool = False) -> Path:
    """Train the same in this process."""
    changed = [part for part in CHANGED if part != "--set"]
    recipe = overridden(load_recipe("csplade-mini").stages[0], [*changed, f"run.steps={STEPS}"])
    request = TrainRequest(
        (folder / "pairs.jsonl",),
        str(folder / "tiny"),
        folder / name,
        (recipe,),
        development=folder / "development",
        resume=resume,
    )
    run_stages(request, lambda text: None)
    return folder / name


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a backbone, pairs and a development collection."""
    found = tmp_path_factory.mktemp("together")
    write_backbone(found / "tiny")
    write_pairs(found / "pairs.jsonl", 64)
    write_collection(found / "development")
    return found


@pytest.fixture(scope="module")
def alone(folder: Path) -> Path:
    """Return what one process has trained."""
    return _alone(folder, "alone")


@pytest.fixture(scope="module")
def sharded(folder: Path) -> Path:
    """Return what two processes have trained, each of which keeps half of the language model."""
    return _together(folder, "sharded", SHARDED)


def _lines(run: Path) -> list[dict[str, Any]]:  # Any: JSON values
    return [orjson.loads(line) for line in (run / "log.jsonl").read_bytes().splitlines()]


def _losses(run: Path) -> list[float]:
    return [line["losses"]["total"] for line in _lines(run) if "losses" in line]


def _norms(run: Path) -> list[float]:
    return [line["gradient_norm"] for line in _lines(run) if "losses" in line]


def _qualities(run: Path) -> list[float]:
    return [line["development"]["nDCG@10"] for line in _lines(run) if "development" in line]


def _assert_same(found: Path, wanted: Path) -> None:
    assert len(_losses(wanted)) == 3
    assert _losses(found) == pytest.approx(_losses(wanted), abs=1e-4)
    assert _norms(found) == pytest.approx(_norms(wanted), rel=1e-4)
    assert len(_qualities(wanted)) == 2
    assert _qualities(found) == pytest.approx(_qualities(wanted), abs=1e-3)
    _assert_same_weights(found, wanted)


def _assert_same_weights(found: Path, wanted: Path) -> None:
    """Compare what the last step has left, with its optimizer; the model has the weights of the best one."""
    here, there = _checkpoint(found), _checkpoint(wanted)
    torch.testing.assert_close(here["weights"], there["weights"], rtol=0, atol=1e-4)
    assert here["optimizer"]["param_groups"] == there["optimizer"]["param_groups"]
    torch.testing.assert_close(here["optimizer"]["state"], there["optimizer"]["state"], rtol=0, atol=1e-4)
    torch.testing.assert_close(weights(found / "model"), weights(wanted / "model"), rtol=0, atol=1e-4)


def _checkpoint(run: Path) -> dict[str, Any]:  # Any: torch's own format
    content: dict[str, Any] = torch.load(run / "checkpoints" / "step-000003.pt")
    return content


def test_two_processes_that_average_gradients_give_the_loss_curve_of_one(folder: Path, alone: Path) -> None:
    _assert_same(_together(folder, "averaged", AVERAGED), alone)


def test_two_processes_with_a_half_of_the_model_each_give_the_loss_curve_of_one(alone: Path, sharded: Path) -> None:
    _assert_same(sharded, alone)


def test_one_process_goes_on_from_a_checkpoint_of_shards(folder: Path, alone: Path, sharded: Path) -> None:
    begun = folder / "resumed"
    shutil.copytree(sharded, begun)
    for path in ("step-000003.pt", "best.json"):
        (begun / "checkpoints" / path).unlink()
    _assert_same(_alone(folder, "resumed", resume=True), alone)
