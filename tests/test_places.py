"""The cache folder: where it is, who waits for whom, and what a full disk says."""

import os
import threading
import time
from pathlib import Path

import pytest
from csplade.integration.account import Account
from csplade.integration.errors import NodeError
from csplade.integration.places import Places, find_places, locked, make_places, writing

STRANGER = Account(uid=54321, gid=54321, name="stranger")


def test_it_is_in_the_users_cache_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    assert find_places({"XDG_CACHE_HOME": "/elsewhere"}, None).root == Path("/elsewhere/csplade")
    for unusable in ({}, {"XDG_CACHE_HOME": ""}, {"XDG_CACHE_HOME": "relative"}):
        assert find_places(unusable, None).root == Path("/home/somebody/.cache/csplade")


def test_it_is_the_systems_if_the_servers_user_cannot_enter_the_callers(tmp_path: Path, reachable_path: Path) -> None:
    tmp_path.chmod(0o700)
    assert find_places({"XDG_CACHE_HOME": str(tmp_path)}, STRANGER).root == Path("/var/cache/csplade")
    assert find_places({"XDG_CACHE_HOME": str(reachable_path)}, STRANGER).root == reachable_path / "csplade"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes places for somebody else")
def test_places_for_somebody_else_are_open_whatever_the_umask_is(reachable_path: Path) -> None:
    before = os.umask(0o077)
    try:
        make_places(Places(reachable_path / "mine"), None)
        make_places(Places(reachable_path / "theirs"), STRANGER)
    finally:
        os.umask(before)
    modes = {name: (reachable_path / name / "servers").stat().st_mode & 0o777 for name in ("mine", "theirs")}
    assert modes == {"mine": 0o700, "theirs": 0o755}


def test_places_that_cannot_be_made_are_told_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NodeError, match=r"file/csplade cannot be used \(.*\): set XDG_CACHE_HOME"):
        make_places(Places(tmp_path / "file" / "csplade"), None)


def test_one_waits_for_the_other(tmp_path: Path) -> None:
    done: list[str] = []

    def wait() -> None:
        with locked(tmp_path / "lock"):
            done.append("second")

    with locked(tmp_path / "lock"):
        thread = threading.Thread(target=wait)
        thread.start()
        time.sleep(0.2)
        done.append("first")
    thread.join()
    assert done == ["first", "second"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_told_with_the_way_out() -> None:
    told = "there is no room left in /dev: make some, or go elsewhere"
    with pytest.raises(NodeError, match=told), writing(Path("/dev"), "go elsewhere"):
        Path("/dev/full").write_text("x")
