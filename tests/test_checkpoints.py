"""Checkpoints come back whole, only the newest and the best stay, and another training's are refused."""

from pathlib import Path
from typing import Any

import pytest
import torch
from csplade.pipelines.checkpoints import Best, Checkpoints
from csplade.pipelines.differences import differences
from csplade.pipelines.errors import SourceError

FINGERPRINT = {"recipe": {"loss": {"kl": 0.5}, "run": {"steps": 9}}, "data": {"digest": "ab"}}


def optimizer_state() -> dict[str, Any]:
    weight = torch.nn.Parameter(torch.ones(3))
    optimizer = torch.optim.AdamW([weight], lr=0.1)
    weight.sum().backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    return optimizer.state_dict()


def checkpoints(folder: Path, keep: int = 2) -> Checkpoints:
    return Checkpoints(folder / "checkpoints", FINGERPRINT, keep)


def test_a_checkpoint_comes_back_as_it_was(tmp_path: Path) -> None:
    state = optimizer_state()
    checkpoints(tmp_path).save(7, {"a": torch.tensor([1.5, -2.0])}, state)
    found = checkpoints(tmp_path).newest()
    assert found is not None
    assert found.step == 7
    assert torch.equal(found.weights["a"], torch.tensor([1.5, -2.0]))
    assert torch.equal(found.optimizer["state"][0]["exp_avg"], state["state"][0]["exp_avg"])


def test_there_is_no_newest_before_the_first(tmp_path: Path) -> None:
    assert checkpoints(tmp_path).newest() is None
    assert checkpoints(tmp_path).best() is None


def test_the_newest_and_the_best_stay(tmp_path: Path) -> None:
    kept = checkpoints(tmp_path)
    for step in (1, 2, 3, 4, 5):
        kept.save(step, {}, {})
        if step == 2:
            kept.note_best(Best(2, 0.5))
    assert kept.steps() == [2, 4, 5]
    assert kept.best() == Best(2, 0.5)


def test_a_checkpoint_of_another_training_is_refused_with_what_differs(tmp_path: Path) -> None:
    checkpoints(tmp_path).save(1, {}, {})
    other = {**FINGERPRINT, "recipe": {"loss": {"kl": 1.0}, "run": {"steps": 9}}}
    with pytest.raises(SourceError, match=r"another training: recipe\.loss\.kl is 0\.5 there and 1\.0 here"):
        Checkpoints(tmp_path / "checkpoints", other, 2).newest()


def test_a_damaged_checkpoint_is_refused_by_its_path(tmp_path: Path) -> None:
    path = checkpoints(tmp_path).save(1, {"a": torch.ones(100)}, {})
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(SourceError, match=f"the checkpoint {path} cannot be read"):
        checkpoints(tmp_path).newest()


def test_what_a_killed_writer_left_is_no_checkpoint(tmp_path: Path) -> None:
    kept = checkpoints(tmp_path)
    kept.save(3, {}, {})
    (kept.folder / ".step-000004.pt.xyz").write_bytes(b"half")
    assert kept.steps() == [3]


def test_what_a_killed_writer_left_goes_with_the_next_checkpoint(tmp_path: Path) -> None:
    kept = checkpoints(tmp_path)
    kept.folder.mkdir()
    for name in (".step-000004.pt.0123abcd", ".best.json.89efab01"):
        (kept.folder / name).write_bytes(b"half")
    kept.save(3, {}, {})
    assert [path.name for path in kept.folder.iterdir()] == ["step-000003.pt"]


def test_differences_are_named_with_their_path() -> None:
    assert differences({"a": {"b": 1}, "c": 2}, {"a": {"b": 1}, "c": 3, "d": None}) == ["c is 2 there and 3 here"]
    assert differences({}, {"x": 1}) == ["x is None there and 1 here"]
