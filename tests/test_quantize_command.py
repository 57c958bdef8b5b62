"""`csplade quantize`: the table it ends in, what it writes, and what it refuses."""

import dataclasses
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
import orjson
import pytest
from csplade.pipelines.contract import read_contract
from csplade.pipelines.encode import Encoder
from csplade.pipelines.encode_processor import Processor
from csplade.pipelines.export_folder import export_folder
from csplade.pipelines.folder import MODEL_FILE
from csplade.pipelines.golden import allowed, drifts, read_golden, write_golden
from csplade.pipelines.quantize import QuantizeOptions
from csplade.pipelines.quantize_blocks import block_product
from csplade.pipelines.quantize_int8 import Int8Weights, static_product, token_products
from csplade.pipelines.quantize_kinds import Precision
from csplade.pipelines.quantize_products import Pieces, Product, products
from csplade.pipelines.sparse import SparseVector
from csplade.pipelines.training_options import TermSpace
from csplade.tests.command_run import Run, runner
from csplade.tests.tiny_encoder import TEXTS
from csplade.tests.tiny_trained import tiny_trained
from numpy.typing import NDArray

pytestmark = pytest.mark.model


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    return runner(monkeypatch, capsys)


@pytest.fixture(scope="module")
def exact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("quantize") / "exact"
    export_folder(tiny_trained(), folder, quantize=False)
    return folder


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a judged collection: each text is found by its own first words."""
    folder = tmp_path_factory.mktemp("collection")
    documents = [{"_id": f"d{number}", "text": text} for number, text in enumerate(TEXTS)]
    queries = [{"_id": f"q{number}", "text": " ".join(text.split()[:3])} for number, text in enumerate(TEXTS)]
    for name, lines in (("corpus", documents), ("queries", queries)):
        (folder / f"{name}.jsonl").write_bytes(b"".join(orjson.dumps(line) + b"\n" for line in lines))
    (folder / "qrels").mkdir()
    judgments = "".join(f"q{number}\td{number}\t1\n" for number in range(len(TEXTS)))
    (folder / "qrels" / "test.tsv").write_text(f"query-id\tcorpus-id\tscore\n{judgments}")
    return folder


def test_a_target_that_cannot_be_measured_here_is_refused_before_anything_is_encoded(
    exact: Path, collection: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = Processor("avx2", (), ())
    monkeypatch.setattr("csplade.pipelines.quantize_folder.read_processor", lambda: old)
    output = tmp_path / "small"
    done = run("quantize", exact, "--output", output, "--collection", collection, "--target", "avx512_vnni")
    assert (done.code, done.out) == (2, "")
    assert "--target avx512_vnni gives int8 weights per channel" in done.err and "nothing could be measured" in done.err
    assert "measuring" not in done.err and not output.exists()


@pytest.mark.parametrize(
    ("precision", "sign", "others"),
    [
        ("int8", ".token.rounded", (".range", ".blocks")),
        ("int8-static", ".range", (".token.rounded", ".blocks")),
        ("int4", ".blocks", (".range", ".token.rounded")),
    ],
)
def test_an_encoder_of_another_precision_is_whole_and_measured(
    run: Run, exact: Path, collection: Path, tmp_path: Path, precision: str, sign: str, others: tuple[str, ...]
) -> None:
    """By `sign` its graph is told from `others`."""
    output = tmp_path / "small"
    options = ("--precision", precision, "--collection", collection, "--json")
    result = run("quantize", exact, "--output", output, *options)
    assert result.code == 0, result.err
    told = orjson.loads(result.out)
    before, after = told["rows"]
    assert (before["precision"], after["precision"]) == ("fp32", precision)
    assert (before["difference"], before["overlap"], before["loss"]) == (0, 1, 0)
    assert 0 < after["difference"] < 0.5 < after["overlap"] <= 1 and after["ndcg"] > 0.5
    assert after["megabytes"] < before["megabytes"] and min(after["documents_per_second"], after["query_ms"]) > 0
    contract = read_contract(output)
    assert told["fingerprint"] == contract.fingerprint != read_contract(exact).fingerprint
    assert contract.quantization == QuantizeOptions(Precision(precision)).said and told["left_out"] == []
    graph = onnx.load(output / MODEL_FILE).graph
    named = [name for node in graph.node for name in (*node.input, *node.output)]
    assert any(name.endswith(sign) for name in named) and not any(name.endswith(others) for name in named)
    assert all(allowed(drift, contract) for drift in drifts(Encoder.open(output), read_golden(output)))
    card = (output / "README.md").read_text()
    assert contract.fingerprint in card and f"| weights | {contract.quantization} |" in card and "| fp32 |" in card
    assert [path.name for path in tmp_path.iterdir()] == ["small"]


def test_what_loses_too_much_is_shown_and_not_written(
    run: Run, collection: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forgotten(weight: NDArray[np.float32], bits: int) -> Int8Weights:
        return Int8Weights(np.zeros_like(weight, dtype=np.int8), np.ones(weight.shape[1], dtype=np.float32))

    export_folder(tiny_trained(TermSpace.PIECES), tmp_path / "exact", quantize=False)
    monkeypatch.setattr("csplade.pipelines.quantize.rounded_columns", forgotten)
    arguments = ("quantize", tmp_path / "exact", "--output", tmp_path / "small", "--collection", collection)
    result = run(*arguments)
    assert result.code == 1 and "int8" in result.out and "nothing was written" in result.err
    assert [path.name for path in tmp_path.iterdir()] == ["exact"]
    assert run(*arguments, "--force").code == 0
    assert (tmp_path / "small").is_dir()


def test_what_ranks_well_and_is_far_off_is_not_written(
    run: Run, exact: Path, collection: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Own words alone find what the collection asks for, whatever is made of the expansion."""

    def swapped(product: Product, bits: int) -> Pieces:
        weight = product.weight[:, ::-1].copy() if product.pooled else product.weight
        return block_product(dataclasses.replace(product, weight=weight), bits)

    monkeypatch.setattr("csplade.pipelines.quantize.block_product", swapped)
    arguments = ("quantize", exact, "--output", tmp_path / "small", "--collection", collection)
    options = ("--precision", "int4", "--max-loss", 90)
    result = run(*arguments, *options)
    assert result.code == 1 and "int4" in result.out
    assert "int4 moves golden vectors by up to" in result.err and "their expansion by up to 1." in result.err
    assert list(tmp_path.iterdir()) == []
    assert run(*arguments, *options, "--force").code == 0
    assert read_contract(tmp_path / "small").expansion_tolerance > 1


@pytest.mark.parametrize("precision", ["int8", "int4"])
def test_terms_of_a_text_that_had_none_are_told_and_no_tolerance(
    run: Run, exact: Path, collection: Path, tmp_path: Path, precision: str
) -> None:
    """There is no share of nothing: as a tolerance, infinity made a folder that nobody could open."""
    source, output = tmp_path / "source", tmp_path / "small"
    shutil.copytree(exact, source)
    first, *others = read_golden(source)
    write_golden(source, [dataclasses.replace(first, vector=SparseVector({})), *others])
    arguments = ("quantize", source, "--output", output, "--collection", collection, "--precision", precision)
    result = run(*arguments)
    told = f"{precision} gives terms to texts that have none in fp32, such as {first.text[:40]!r}"
    assert result.code == 1 and told in result.err and not output.exists()
    assert run(*arguments, "--force").code == 0
    contract = read_contract(output)
    beyond = [drift for drift in drifts(Encoder.open(output), read_golden(output)) if not allowed(drift, contract)]
    assert [drift.golden.text for drift in beyond] == [first.text]
    assert contract.tolerance < 1


@pytest.mark.parametrize("precision", ["int8", "int8-static"])
def test_a_layer_that_bears_no_rounding_is_left_out_and_told(
    run: Run, collection: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, precision: str
) -> None:
    export_folder(tiny_trained(TermSpace.PIECES), tmp_path / "exact", quantize=False)
    head = next(each for each in products(onnx.load(tmp_path / "exact" / MODEL_FILE)) if each.pooled)

    def lost(weights: Int8Weights) -> Int8Weights:
        return Int8Weights(np.zeros_like(weights.rounded), weights.scales)

    def forgetful(rounded: Sequence[Product], weights: Mapping[str, Int8Weights]) -> dict[str, Pieces]:
        """Round as always, but all of the head away."""
        return token_products(rounded, {**weights, head.name: lost(weights[head.name])})

    def forgetful_static(product: Product, weights: Int8Weights, low: float, high: float) -> Pieces:
        return static_product(product, lost(weights) if product.name == head.name else weights, low, high)

    monkeypatch.setattr("csplade.pipelines.quantize.token_products", forgetful)
    monkeypatch.setattr("csplade.pipelines.quantize.static_product", forgetful_static)
    options = ("--collection", collection, "--max-loss", 5, "--precision", precision, "--json")
    result = run("quantize", tmp_path / "exact", "--output", tmp_path / "small", *options)
    assert result.code == 0, result.err
    told = orjson.loads(result.out)
    assert told["left_out"] == [head.name] and told["rows"][1]["loss"] <= 0.05
    assert f"without {head.name}" in result.err and "without exclusions" in result.err
    contract = read_contract(tmp_path / "small")
    assert contract.quantization.endswith(", 1 products with float ones")
    nodes = {node.name for node in onnx.load(tmp_path / "small" / MODEL_FILE).graph.node}
    assert f"{head.name}.restored" in nodes and f"{head.name}.sums" not in nodes


@pytest.mark.parametrize("precision", ["int8", "int4"])
def test_a_collection_in_which_nothing_is_found_measures_nothing(
    run: Run, exact: Path, collection: Path, tmp_path: Path, precision: str
) -> None:
    shutil.copytree(collection, tmp_path / "blank")
    blank = [{"_id": f"q{number}", "text": "what is it"} for number in range(len(TEXTS))]
    (tmp_path / "blank" / "queries.jsonl").write_bytes(b"".join(orjson.dumps(line) + b"\n" for line in blank))
    options = ("--collection", tmp_path / "blank", "--precision", precision, "--force")
    result = run("quantize", exact, "--output", tmp_path / "small", *options)
    assert (result.code, result.out) == (2, "") and "finds no relevant document" in result.err
    assert [path.name for path in tmp_path.iterdir()] == ["blank"]


def test_what_cannot_be_quantized_is_told(run: Run, exact: Path, collection: Path, tmp_path: Path) -> None:
    export_folder(tiny_trained(), tmp_path / "int8", quantize=True)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "kept").write_text("kept")
    for encoder, output, options, code, said in (
        (tmp_path / "none", "new", (), 2, "there is no folder"),
        (exact, "new", ("--collection", tmp_path / "none"), 2, "correct --collection"),
        (exact, "new", ("--collection", tmp_path), 1, "queries.jsonl"),
        (exact, "full", (), 2, "is there already: name a new folder"),
        (exact, "new", ("--precision", "int3"), 2, "int3"),
        (exact, "new", ("--max-loss", "-1"), 2, "max-loss"),
        (
            exact,
            "new",
            ("--precision", "int4", "--target", "avx2"),
            2,
            "--target avx2 does nothing with --precision int4",
        ),
        (tmp_path / "int8", "new", (), 2, "is quantized already (int8 weights"),
        (tmp_path / "full", "new", (), 1, "is not an encoder folder"),
    ):
        result = run("quantize", encoder, "--collection", collection, "--output", tmp_path / output, *options)
        assert (result.code, result.out) == (code, "") and said in result.err, result.err
    assert run("quantize", exact, "--collection", collection, "--output", exact).code == 2
    assert not (tmp_path / "new").exists()
