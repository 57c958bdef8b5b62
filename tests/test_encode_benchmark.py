"""What `benchmarks/encode.py` measures: every precision of one trained model, made and of use."""

from pathlib import Path

import pytest
from csplade.benchmarks.encode_material import make
from csplade.benchmarks.encode_systems import disk, names, open_system
from csplade.pipelines.contract import read_contract
from csplade.pipelines.encode import Encoder
from csplade.pipelines.golden import allowed, drifts, read_golden
from csplade.pipelines.quantize import QuantizeOptions
from csplade.pipelines.quantize_kinds import Precision
from csplade.pipelines.trained_folder import write_trained
from csplade.tests.tiny_trained import tiny_trained

pytestmark = pytest.mark.model


def test_every_precision_is_made_once_and_encodes(tmp_path: Path) -> None:
    write_trained(tmp_path / "model", tiny_trained())
    material = make(tmp_path / "model", tmp_path / "work", list(Precision))
    assert list(material.folders) == ["fp32", *(each.value for each in Precision)]
    for precision in Precision:
        folder = material.folders[precision.value]
        contract = read_contract(folder)
        assert contract.quantization == QuantizeOptions(precision).said
        assert contract.document.max_tokens == 512
        assert all(allowed(drift, contract) for drift in drifts(Encoder.open(folder), read_golden(folder)))
        name = f"csplade {precision}"
        assert name in names(material.folders) and disk(name, material) == folder
        system = open_system(name, material)
        system.documents(["bread and salt"])
        system.query("bread")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "work").rglob("*") if path.is_file()}
    assert make(tmp_path / "model", tmp_path / "work", list(Precision)) == material
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "work").rglob("*") if path.is_file()}
