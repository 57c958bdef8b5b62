"""The devices of a training: one process alone, or several under `accelerate launch` or torchrun; needs accelerate."""

import torch
from accelerate import PartialState
from accelerate.utils import disable_fsdp_ram_efficient_loading, get_int_from_env, parse_flag_from_env
from csplade.pipelines.collectives import device_count, device_rank
from csplade.pipelines.errors import UsageError
from torch import distributed

_REFUSED = {
    "ACCELERATE_USE_DEEPSPEED": "DeepSpeed",
    "ACCELERATE_USE_MEGATRON_LM": "Megatron-LM",
    "FSDP_OFFLOAD_PARAMS": "weights that wait on the processor (--fsdp_offload_params)",
}
"""What accelerate's launcher may ask of a program through its environment, and this one does not do."""


class Devices:
    """This process among those that train together."""

    def __init__(self) -> None:
        """Meet the other processes, as the launcher's environment says.

        Raises:
            UsageError: the launcher asks for what is not done here.
        """
        _check_launch()
        # Without a GPU accelerate starts the group, but takes each process for the only one, unless told to use cores.
        # Not an Accelerator, which refuses FSDP there and would want to own model and optimizer.
        self._state = PartialState(cpu=not torch.accelerator.is_available())

        # Otherwise transformers would read weights in the first process only.
        disable_fsdp_ram_efficient_loading()

    @property
    def shards(self) -> bool:
        """Say whether each process keeps a shard of the language model only, as `accelerate launch --use_fsdp` asks."""
        return self.count > 1 and bool(parse_flag_from_env("ACCELERATE_USE_FSDP"))

    @property
    def device(self) -> torch.device:
        """Return where this process computes."""
        device: torch.device = self._state.device
        return device

    @property
    def rank(self) -> int:
        """Return this process's number."""
        return device_rank()

    @property
    def count(self) -> int:
        """Return how many processes there are."""
        return device_count()

    @property
    def is_main(self) -> bool:
        """Say whether this process writes files and shows progress."""
        return self.rank == 0

    def wait(self) -> None:
        """Wait until every process is here."""
        if self.count > 1:
            distributed.barrier()

    def any(self, flag: bool) -> bool:
        """Return whether any process says yes, the same on all."""
        if self.count == 1:
            return flag
        said = torch.tensor(int(flag), device=self.device)
        distributed.all_reduce(said, distributed.ReduceOp.MAX)
        return bool(said.item())


def check_alone() -> None:
    """Refuse to be one of several processes, which would all do the same and write into each other's files.

    Raises:
        UsageError: a launcher has started several.
    """
    count = get_int_from_env(("WORLD_SIZE",), 1)
    if count > 1:
        raise UsageError(f"{count} processes were started for what one does: start it without accelerate or torchrun")


def _check_launch() -> None:
    for name, said in _REFUSED.items():
        if parse_flag_from_env(name):
            raise UsageError(
                f"accelerate is set up for {said}, which csplade train does not do: launch without it, and save memory "
                "with --use_fsdp, batch.checkpointing=true or batch.micro_queries"
            )
