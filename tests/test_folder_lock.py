"""The lock of an output folder: it keeps others out for as long as its process lives, and leaves nothing behind."""

import subprocess
import sys
from pathlib import Path

import pytest
from csplade.pipelines.errors import SourceError, UsageError
from csplade.pipelines.folder_lock import contents, locked

_HOLD = """
import sys, time
from pathlib import Path
from csplade.pipelines.folder_lock import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


def test_a_second_process_is_refused_and_takes_over_when_the_first_was_killed(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    holder = subprocess.Popen([sys.executable, "-c", _HOLD, str(folder)], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None and holder.stdout.readline() == "held\n"
        with (
            pytest.raises(SourceError, match=rf"another process \({holder.pid}\) works in .*run: wait"),
            locked(folder),
        ):
            pass
        assert holder.poll() is None
    finally:
        holder.kill()
        holder.communicate()
    assert (folder / ".lock").exists()
    assert contents(folder) == []
    with locked(folder):
        (folder / "made").touch()
    assert [path.name for path in folder.iterdir()] == ["made"]


def test_a_folder_that_nothing_was_put_into_goes_with_those_above_it(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no"), locked(tmp_path / "a" / "b"):
        raise UsageError("no")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_was_there_stays(tmp_path: Path) -> None:
    with locked(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="is a file: name a new folder"), locked(tmp_path / "file"):
        pass
    with pytest.raises(SourceError, match="cannot be written"), locked(tmp_path / "file" / "below"):
        pass
