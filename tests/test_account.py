"""Whom servers run as, and where that user may go."""

import os
from pathlib import Path

import pytest
from csplade.integration.account import Account, can_reach, give, server_account

STRANGER = Account(uid=54321, gid=54321, name="stranger")

only_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def test_root_is_nobody_for_a_server_and_everybody_else_is_fine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    found = server_account()
    assert found is not None
    assert found.uid != 0
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert server_account() is None


@pytest.mark.parametrize("closed", [".", "..", "file"])
def test_a_stranger_needs_every_folder_above_open_and_a_program_too(reachable_path: Path, closed: str) -> None:
    folder = reachable_path / "one" / "two"
    folder.mkdir(parents=True)
    program = folder / "file"
    program.touch(mode=0o755)
    for path in (folder.parent, folder, program):
        path.chmod(0o755)
    assert can_reach(program, STRANGER)
    (folder / closed).chmod(0o700)
    assert not can_reach(program, STRANGER)
    assert can_reach(program, None)


@only_root
@pytest.mark.parametrize(("mode", "uid", "gid"), [(0o700, 54321, 0), (0o070, 0, 54321)])
def test_an_owner_and_its_group_have_their_own_rights(reachable_path: Path, mode: int, uid: int, gid: int) -> None:
    folder = reachable_path / "folder"
    folder.mkdir()
    folder.chmod(mode)
    assert not can_reach(folder, STRANGER)
    os.chown(folder, uid, gid)
    assert can_reach(folder, STRANGER)
    folder.chmod(0o007)
    assert not can_reach(folder, STRANGER)


@only_root
def test_a_folder_is_given_with_all_in_it_and_nothing_that_links_lead_to(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.touch()
    folder = tmp_path / "folder"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "file").touch()
    (folder / "link").symlink_to(outside)
    give(folder, STRANGER)
    owners = {path.name: path.lstat().st_uid for path in (folder, *folder.rglob("*"), outside)}
    assert owners == {"folder": 54321, "deep": 54321, "file": 54321, "link": 54321, "outside": 0}


def test_without_an_account_nothing_changes_hands(tmp_path: Path) -> None:
    give(tmp_path / "not-there", None)
