"""Formats that a graph can be quantized to, and processors; light, for commands that only name them."""

import enum


class Precision(enum.StrEnum):
    """Formats of a graph."""

    INT8 = "int8"
    INT8_WEIGHTS = "int8-weights"
    INT8_BLOCKS = "int8-blocks"
    INT8_STATIC = "int8-static"
    OPTIMUM = "int8-optimum"
    INT4 = "int4"
    FP16 = "fp16"

    @property
    def has_target(self) -> bool:
        """Return whether it is made for a processor; blocks, float activations and floats are the same for all."""
        return self in (Precision.INT8, Precision.INT8_STATIC, Precision.OPTIMUM)


class Target(enum.StrEnum):
    """Processors that integer products are made for, by Optimum's names."""

    AVX2 = "avx2"
    AVX512 = "avx512"
    VNNI = "avx512_vnni"
    ARM64 = "arm64"

    @property
    def bits(self) -> int:
        """Return the bits of a weight: without VNNI sums of two products of 8 bits overflow on x86."""
        return 7 if self in (Target.AVX2, Target.AVX512) else 8


_SAID = {
    Precision.INT8: "int8 weights per channel, int8 activations per token",
    Precision.INT8_WEIGHTS: "int8 weights per channel, float activations",
    Precision.INT8_BLOCKS: "int8 weights and activations in blocks of 32",
    Precision.INT8_STATIC: "int8 weights per channel, int8 activations in static ranges",
    Precision.OPTIMUM: "int8 weights per channel, int8 activations per tensor",
    Precision.INT4: "int4 weights in blocks of 32, int8 head and embedding",
    Precision.FP16: "fp16",
}
"""What the contract says."""
_ROUNDED_ACTIVATIONS = "int8 activations"


def said_of_bits(precision: Precision, bits: int) -> str:
    """Return what the contract says of weights with so many bits."""
    return _SAID[precision] if bits == 8 else _SAID[precision].replace("weights", f"weights of {bits} bits", 1)


def rounds_activations(said: str) -> bool:
    """Return whether the contract says that integers are multiplied with integers, each with scales of its own."""
    return _ROUNDED_ACTIVATIONS in said


def needs_wide_sums(said: str) -> bool:
    """Return whether the contract says that sums of two products need more than 16 bits."""
    return rounds_activations(said) and "weights of 7 bits" not in said
