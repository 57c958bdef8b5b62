"""A file is the old or the new one, as readable as any other, and nothing is left beside it."""

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest
from csplade.pipelines.whole_file import remove_unfinished, replace_bytes, replace_file

_KILLED = """
import os, signal, sys
from pathlib import Path
from csplade.pipelines.whole_file import replace_file
def write(file):
    file.write(b"half")
    file.flush()
    os.kill(os.getpid(), signal.SIGKILL)
replace_file(Path(sys.argv[1]), write)
"""


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


def test_what_a_killed_writer_left_is_deleted_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "step-1.pt"
    path.write_bytes(b"old")
    (tmp_path / ".lock").write_bytes(b"")
    writer = subprocess.run([sys.executable, "-c", _KILLED, str(path)], check=False)
    assert writer.returncode == -signal.SIGKILL
    assert len(os.listdir(tmp_path)) == 3
    remove_unfinished(tmp_path, age=3600)
    assert len(os.listdir(tmp_path)) == 3
    remove_unfinished(tmp_path)
    assert sorted(os.listdir(tmp_path)) == [".lock", "step-1.pt"]
    assert path.read_bytes() == b"old"
    remove_unfinished(tmp_path / "missing")
