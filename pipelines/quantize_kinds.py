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


SAID = {
    Precision.INT8: "int8 weights per channel, int8 activations per token",
    Precision.INT8_WEIGHTS: "int8 weights per channel, float activations",
    Precision.INT8_BLOCKS: "int8 weights and activations in blocks of 32",
    Precision.INT8_STATIC: "int8 weights per channel, int8 activations in static ranges",
    Precision.OPTIMUM: "int8 weights per channel, int8 activations per tensor",
    Precision.INT4: "int4 weights in blocks of 32, int8 head and embedding",
    Precision.FP16: "fp16",
}
"""What the contract says."""
