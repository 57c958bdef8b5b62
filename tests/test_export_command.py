"""`csplade export`: what it writes, what it says, what it refuses."""

from pathlib import Path

import onnx
import orjson
import pytest
from csplade.pipelines.contract import read_contract
from csplade.pipelines.folder import MODEL_FILE
from csplade.pipelines.quantize_products import own_opset
from csplade.pipelines.trained_folder import write_trained
from csplade.tests.command_run import Run, runner
from csplade.tests.published_models import write_adapter, write_splade
from csplade.tests.tiny_trained import tiny_trained

pytestmark = pytest.mark.model


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    return runner(monkeypatch, capsys)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run") / "model"
    write_trained(folder, tiny_trained())
    return folder


def test_a_trained_model_becomes_an_encoder_that_passes_its_check(run: Run, trained: Path, tmp_path: Path) -> None:
    result = run("export", trained, "--output", tmp_path / "e", "--name", "mine", "--licence", "MIT")
    assert result.code == 0
    contract = read_contract(tmp_path / "e")
    assert (contract.name, contract.licence) == ("mine", "MIT")
    assert contract.fingerprint in result.out and "trained" in result.out
    assert "largest weight difference" in result.out and "100%" in result.out
    assert "is read as trained" in result.err
    assert run("inspect", tmp_path / "e", "--check").code == 0


def test_without_a_name_an_encoder_is_called_by_its_folder(run: Run, trained: Path, tmp_path: Path) -> None:
    assert run("export", trained, "--output", tmp_path / "new" / "kitchen").code == 0
    assert read_contract(tmp_path / "new" / "kitchen").name == "kitchen"


def test_json_is_one_object(run: Run, tmp_path: Path) -> None:
    write_splade(tmp_path / "model")
    result = run(
        *("export", tmp_path / "model", "--output", tmp_path / "e", "--json"),
        *("--document-terms", 7, "--query-prefix", "bread: "),
    )
    told = orjson.loads(result.out)
    contract = read_contract(tmp_path / "e")
    assert (told["layout"], told["fingerprint"]) == ("splade", contract.fingerprint)
    assert 0 < told["largest_weight"] < 1e-4 and told["largest"] < 1e-4 and told["golden"] > 15
    assert told["overlap"] == 1
    assert (contract.document.top_k, contract.query.prefix) == (7, "bread: ")


def test_a_layout_may_be_said_where_names_tell_nothing(run: Run, tmp_path: Path) -> None:
    write_adapter(tmp_path / "adapter", tmp_path / "base")
    untold = run("export", tmp_path / "adapter", "--output", tmp_path / "e")
    assert untold.code == 1 and "say --layout laconic or --layout lion" in untold.err
    assert run("export", tmp_path / "adapter", "--output", tmp_path / "e", "--layout", "lion", "--no-bos").code == 0
    assert not read_contract(tmp_path / "e").add_bos


def test_what_cannot_be_exported_is_told_and_leaves_nothing(run: Run, trained: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "kept").write_text("kept")
    for model, output, options, code, said in (
        (tmp_path / "nothing", "e", (), 2, "there is no folder"),
        (trained, "e", ("--tokenizer", tmp_path / "none"), 2, "none: correct --tokenizer"),
        # Told before the model is looked at, which would take long.
        (tmp_path / "empty", "full/kept/e", (), 1, "full/kept/e cannot be written (Not a directory)"),
        (tmp_path / "empty", "e", (), 1, "no layout that csplade knows"),
        (trained, "full", (), 2, "is there already: name a new folder"),
        (trained, "e", ("--bos",), 2, "leave out --bos"),
        (trained, "e", ("--document-terms", 0), 2, "document-terms"),
        (trained, "e", ("--layout", "dense"), 2, "dense"),
    ):
        result = run("export", model, "--output", tmp_path / output, *options)
        assert (result.code, result.out) == (code, "") and said in result.err
    assert run("export", trained, "--output", trained).code == 2
    assert not (tmp_path / "e").exists()


@pytest.mark.parametrize("opset", [17, 20])
def test_int8_weights_are_written_in_the_opset_that_was_chosen(
    run: Run, trained: Path, tmp_path: Path, opset: int
) -> None:
    done = run("export", trained, "--output", tmp_path / "e", "--int8", "--opset", opset)
    assert done.code == 0
    assert "nDCG@10 was not measured: `csplade quantize --precision int8-weights" in done.err
    assert own_opset(onnx.load(tmp_path / "e" / MODEL_FILE)) == read_contract(tmp_path / "e").opset == opset
    assert run("inspect", tmp_path / "e", "--check").code == 0


def test_vocabulary_can_be_left_out_and_the_opset_chosen(run: Run, trained: Path, tmp_path: Path) -> None:
    write_splade(tmp_path / "model")
    options = ("--prune", "special", "--prune", "unused", "--opset", 17, "--json")
    result = run("export", tmp_path / "model", "--output", tmp_path / "e", *options)
    told = orjson.loads(result.out)
    assert told["pruned"]["special"] > 0
    assert told["terms"] == read_contract(tmp_path / "e").vocabulary_size - told["pruned"]["special"]
    assert f"{told['pruned']['special']} of" in result.err
    graph = onnx.load(tmp_path / "e" / MODEL_FILE, load_external_data=False)
    assert own_opset(graph) == read_contract(tmp_path / "e").opset == 17
    refused = run("export", trained, "--output", tmp_path / "words", "--prune", "special")
    assert refused.code == 2 and "leave out --prune" in refused.err
