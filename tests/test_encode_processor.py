"""What a processor can do, as Linux tells it, and which encoders are refused for it."""

import dataclasses
from pathlib import Path

import orjson
import pytest
from csplade.pipelines import encode_processor
from csplade.pipelines.contract import read_contract
from csplade.pipelines.encode import EncodeOptions, Encoder
from csplade.pipelines.encode_processor import Processor, read_processor
from csplade.pipelines.errors import EncoderError
from csplade.pipelines.quantize import QuantizeOptions
from csplade.pipelines.quantize_kinds import Precision, Target, needs_wide_sums
from csplade.tests.command_run import runner
from csplade.tests.tiny_encoder import write_tiny_encoder

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


@pytest.mark.parametrize(
    ("described", "overflow"),
    [
        ("flags\t: avx avx2\n", True),
        ("flags\t: avx2 avx512f avx512bw\n", True),
        ("flags\t: sse4_1\n", True),
        ("flags\t: avx2 avx_vnni\n", False),
        (_SERVER, False),
        ("Features\t: fp asimd\n", False),
    ],
)
def test_sums_overflow_on_x86_without_vnni(tmp_path: Path, described: str, overflow: bool) -> None:
    (tmp_path / "cpuinfo").write_text(described)
    processor = read_processor(tmp_path / "cpuinfo")
    assert processor is not None and processor.sums_overflow is overflow


@pytest.mark.parametrize("precision", list(Precision))
@pytest.mark.parametrize("target", list(Target))
def test_the_contract_says_which_sums_need_more_bits(precision: Precision, target: Target) -> None:
    rounded = precision in (Precision.INT8, Precision.INT8_STATIC, Precision.OPTIMUM)
    said = QuantizeOptions(precision, target, kept=frozenset({"a"})).said
    assert needs_wide_sums(said) is (rounded and target in (Target.VNNI, Target.ARM64))


@pytest.mark.model
def test_an_encoder_whose_sums_overflow_here_is_not_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, cpuinfo = tmp_path / "encoder", tmp_path / "cpuinfo"
    write_tiny_encoder(folder)
    monkeypatch.setattr(encode_processor, "_CPUINFO", cpuinfo)

    def promise(target: Target) -> None:
        said = QuantizeOptions(Precision.INT8, target).said
        dataclasses.replace(read_contract(folder), quantization=said).write(folder)

    def sums() -> str:
        told = orjson.loads(runner(monkeypatch, capsys)("inspect", folder, "--json").out)
        return str(told["machine"]["sums"])

    promise(Target.VNNI)
    cpuinfo.write_text("flags\t: avx avx2\n")
    with pytest.raises(EncoderError, match=r"sums overflow on the processor here \(avx2; .*the default --target"):
        Encoder.open(folder)
    assert sums() == "overflow"
    # Where a table weighs queries, the graph is loaded with the first document.
    by_table = Encoder.open(folder, EncodeOptions(table_queries=True))
    assert len(next(by_table.queries(["fresh bread"]))) > 0
    with pytest.raises(EncoderError, match="sums overflow"):
        list(by_table.documents(["fresh bread"]))
    cpuinfo.write_text(_SERVER)
    assert Encoder.open(folder).query("fresh bread") and sums() == "fit"
    promise(Target.AVX2)
    cpuinfo.write_text("flags\t: avx avx2\n")
    assert Encoder.open(folder).query("fresh bread") and sums() == "fit"
    cpuinfo.unlink()
    promise(Target.VNNI)
    assert Encoder.open(folder).query("fresh bread") and sums() == "None"
