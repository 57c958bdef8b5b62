"""`csplade inspect` on a real small encoder folder, sound and damaged."""

import dataclasses
from pathlib import Path

import orjson
import pytest
from csplade.pipelines.contract import read_contract
from csplade.pipelines.encode import Encoder
from csplade.pipelines.folder import IDF_FILE
from csplade.pipelines.golden import GOLDEN_FILE, Golden, write_golden
from csplade.pipelines.graph import Role
from csplade.pipelines.sparse import SparseVector
from csplade.tests.command_run import Run, runner
from csplade.tests.tiny_encoder import TEXTS, write_tiny_encoder

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny")
    write_tiny_encoder(folder)
    encoder = Encoder.open(folder)
    golden = [Golden(Role.DOCUMENT, text, next(encoder.documents([text]))) for text in (*TEXTS, "")]
    write_golden(folder, [*golden, Golden(Role.QUERY, TEXTS[0], next(encoder.queries([TEXTS[0]])))])
    return folder


@pytest.fixture
def folder(sound: Path, tmp_path: Path) -> Path:
    for file in sound.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    return tmp_path


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    return runner(monkeypatch, capsys)


def test_the_contract_is_shown(run: Run, folder: Path) -> None:
    result = run("inspect", folder)
    assert (result.code, result.err) == (0, "")
    contract = read_contract(folder)
    for part in (contract.fingerprint, "tiny", "random Llama", "causal", "words", "at most 40 tokens"):
        assert part in result.out


def test_the_contract_as_json_is_the_file_with_its_fingerprint(run: Run, folder: Path) -> None:
    shown = orjson.loads(run("inspect", folder, "--json").out)
    assert shown.pop("fingerprint") == read_contract(folder).fingerprint
    machine = shown.pop("machine")
    assert machine["device"] in ("cpu", "cuda")
    if Path("/proc/cpuinfo").exists():
        assert "int8 products: " in machine["processor"]
    assert shown == orjson.loads((folder / "encoder.json").read_bytes())


def test_a_sound_folder_passes_the_check(run: Run, folder: Path) -> None:
    result = run("inspect", folder, "--check")
    assert result.code == 0
    assert "All 8 golden vectors agree" in result.err
    checked = orjson.loads(run("inspect", folder, "--check", "--json").out)["check"]
    assert checked["passed"] is True
    assert checked["largest"] <= checked["tolerance"] == 0.01
    assert [(row["role"], row["text"]) for row in checked["golden"]][-2:] == [("document", ""), ("query", TEXTS[0])]


def test_vectors_that_drifted_fail_the_check(run: Run, folder: Path) -> None:
    write_golden(folder, [Golden(Role.DOCUMENT, TEXTS[0], SparseVector.from_pairs([("bread", 1.0)]))])
    result = run("inspect", folder, "--check", "--json")
    assert result.code == 1
    assert orjson.loads(result.out)["check"]["passed"] is False
    assert "gives other vectors here than its contract allows" in result.err


@pytest.mark.parametrize("arguments", [[], ["--check"]])
def test_a_changed_file_is_told_by_name(run: Run, folder: Path, arguments: list[str]) -> None:
    (folder / IDF_FILE).write_bytes((folder / IDF_FILE).read_bytes() + b" ")
    result = run("inspect", folder, *arguments)
    assert result.code == 1
    assert result.out == ""
    assert result.err.startswith("Error: ")
    assert IDF_FILE in result.err


def test_no_golden_vectors_are_told(run: Run, folder: Path) -> None:
    (folder / GOLDEN_FILE).unlink()
    result = run("inspect", folder, "--check")
    assert (result.code, result.out) == (1, "")
    assert GOLDEN_FILE in result.err


def test_a_folder_that_is_no_encoder_and_one_of_another_format_are_told(run: Run, folder: Path, tmp_path: Path) -> None:
    result = run("inspect", tmp_path / "nowhere")
    assert (result.code, result.out) == (1, "")
    assert "is not an encoder folder" in result.err
    dataclasses.replace(read_contract(folder), format_version=99).write(folder)
    result = run("inspect", folder)
    assert result.code == 1
    assert "99" in result.err


def test_the_option_names_the_folder_and_the_argument_is_short_for_it(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for arguments in (["--encoder", folder], [folder], [folder, "--encoder", folder]):
        assert orjson.loads(run("inspect", *arguments, "--json").out)["name"] == "tiny"
    result = run("inspect", folder, "--encoder", folder / "other")
    assert (result.code, result.out) == (2, "")
    assert "are two encoders: name one of them" in result.err
    monkeypatch.setenv("CSPLADE_ENCODER", str(folder / "other"))
    assert orjson.loads(run("inspect", folder, "--json").out)["name"] == "tiny"


def test_the_environment_names_the_folder(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CSPLADE_ENCODER", str(folder))
    assert orjson.loads(run("inspect", "--json").out)["name"] == "tiny"
