"""What this machine's processor can do for a model: products of int8 and of bf16, and sums that do not overflow."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from csplade.pipelines.contract import Contract
from csplade.pipelines.errors import EncoderError
from csplade.pipelines.quantize_kinds import needs_wide_sums

_CPUINFO = Path("/proc/cpuinfo")
# As Linux names them: of x86, then of arm64.
_INT8 = ("avx512_vnni", "avx_vnni", "amx_int8", "asimddp", "i8mm")
_BF16 = ("avx512_bf16", "amx_bf16", "bf16")
_PROVIDER = "ExecutionProvider"
"""How the runtime's name of what it runs on ends."""
_ARM64 = "asimd"
_WIDE = ("avx512f", "avx2", _ARM64)


@dataclass(frozen=True)
class Processor:
    """The instructions that matter, by the system's names; empty where there is none."""

    wide: str
    """The widest for floats."""
    int8: tuple[str, ...]
    bf16: tuple[str, ...]

    @property
    def sums_overflow(self) -> bool:
        """Say whether two products of 8 bits are added up in 16, as on x86 without VNNI."""
        return self.wide != _ARM64 and not self.int8

    def __str__(self) -> str:
        said = [self.wide or "no wide instructions", f"int8 products: {', '.join(self.int8) or 'none'}"]
        return "; ".join([*said, f"bf16: {', '.join(self.bf16) or 'none'}"])


def read_processor(described: Path | None = None) -> Processor | None:
    """Return what the processor can do, as the system describes it there; None where it does not say."""
    try:
        lines = (described or _CPUINFO).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    flags = next((set(line.split(":", 1)[1].split()) for line in lines if line.startswith(("flags", "Features"))), None)
    if flags is None:
        return None
    wide = next((name for name in _WIDE if name in flags), "")
    return Processor(wide, *(tuple(name for name in names if name in flags) for names in (_INT8, _BF16)))


def adds_up(contract: Contract, processor: Processor) -> bool:
    """Return whether the processor adds the encoder's integer products up without overflow."""
    return not (processor.sums_overflow and needs_wide_sums(contract.quantization))


def check_sums(folder: Path, contract: Contract, processor: Processor | None) -> None:
    """Check that this processor, if it is known, adds the encoder's integer products up rightly.

    Raises:
        EncoderError: sums would overflow, and weights be wrong under a fingerprint that is right.
    """
    if processor is not None and not adds_up(contract, processor):
        raise EncoderError(
            f"{folder} has {contract.quantization}, whose sums overflow on the processor here ({processor}): encode "
            "where there is VNNI, AMX or arm64, or quantize again with the default --target"
        )


def said(runs_on: Sequence[str]) -> str:
    """Return the runtime's first choice, of one or more, in words; of a processor also what it can do."""
    first = runs_on[0].removesuffix(_PROVIDER)
    processor = read_processor() if first == "CPU" else None
    return first if processor is None else f"{first} ({processor})"
