"""What a launcher asks of a process through its environment, followed or refused."""

import pytest
from csplade.pipelines.devices import Devices, check_alone
from csplade.pipelines.errors import UsageError


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("ACCELERATE_USE_DEEPSPEED", "set up for DeepSpeed, which csplade train does not do"),
        ("ACCELERATE_USE_MEGATRON_LM", "set up for Megatron-LM"),
        ("FSDP_OFFLOAD_PARAMS", "--fsdp_offload_params"),
    ],
)
def test_what_training_cannot_do_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, name: str, said: str) -> None:
    monkeypatch.setenv(name, "true")
    with pytest.raises(UsageError, match=said):
        Devices()


def test_one_process_has_nothing_to_share(monkeypatch: pytest.MonkeyPatch) -> None:
    # Set by the launcher: else transformers reads weights in the first process only.
    monkeypatch.setenv("FSDP_CPU_RAM_EFFICIENT_LOADING", "true")
    monkeypatch.setenv("ACCELERATE_USE_FSDP", "true")
    devices = Devices()
    assert (devices.count, devices.is_main, devices.shards) == (1, True, False)
    assert devices.any(True) and not devices.any(False)


def test_what_one_process_does_is_not_done_by_several(monkeypatch: pytest.MonkeyPatch) -> None:
    check_alone()
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(UsageError, match="2 processes were started for what one does: start it without accelerate"):
        check_alone()
