"""The folder that a gateway's workers share: left alone by what clears old files away, and nobody else's."""

import errno
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import pytest
from csplade.integration.gateway_folder import restore, shared_folder, write_whole

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has neither such locks nor such numbers of users")


def test_systemd_leaves_an_old_folder_alone_as_long_as_it_is_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if shutil.which("systemd-tmpfiles") is None:
        pytest.skip("there is no systemd-tmpfiles")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    rule = tmp_path / "rule.conf"
    rule.write_text(f"d {tmp_path} - - - 1s\n")
    with shared_folder() as held:
        (held / "pits").mkdir()
        write_whole(held / "7.counts", b"counts")
        other = tmp_path / "other"
        other.mkdir()
        time.sleep(1.5)
        subprocess.run(["systemd-tmpfiles", "--clean", str(rule)], check=True)
        assert not other.exists()
        assert {path.name for path in held.iterdir()} == {"pits", "7.counts"}
    assert not held.exists()


def test_a_file_system_without_locks_has_the_folder_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import fcntl

    def no_lock(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(fcntl, "flock", no_lock)
    with shared_folder() as held:
        write_whole(held / "7.counts", b"counts")
    assert not held.exists()


def test_a_folder_that_somebody_else_made_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    owner = tmp_path.stat().st_uid
    restore(tmp_path)
    monkeypatch.setattr(os, "getuid", lambda: owner + 1)
    with pytest.raises(PermissionError, match="belongs to another user"):
        restore(tmp_path)
