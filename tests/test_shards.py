"""Weights in shards: whole where they leave a process, in place where they come back, refused where they cannot be."""

import copy
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from csplade.pipelines.errors import UsageError
from csplade.pipelines.shards import TrainedWeights, filled, shard, skeleton, whole_weights
from csplade.pipelines.training_model import TrainingModel
from csplade.pipelines.tuning import trained_weights
from csplade.tests.training_parts import training_model
from torch import Tensor, distributed, nn

_CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def group(tmp_path: Path) -> Iterator[None]:
    """Make a group of this process alone."""
    distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/meet", rank=0, world_size=1)
    yield
    distributed.destroy_process_group()


def _step(model: TrainingModel, weights: TrainedWeights, optimizer: torch.optim.Optimizer) -> float:
    ids = torch.arange(1, 13).reshape(2, 6)
    hidden: Tensor = model.model.backbone(input_ids=ids, use_cache=False).last_hidden_state
    (hidden @ model.model.head.T).square().mean().backward()  # type: ignore[no-untyped-call]
    weights.take_gradients()
    norm = weights.clip(0.01)
    optimizer.step()
    optimizer.zero_grad()
    return norm


def _begun(sharded: bool) -> tuple[TrainingModel, TrainedWeights, torch.optim.Optimizer]:
    model = training_model()
    if sharded:
        shard(model.model.backbone, _CPU)
    weights = TrainedWeights(trained_weights(model))
    return model, weights, torch.optim.AdamW(weights.own.values(), lr=0.01)


def test_shards_go_on_from_where_whole_weights_were() -> None:
    plain, there = _begun(sharded=False), _begun(sharded=True)
    _step(*plain)
    model, weights, optimizer = plain
    # As a file would: otherwise both would move the same memory.
    saved = copy.deepcopy((weights.whole(keep=True), weights.whole_state(optimizer, keep=True)))
    there[1].restore(saved[0])
    there[1].restore_state(there[2], saved[1])
    assert _step(*there) == pytest.approx(_step(*plain), rel=1e-5)
    torch.testing.assert_close(there[1].whole(keep=True), dict(trained_weights(model)), check_device=False)
    state = there[1].whole_state(there[2], keep=True)
    torch.testing.assert_close(state["state"], optimizer.state_dict()["state"])


def test_a_skeleton_filled_is_the_model_without_shards() -> None:
    model = training_model().model
    bare = skeleton(model)
    assert all(weight.is_meta for weight in bare.parameters())
    wanted = {name: value.clone() for name, value in model.state_dict().items()}
    shard(model.backbone, _CPU)
    found = filled(bare, whole_weights(model, keep=True))
    assert type(found.backbone).__name__ == "LlamaModel"
    torch.testing.assert_close(dict(found.state_dict()), wanted)


def test_who_keeps_nothing_gets_nothing() -> None:
    model, weights, _ = _begun(sharded=True)
    assert (weights.whole(keep=False), whole_weights(model, keep=False)) == ({}, {})


def test_a_model_whose_layers_are_not_known_is_refused() -> None:
    with pytest.raises(UsageError, match="those of Linear are not known: launch without --use_fsdp"):
        shard(nn.Linear(2, 2), _CPU)
