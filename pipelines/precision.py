"""The type in which a model computes while it is trained; needs torch."""

import torch
from csplade.pipelines.encode_processor import read_processor

FLOAT_INSTEAD = (
    "This processor has no products of bfloat16, which took 75 times as long as those of float32 on one with AVX2: "
    "training in float32 here."
)


def multiplies_bf16(device: torch.device) -> bool:
    """Say whether the device has products of bfloat16; a processor that the system says nothing of is taken to have."""
    processor = read_processor() if device.type == "cpu" else None
    return processor is None or bool(processor.bf16)


def precision(device: torch.device, bf16: bool) -> torch.autocast:
    """Return the context in which a model computes, in bfloat16 or as its weights are."""
    # Without the cache of casts: it goes by a weight's place in memory, and FSDP puts other weights there whenever a
    # layer is whole again, so that a later pass of gradient caching would take what an earlier one has left.
    return torch.autocast(device.type, torch.bfloat16, enabled=bf16, cache_enabled=False)
