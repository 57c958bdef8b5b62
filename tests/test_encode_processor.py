"""What a processor can do, as Linux tells it."""

from pathlib import Path

import pytest
from csplade.pipelines.encode_processor import Processor, read_processor

_SERVER = "processor\t: 0\nflags\t\t: fpu avx avx2 avx512f avx512_vnni avx512_bf16\n\nprocessor\t: 1\nflags\t\t: fpu\n"


@pytest.mark.parametrize(
    ("described", "found", "said"),
    [
        (
            _SERVER,
            Processor("avx512f", ("avx512_vnni",), ("avx512_bf16",)),
            "avx512f; int8 products: avx512_vnni; bf16: avx512_bf16",
        ),
        ("flags\t: avx avx2\n", Processor("avx2", (), ()), "avx2; int8 products: none; bf16: none"),
        (
            "Features\t: fp asimd asimddp bf16 i8mm\n",
            Processor("asimd", ("asimddp", "i8mm"), ("bf16",)),
            "asimd; int8 products: asimddp, i8mm; bf16: bf16",
        ),
    ],
)
def test_instructions_are_found(tmp_path: Path, described: str, found: Processor, said: str) -> None:
    path = tmp_path / "cpuinfo"
    path.write_text(described)
    assert read_processor(path) == found
    assert str(found) == said


def test_a_system_that_does_not_say_is_unknown(tmp_path: Path) -> None:
    assert read_processor(tmp_path / "nothing") is None
    (tmp_path / "empty").write_text("processor\t: 0\n")
    assert read_processor(tmp_path / "empty") is None
