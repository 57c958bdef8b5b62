"""The type of what is multiplied: bf16 on processors that multiply it, and float32, far faster there, on others."""

import torch
from csplade.pipelines.precision import multiplies_bf16, precision

_PROCESSOR = torch.device("cpu")
NARROW = torch.bfloat16 if multiplies_bf16(_PROCESSOR) else torch.float32


def narrowly() -> torch.autocast:
    """Return the context in which products are of that type."""
    return precision(_PROCESSOR, NARROW is torch.bfloat16)
