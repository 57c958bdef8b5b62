"""What this machine's processor can do for a model: products of int8 and of bf16."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_CPUINFO = Path("/proc/cpuinfo")
# As Linux names them: of x86, then of arm64.
_INT8 = ("avx512_vnni", "avx_vnni", "amx_int8", "asimddp", "i8mm")
_BF16 = ("avx512_bf16", "amx_bf16", "bf16")
_PROVIDER = "ExecutionProvider"
"""How the runtime's name of what it runs on ends."""
_WIDE = ("avx512f", "avx2", "asimd")


@dataclass(frozen=True)
class Processor:
    """The instructions that matter, by the system's names; empty where there is none."""

    wide: str
    """The widest for floats."""
    int8: tuple[str, ...]
    bf16: tuple[str, ...]

    def __str__(self) -> str:
        said = [self.wide or "no wide instructions", f"int8 products: {', '.join(self.int8) or 'none'}"]
        return "; ".join([*said, f"bf16: {', '.join(self.bf16) or 'none'}"])


def read_processor(described: Path = _CPUINFO) -> Processor | None:
    """Return what the processor can do, None where the system does not say."""
    try:
        lines = described.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    flags = next((set(line.split(":", 1)[1].split()) for line in lines if line.startswith(("flags", "Features"))), None)
    if flags is None:
        return None
    wide = next((name for name in _WIDE if name in flags), "")
    return Processor(wide, *(tuple(name for name in names if name in flags) for names in (_INT8, _BF16)))


def said(runs_on: Sequence[str]) -> str:
    """Return the runtime's first choice, of one or more, in words; of a processor also what it can do."""
    first = runs_on[0].removesuffix(_PROVIDER)
    processor = read_processor() if first == "CPU" else None
    return first if processor is None else f"{first} ({processor})"
