"""A file is the old or the new one, as readable as any other, and nothing is left beside it."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest
from csplade.pipelines.whole_file import replace_bytes, replace_file


@pytest.fixture(params=[0o022, 0o027, 0o077])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def test_whoever_may_read_other_files_may_read_it(tmp_path: Path, umask: int) -> None:
    path = tmp_path / "log.jsonl"
    for content in (b"old", b"new"):
        replace_bytes(path, content)
        assert path.read_bytes() == content
        assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~umask
    assert os.listdir(tmp_path) == ["log.jsonl"]


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_a_writer_that_fails_leaves_the_old_file_and_no_other(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "checkpoint"
    path.write_bytes(b"old")

    def fail(file: IO[bytes]) -> None:
        file.write(b"half")
        raise error

    with pytest.raises(error):
        replace_file(path, fail, sync=True)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["checkpoint"]


def test_what_is_written_is_in_the_file_before_it_takes_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename, seen = os.replace, list[bytes]()

    def watching(source: Path, target: Path) -> None:
        seen.append(source.read_bytes())
        rename(source, target)

    monkeypatch.setattr(os, "replace", watching)
    replace_bytes(tmp_path / "log.jsonl", b"whole")
    assert seen == [b"whole"]
