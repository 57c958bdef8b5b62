"""Trained weights of which each process keeps all, or under FSDP a shard; needs torch.

Under FSDP each layer of the language model is cut along the first dimension of its weights, and whole only while it
computes. The optimizer works on the shard that this process keeps, as on any other weight. What leaves the process, a
checkpoint or the trained model, is whole: it does not depend on how many processes there were.
"""

import copy
from collections.abc import Mapping
from typing import Any

import torch
from csplade.pipelines.errors import UsageError
from csplade.pipelines.model import SparseEncoderModel
from csplade.pipelines.tuning import clip, layers_of
from torch import Tensor, distributed, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

_State = dict[str, Any]  # Any: torch's own format


def shard(backbone: nn.Module, device: torch.device) -> None:
    """Cut the language model into shards on the processes' devices; all processes have to bring the same weights.

    Raises:
        UsageError: its layers are not known.
    """
    layers = layers_of(backbone)
    if layers is None:
        raise UsageError(
            f"FSDP cuts a model between its layers, and those of {type(backbone).__name__} are not known: "
            "launch without --use_fsdp"
        )
    mesh = init_device_mesh(device.type, (distributed.get_world_size(),))
    # One layer after the other, so that a device never holds the whole model.
    for layer in layers:
        fully_shard(layer, mesh=mesh)
    # The embedding too is whole inside its forward pass only.
    fully_shard(backbone, mesh=mesh, reshard_after_forward=True)


def skeleton(model: SparseEncoderModel) -> SparseEncoderModel:
    """Return a copy of a model without the memory of its weights, to be filled by `filled`."""
    memo: dict[int, Any] = {  # Any: as copy.deepcopy takes it
        id(weight): nn.Parameter(weight.detach().to("meta"), requires_grad=weight.requires_grad)
        for weight in model.parameters()
    }
    return copy.deepcopy(model, memo)


def filled(bare: SparseEncoderModel, weights: Mapping[str, Tensor]) -> SparseEncoderModel:
    """Put weights into a skeleton, and return it; they are not copied."""
    bare.load_state_dict({**bare.state_dict(), **weights}, assign=True)
    return bare


def whole_weights(model: nn.Module, keep: bool) -> dict[str, Tensor]:
    """Return all weights of a model whole, on the processor; every process has to ask, and keeps them or not."""
    return _collected({name: (weight, weight) for name, weight in model.named_parameters()}, keep)


class TrainedWeights:
    """What is trained of a model: each weight, and the part of it that this process moves."""

    def __init__(self, named: Mapping[str, nn.Parameter]) -> None:
        self._named = dict(named)
        self.own = {name: _own(weight) for name, weight in named.items()}
        """By name: a sharded weight's shard, over the same memory; any other weight itself."""
        self._sharded = [name for name, weight in named.items() if isinstance(weight, DTensor)]

    @property
    def replicated(self) -> list[nn.Parameter]:
        """Return the weights of which each process has all, and whose gradients the processes have to average."""
        return [weight for weight in self._named.values() if not isinstance(weight, DTensor)]

    def take_gradients(self) -> None:
        """Hand the gradients that FSDP has averaged over to the shards."""
        for name in self._sharded:
            gradient = self._named[name].grad
            self.own[name].grad = gradient.to_local() if isinstance(gradient, DTensor) else None
            self._named[name].grad = None

    def clip(self, norm: float) -> float:
        """Scale the gradients of all processes down to a norm and return what it was."""
        if not self._sharded:
            return clip(self.own.values(), norm)
        # What each process has all of counts once, the shards of all are summed.
        squared = _squared_norm([self.own[name] for name in self._sharded])
        distributed.all_reduce(squared)
        total = (squared + _squared_norm(self.replicated)).sqrt()
        nn.utils.clip_grads_with_norm_(self.own.values(), norm, total)
        return float(total)

    def whole(self, keep: bool) -> dict[str, Tensor]:
        """Return the weights whole, by name; every process has to ask, and keeps them or not."""
        if not self._sharded:
            return dict(self._named) if keep else {}
        return _collected({name: (weight, weight) for name, weight in self._named.items()}, keep)

    def whole_state(self, optimizer: torch.optim.Optimizer, keep: bool) -> _State:
        """Return the state_dict that the optimizer over `own` would have without shards; as for `whole`."""
        described: _State = optimizer.state_dict()
        if self._sharded:
            described["state"] = {
                number: _collected_state(state, weight, keep)
                for (number, state), weight in self._by_number(optimizer, described)
            }
        return described

    @torch.no_grad()
    def restore(self, weights: Mapping[str, Tensor]) -> None:
        """Put whole weights back in place."""
        for name, weight in self._named.items():
            self.own[name].copy_(_part(weights[name], weight))

    def restore_state(self, optimizer: torch.optim.Optimizer, described: Mapping[str, Any]) -> None:
        """Give the optimizer over `own` the state that `whole_state` returned."""
        parts = {
            number: {key: _part(value, weight) if _is_of(value, weight) else value for key, value in state.items()}
            for (number, state), weight in self._by_number(optimizer, described)
        }
        optimizer.load_state_dict({**described, "state": parts})

    def _by_number(
        self, optimizer: torch.optim.Optimizer, described: Mapping[str, Any]
    ) -> list[tuple[tuple[int, _State], nn.Parameter]]:
        """Return the state of each weight, with its number in the optimizer, and the weight."""
        weights = {id(own): self._named[name] for name, own in self.own.items()}
        order = [weights[id(own)] for group in optimizer.param_groups for own in group["params"]]
        return [((number, state), order[number]) for number, state in sorted(described["state"].items())]


def _own(weight: nn.Parameter) -> nn.Parameter:
    return nn.Parameter(_local(weight.detach())) if isinstance(weight, DTensor) else weight


def _local(value: Tensor) -> Tensor:
    return value.to_local() if isinstance(value, DTensor) else value


def _part(value: Tensor, weight: Tensor) -> Tensor:
    """Return this process's part of a whole value that is cut like a weight."""
    if not isinstance(weight, DTensor):
        return value
    # Each process has the whole value, so that nothing has to be sent.
    cut = distribute_tensor(value, weight.device_mesh, weight.placements, src_data_rank=None)
    # A view would keep the memory of the whole.
    return _local(cut).clone()


def _is_of(value: object, weight: Tensor) -> bool:
    """Say whether a value of the optimizer has a number for each of a weight's; others count steps."""
    return isinstance(value, Tensor) and value.shape == weight.shape


def _whole(part: Tensor, weight: Tensor) -> Tensor:
    """Return the value of which each process brings its part, cut like a weight."""
    if not isinstance(weight, DTensor):
        return part.detach()
    mesh, placements = weight.device_mesh, weight.placements
    return DTensor.from_local(
        _local(part.detach()), mesh, placements, run_check=False, shape=weight.shape, stride=weight.stride()
    ).full_tensor()


def _collected(parts: Mapping[str, tuple[Tensor, Tensor]], keep: bool) -> dict[str, Tensor]:
    """Return each part made whole, on the processor; one at a time, as a device may have room for no more."""
    found = {}
    for name, (part, weight) in parts.items():
        value = _whole(part, weight)
        if keep:
            found[name] = value.cpu()
    return found


def _collected_state(state: Mapping[str, Any], weight: Tensor, keep: bool) -> _State:
    cut = {key: (value, weight) for key, value in state.items() if _is_of(value, _local(weight))}
    return {**state, **_collected(cut, keep)}


def _squared_norm(weights: list[nn.Parameter]) -> Tensor:
    gradients = [weight.grad for weight in weights if weight.grad is not None]
    norm = nn.utils.get_total_norm(gradients)
    return norm.square()
