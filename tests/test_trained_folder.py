"""A trained folder gives back the encoder that was written, and says what is wrong with another folder."""

import dataclasses
from pathlib import Path

import orjson
import pytest
import torch
from csplade.pipelines.errors import SourceError
from csplade.pipelines.trained import Trained
from csplade.pipelines.trained_folder import is_trained, read_trained, write_trained
from csplade.pipelines.training_options import TermSpace
from csplade.tests.tiny_trained import tiny_trained


@pytest.mark.parametrize("space", list(TermSpace))
def test_what_is_read_encodes_as_what_was_written(tmp_path: Path, space: TermSpace) -> None:
    written = tiny_trained(space)
    write_trained(tmp_path / "model", written)
    found = read_trained(tmp_path / "model")
    encoding = written.tokenizer.encode("Bread goes stale, plants do not")
    assert found.tokenizer.encode("Bread goes stale, plants do not").ids == encoding.ids
    ids = torch.tensor([encoding.ids])
    for role in (0, 1):
        before = written.model(ids, torch.ones_like(ids), torch.tensor(role))
        after = found.model(ids, torch.ones_like(ids), torch.tensor(role))
        assert all(torch.equal(one, other) for one, other in zip(before, after, strict=True))
        assert (before.weights > 0).any()
    same = [field.name for field in dataclasses.fields(Trained) if field.name not in ("model", "tokenizer")]
    assert all(getattr(found, name) == getattr(written, name) for name in same)
    assert found.model.options == written.model.options
    assert found.literal == written.literal


def test_a_second_model_takes_the_place_of_the_first_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    first = tiny_trained()
    write_trained(tmp_path / "model", first)
    write_trained(tmp_path / "model", dataclasses.replace(first, default_idf=7.5), {"name": "ours"})
    assert read_trained(tmp_path / "model").default_idf == 7.5
    assert orjson.loads((tmp_path / "model" / "training.json").read_bytes())["recipe"] == {"name": "ours"}
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


class _Killed(BaseException):
    """What no handler may turn into anything else."""


def test_stopped_between_two_renames_the_first_model_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_trained(tmp_path / "model", tiny_trained())
    rename, names = Path.rename, list[str]()

    def stopping(path: Path, target: Path) -> Path:
        names.append(path.name)
        if path.name == "new":
            raise _Killed
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", stopping)
    with pytest.raises(_Killed):
        write_trained(tmp_path / "model", dataclasses.replace(tiny_trained(), default_idf=7.5))
    assert names == ["model", "new", "model.before"]
    assert read_trained(tmp_path / "model").default_idf == 6.0
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


@pytest.mark.parametrize("replaced", [False, True])
def test_what_a_kill_between_two_renames_has_left_is_whole_until_it_is_replaced(tmp_path: Path, replaced: bool) -> None:
    write_trained(tmp_path / "model.before", tiny_trained())
    assert read_trained(tmp_path / "model.before").default_idf == 6.0
    if replaced:
        write_trained(tmp_path / "model", tiny_trained())
    write_trained(tmp_path / "model", dataclasses.replace(tiny_trained(), default_idf=7.5))
    assert read_trained(tmp_path / "model").default_idf == 7.5
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_foreign_folder_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "letters.txt").write_text("dear")
    with pytest.raises(SourceError, match="holds no trained model: name a new folder"):
        write_trained(tmp_path, tiny_trained())
    assert (tmp_path / "letters.txt").read_text() == "dear"


def test_a_folder_without_a_training_is_refused_by_name(tmp_path: Path) -> None:
    assert not is_trained(tmp_path)
    with pytest.raises(SourceError, match=rf"{tmp_path} holds no training\.json"):
        read_trained(tmp_path)


@pytest.mark.parametrize("name", ["head.safetensors", "tokenizer.json", "idf.json.gz", "terms.json.gz"])
def test_a_folder_without_one_of_its_files_is_refused(tmp_path: Path, name: str) -> None:
    write_trained(tmp_path / "model", tiny_trained())
    (tmp_path / "model" / name).unlink()
    with pytest.raises(SourceError, match=str(tmp_path / "model")):
        read_trained(tmp_path / "model")


def test_another_format_is_refused_with_both_versions(tmp_path: Path) -> None:
    write_trained(tmp_path / "model", tiny_trained())
    path = tmp_path / "model" / "training.json"
    path.write_bytes(orjson.dumps(orjson.loads(path.read_bytes()) | {"format_version": 9}))
    with pytest.raises(SourceError, match="has format 9, this csplade reads 1"):
        read_trained(tmp_path / "model")
