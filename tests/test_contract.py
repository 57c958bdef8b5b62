"""The contract: what changes its fingerprint, what `encoder.json` keeps, and folders that are none."""

import dataclasses
from pathlib import Path
from typing import Any

import orjson
import pytest
from csplade.pipelines.contract import (
    CONTRACT_FILE,
    Contract,
    Literal,
    Side,
    check_files,
    read_contract,
    sha256,
)
from csplade.pipelines.errors import EncoderError
from csplade.tests.word_encoder import word_contract

CONTRACT = dataclasses.replace(
    word_contract("small", opset=18),
    base_model="a-model",
    base_revision="abc",
    add_bos=True,
    vocabulary_size=32_768,
    document=Side(prefix="", max_tokens=256, top_k=256),
    query=Side(prefix="query: ", max_tokens=64, top_k=64),
    literal=Literal(k1=1.2, b=0.75, average_words=120.0, default_idf=9.5, analysis="english"),
    quantization="int8",
    tolerance=0.05,
    expansion_tolerance=0.5,
    files={"model.onnx": "0" * 64, "tokenizer.json": "1" * 64},
    licence="Apache-2.0",
    training=("first", "second"),
    scores={"cranfield": 0.36},
)
OPTIONAL = {"licence": "MIT", "training": (), "scores": {"cranfield": 0.5}}
DESCRIPTIVE = OPTIONAL | {
    "name": "other",
    "base_model": "b-model",
    "base_revision": "def",
    "quantization": "int4",
    "tolerance": 0.1,
    "expansion_tolerance": 0.9,
}


def other_values(contract: Contract) -> dict[str, object]:
    """Return another value for each field that decides a weight, and for each field inside its parts."""
    found: dict[str, object] = {}
    for field in dataclasses.fields(contract):
        value = getattr(contract, field.name)
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            for inner in dataclasses.fields(value):
                changed = {inner.name: _other(getattr(value, inner.name))}
                found[f"{field.name}.{inner.name}"] = dataclasses.replace(value, **changed)
        elif field.name not in DESCRIPTIVE:
            found[field.name] = _other(value)
    return found | {"literal": None}


def _other(value: object) -> object:
    match value:
        case bool():
            return not value
        case str():
            return value + "x"
        case int() | float():
            return value + 1
        case dict():
            return {**value, "model.onnx": "2" * 64}
    raise AssertionError(f"no other value is known for {value!r}")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    CONTRACT.write(tmp_path)
    return tmp_path


def rewrite(folder: Path, **changed: object) -> None:
    path = folder / CONTRACT_FILE
    path.write_bytes(orjson.dumps(orjson.loads(path.read_bytes()) | changed))


@pytest.mark.parametrize("contract", [CONTRACT, dataclasses.replace(CONTRACT, literal=None, scores={}, training=())])
def test_what_was_written_is_read_with_the_same_fingerprint(tmp_path: Path, contract: Contract) -> None:
    contract.write(tmp_path)
    assert read_contract(tmp_path) == contract
    assert read_contract(tmp_path).fingerprint == contract.fingerprint


def test_a_fingerprint_is_16_hexadecimal_digits_and_does_not_depend_on_the_order_of_the_file(folder: Path) -> None:
    path = folder / CONTRACT_FILE
    path.write_bytes(orjson.dumps(dict(reversed(orjson.loads(path.read_bytes()).items()))))
    assert read_contract(folder).fingerprint == CONTRACT.fingerprint
    assert len(CONTRACT.fingerprint) == 16
    assert set(CONTRACT.fingerprint) <= set("0123456789abcdef")


@pytest.mark.parametrize("name", other_values(CONTRACT))
def test_whatever_decides_a_weight_changes_the_fingerprint(name: str) -> None:
    changed = {name.partition(".")[0]: other_values(CONTRACT)[name]}
    assert dataclasses.replace(CONTRACT, **changed).fingerprint != CONTRACT.fingerprint  # type: ignore[arg-type]


@pytest.mark.parametrize("name", DESCRIPTIVE)
def test_a_description_does_not_change_the_fingerprint(name: str) -> None:
    changed: dict[str, Any] = {name: DESCRIPTIVE[name]}  # Any: of whatever type the field has
    assert dataclasses.replace(CONTRACT, **changed).fingerprint == CONTRACT.fingerprint


def test_the_fingerprint_is_part_of_indexes_and_must_not_move() -> None:
    assert CONTRACT.fingerprint == "3b926e34ed4a49bf"


def test_descriptions_may_be_missing(folder: Path) -> None:
    path = folder / CONTRACT_FILE
    raw = orjson.loads(path.read_bytes())
    path.write_bytes(orjson.dumps({name: value for name, value in raw.items() if name not in OPTIONAL}))
    assert read_contract(folder).fingerprint == CONTRACT.fingerprint


@pytest.mark.parametrize("name", ["", "nothing"])
def test_a_folder_without_contract_is_told_with_the_option(tmp_path: Path, name: str) -> None:
    with pytest.raises(
        EncoderError, match=r"is not an encoder folder: it has no encoder\.json; point --encoder at one"
    ):
        read_contract(tmp_path / name)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"3", b"null", b'"x"', b"{}", b"\xff"])
def test_a_contract_that_is_none_is_told_with_its_path(tmp_path: Path, content: bytes) -> None:
    (tmp_path / CONTRACT_FILE).write_bytes(content)
    with pytest.raises(EncoderError, match=r"encoder\.json cannot be read \(.+\): export the encoder again"):
        read_contract(tmp_path)


@pytest.mark.parametrize(
    "changed", [{"colour": "red"}, {"document": {"prefix": ""}}, {"query": 3}, {"literal": {"k": 1}}]
)
def test_fields_too_many_or_too_few_are_told(folder: Path, changed: dict[str, object]) -> None:
    rewrite(folder, **changed)
    with pytest.raises(EncoderError, match="cannot be read"):
        read_contract(folder)


@pytest.mark.parametrize(
    "name",
    [
        field.name
        for field in dataclasses.fields(CONTRACT)
        if field.name not in {*DESCRIPTIVE, "query_path", "last_resort"}
    ],
)
def test_a_missing_field_is_named(folder: Path, name: str) -> None:
    path = folder / CONTRACT_FILE
    raw = orjson.loads(path.read_bytes())
    del raw[name]
    path.write_bytes(orjson.dumps(raw))
    with pytest.raises(EncoderError, match=f"cannot be read .*'{name}'"):
        read_contract(folder)


@pytest.mark.parametrize(
    ("changed", "said"), [({"format_version": 2}, "format 2 and"), ({"key_codec": 9}, "key codec 9,")]
)
def test_another_version_is_told_even_if_it_has_other_fields(
    folder: Path, changed: dict[str, object], said: str
) -> None:
    rewrite(folder, unheard_of=1, **changed)
    with pytest.raises(EncoderError, match=said) as caught:
        read_contract(folder)
    assert "install the csplade that wrote it" in str(caught.value)


def test_files_are_compared_with_the_contract(folder: Path) -> None:
    names = ("model.onnx", "tokenizer.json")
    for name in names:
        (folder / name).write_text(name)
    contract = dataclasses.replace(CONTRACT, files={name: sha256(folder / name) for name in names})
    check_files(folder, contract)
    (folder / "model.onnx").write_text("changed")
    with pytest.raises(EncoderError, match=r"model\.onnx has SHA-256 .*…, the contract says .*…: copy"):
        check_files(folder, contract)
    (folder / "model.onnx").unlink()
    with pytest.raises(EncoderError, match=r"model\.onnx is missing: copy the encoder folder again"):
        check_files(folder, contract)


def test_a_sum_is_that_of_the_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "large"
    path.write_bytes(b"a" * 1_000_000)
    # From `printf a%.0s {1..1000000} | sha256sum`.
    assert sha256(path) == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"


def test_a_contract_without_query_path_asks_the_model(folder: Path) -> None:
    path = folder / CONTRACT_FILE
    raw = orjson.loads(path.read_bytes())
    del raw["query_path"]
    path.write_bytes(orjson.dumps(raw))
    assert read_contract(folder).query_path == "model"
    assert read_contract(folder).fingerprint == CONTRACT.fingerprint


_SIDE = {"prefix": "", "max_tokens": 8, "top_k": 8}
_LITERAL = {"k1": 1.2, "b": 0.75, "average_words": 9.0, "default_idf": 9.5, "analysis": "plain"}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"attention": "sideways"}, "attention 'sideways', which must be one of causal, echo, bidirectional"),
        ({"attention": 3}, "attention 3, which must be a text"),
        ({"add_bos": "yes"}, "add_bos 'yes', which must be true or false"),
        ({"pooling": "mean"}, "pooling 'mean', which must be one of max"),
        ({"term_space": "bytes"}, "term_space 'bytes', which must be one of words, pieces"),
        ({"query_path": "oracle"}, "query_path 'oracle', which must be one of model, table"),
        ({"vocabulary_size": 0}, "vocabulary_size 0, which must be 1 or more"),
        ({"vocabulary_size": 2.5}, "vocabulary_size 2.5, which must be a whole number"),
        ({"opset": True}, "opset True, which must be a whole number"),
        ({"tolerance": -0.1}, "tolerance -0.1, which must be 0 or more"),
        ({"document": _SIDE | {"top_k": -1}}, "document.top_k -1, which must be 0 or more"),
        ({"query": _SIDE | {"max_tokens": 0}}, "query.max_tokens 0, which must be 1 or more"),
        ({"query": _SIDE | {"prefix": None}}, "query.prefix None, which must be a text"),
        ({"literal": _LITERAL | {"b": 1.5}}, "literal.b 1.5, which must be from 0 to 1"),
        ({"literal": _LITERAL | {"average_words": 0}}, "literal.average_words 0, which must be above 0"),
        ({"literal": _LITERAL | {"k1": "1"}}, "literal.k1 '1', which must be a number"),
        ({"files": ["model.onnx"]}, "which must be an object of texts"),
        ({"files": {"model.onnx": "abc"}}, "which must be an object of SHA-256 sums"),
        ({"scores": {"cranfield": "good"}}, "which must be an object of numbers"),
        ({"training": [1]}, r"training \(1,\), which must be a list of texts"),
        ({"literal": None, "query_path": "table"}, "query_path 'table' and no literal path"),
    ],
)
def test_a_value_that_no_encoder_has_is_named_with_its_field(
    folder: Path, changed: dict[str, object], said: str
) -> None:
    rewrite(folder, **changed)
    with pytest.raises(EncoderError, match=said):
        read_contract(folder)
