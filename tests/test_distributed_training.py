"""Two processes that train together, as several GPUs would, see the losses of one with the same global batch."""

from pathlib import Path

import orjson
import pytest
from csplade.tests.tiny_backbone import write_backbone, write_pairs
from csplade.tests.training_process import WAIT_SECONDS, settings, start, weights

TWO = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")


def losses(folder: Path) -> list[float]:
    lines = [orjson.loads(line) for line in (folder / "log.jsonl").read_bytes().splitlines()]
    return [line["losses"]["total"] for line in lines]


def test_two_processes_give_the_loss_curve_of_one(tmp_path: Path) -> None:
    backbone, data = write_backbone(tmp_path / "tiny"), write_pairs(tmp_path / "pairs.jsonl", 64)
    changed = settings(tune__learning_rate=0.001, tune__head_learning_rate=0.001, batch__micro_queries=2)
    arguments = (data, "--backbone", backbone, "--steps", 6, *changed, "--output")
    for launcher, output in (((), "one"), (TWO, "two")):
        process = start(*arguments, tmp_path / output, launcher=launcher)
        _, err = process.communicate(timeout=WAIT_SECONDS)
        assert process.returncode == 0, err
    one, two = losses(tmp_path / "one"), losses(tmp_path / "two")
    assert len(one) == 6
    assert two == pytest.approx(one, abs=1e-4)
    assert one[-1] != one[0]
    here, there = weights(tmp_path / "one" / "model"), weights(tmp_path / "two" / "model")
    assert all((here[name].float() - there[name].float()).abs().max() < 1e-3 for name in here)
