"""Encoder folders whose files have the checksums of the contract, and do not belong together or to this machine."""

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path

import onnx
import orjson
import pytest
from csplade.pipelines.contract import Contract, read_contract
from csplade.pipelines.encode import EncodeOptions, Encoder
from csplade.pipelines.errors import EncoderError
from csplade.pipelines.export_folder import export_folder
from csplade.pipelines.folder import (
    MODEL_FILE,
    TERMS_FILE,
    TOKENIZER_FILE,
    WEIGHTS_FILE,
    deciding_files,
    read_tables,
    write_tables,
)
from csplade.pipelines.quantize_products import save_graph
from csplade.pipelines.trained_contract import contract_of
from csplade.pipelines.training_options import TermSpace
from csplade.tests.command_run import Run, runner
from csplade.tests.tiny_encoder import TEXTS
from csplade.tests.tiny_trained import tiny_trained
from tokenizers import Tokenizer

pytestmark = pytest.mark.model

_WORD = "quokka"
"""A token that the tiny vocabulary does not have."""


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sound") / "words"
    export_folder(tiny_trained(), folder, quantize=False)
    return folder


@pytest.fixture
def folder(sound: Path, tmp_path: Path) -> Path:
    shutil.copytree(sound, tmp_path / "encoder")
    return tmp_path / "encoder"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    return runner(monkeypatch, capsys)


def sealed(folder: Path, change: Callable[[Contract], Contract] = lambda contract: contract) -> Contract:
    """Write the contract anew, with the checksums of what is in the folder now."""
    contract = change(dataclasses.replace(read_contract(folder), files=deciding_files(folder)))
    contract.write(folder)
    return contract


def larger_tokenizer(folder: Path) -> int:
    """Give the folder a tokenizer with a token more, and return its largest id."""
    tokenizer = Tokenizer.from_file(str(folder / TOKENIZER_FILE))
    tokenizer.add_tokens([_WORD])
    tokenizer.save(str(folder / TOKENIZER_FILE))
    return max(map(int, tokenizer.get_vocab().values()))


def test_a_tokenizer_with_more_ids_than_the_vocabulary_is_refused_when_opened(folder: Path) -> None:
    largest = larger_tokenizer(folder)
    contract = sealed(folder)
    with pytest.raises(EncoderError) as raised:
        Encoder.open(folder)
    said = str(raised.value)
    assert f"tokenizer.json of {folder} gives ids to {largest}, " in said
    assert f"a vocabulary of {contract.vocabulary_size}:" in said and "csplade inspect --check" in said
    # Where a table weighs queries, nobody asks the model until a document is encoded.
    by_table = Encoder.open(folder, EncodeOptions(table_queries=True))
    assert by_table.query("bread").weights
    with pytest.raises(EncoderError, match=f"gives ids to {largest}"):
        next(by_table.documents(["bread"]))


def test_ids_with_gaps_count_by_the_largest() -> None:
    trained = tiny_trained()
    described = orjson.loads(trained.tokenizer.to_str())
    vocabulary = described["model"]["vocab"]
    vocabulary[max(vocabulary, key=vocabulary.__getitem__)] += 5
    gapped = dataclasses.replace(trained, tokenizer=Tokenizer.from_str(orjson.dumps(described).decode()))
    assert contract_of(gapped).vocabulary_size == gapped.tokenizer.get_vocab_size() + 5


def test_a_tokenizer_that_is_none_is_refused(folder: Path) -> None:
    (folder / TOKENIZER_FILE).write_text("{}")
    sealed(folder)
    with pytest.raises(EncoderError, match=r"tokenizer\.json of .* cannot be read"):
        Encoder.open(folder)


def test_a_vocabulary_that_the_graph_does_not_have_ends_in_a_sentence(
    run: Run, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The contract is as wrong as the tokenizer: only the graph knows how many rows its embedding has."""
    largest = larger_tokenizer(folder)
    sealed(folder, lambda contract: dataclasses.replace(contract, vocabulary_size=largest + 1))
    (tmp_path / "a.jsonl").write_text(f'{{"_id": "1", "text": "{_WORD} bread"}}\n')
    monkeypatch.setenv("CSPLADE_ENCODER", str(folder))
    result = run("encode", tmp_path / "a.jsonl", "--output", tmp_path / "v.jsonl")
    assert result.code == 1 and result.err.count("Error: ") == 1 and "Traceback" not in result.err
    assert f"Error: {folder / MODEL_FILE} failed on 1 texts" in result.err
    assert f"csplade inspect {folder} --check" in result.err


def test_a_table_of_terms_that_is_too_short_is_told(folder: Path, tmp_path: Path) -> None:
    """Of words only the graph knows how many there are; of pieces there is one for each id."""
    tables = read_tables(folder)
    write_tables(folder, dataclasses.replace(tables, terms=tables.terms[:3]))
    sealed(folder)
    with pytest.raises(EncoderError, match=rf"{TERMS_FILE} of {folder} has 3 terms, and its graph gives number \d+"):
        list(Encoder.open(folder).documents(TEXTS))
    pieces = tmp_path / "pieces"
    export_folder(tiny_trained(TermSpace.PIECES), pieces, quantize=False)
    tables = read_tables(pieces)
    write_tables(pieces, dataclasses.replace(tables, terms=tables.terms[:-1]))
    contract = sealed(pieces)
    with pytest.raises(EncoderError, match=f"has {contract.vocabulary_size - 1} terms, .* {contract.vocabulary_size},"):
        Encoder.open(pieces)


@pytest.mark.parametrize(("opset", "version", "told"), [(99, 8, "opset 99"), (18, 99, "IR version 99")])
def test_a_graph_that_is_too_new_is_told_by_the_command(
    run: Run, folder: Path, opset: int, version: int, told: str
) -> None:
    model = onnx.load(folder / MODEL_FILE)
    model.ir_version = version
    next(each for each in model.opset_import if not each.domain).version = opset
    (folder / MODEL_FILE).write_bytes(model.SerializeToString())
    sealed(folder, lambda contract: dataclasses.replace(contract, opset=opset))
    result = run("inspect", folder, "--check")
    assert (result.code, result.out) == (1, "")
    assert f"has ONNX's {told}, and the onnxruntime here knows none above" in result.err
    assert len(result.err.splitlines()) == 1


def test_another_opset_than_the_contract_says_fails_the_check(run: Run, folder: Path) -> None:
    sealed(folder, lambda contract: dataclasses.replace(contract, opset=17))
    result = run("inspect", folder, "--check")
    assert result.code == 1 and "opset 18, and the contract says 17" in result.err


def test_weights_beside_the_graph_are_the_contracts_too(folder: Path) -> None:
    model = onnx.load(folder / MODEL_FILE)
    (whole,) = Encoder.open(folder).documents(TEXTS[:1])
    save_graph(model, folder / MODEL_FILE, largest_file=1000)
    assert WEIGHTS_FILE in sealed(folder).files
    (apart,) = Encoder.open(folder).documents(TEXTS[:1])
    assert dict(apart.weights) == pytest.approx(dict(whole.weights), rel=1e-5)
    weights = (folder / WEIGHTS_FILE).read_bytes()
    (folder / WEIGHTS_FILE).write_bytes(weights[:-1] + bytes([weights[-1] ^ 1]))
    with pytest.raises(EncoderError, match=rf"{WEIGHTS_FILE} has SHA-256"):
        Encoder.open(folder)
    (folder / WEIGHTS_FILE).unlink()
    with pytest.raises(EncoderError, match=rf"{WEIGHTS_FILE} is missing"):
        Encoder.open(folder)


def test_weights_beside_the_graph_that_the_contract_forgot_are_missed_by_name(folder: Path) -> None:
    save_graph(onnx.load(folder / MODEL_FILE), folder / MODEL_FILE, largest_file=1000)
    (folder / WEIGHTS_FILE).unlink()
    sealed(folder)
    with pytest.raises(EncoderError, match=rf"cannot be loaded .*{WEIGHTS_FILE}.*copy the encoder folder again"):
        Encoder.open(folder)
