"""Whom a local server runs as: the caller, or, as servers refuse root, somebody without rights of their own."""

import os
from dataclasses import dataclass
from pathlib import Path

_NOBODY = 65534


@dataclass(frozen=True)
class Account:
    """A user of this machine."""

    uid: int
    gid: int
    name: str


def server_account() -> Account | None:
    """Return whom a server must run as when the caller is root: `nobody`. None: the caller is fine."""
    if os.geteuid() != 0:
        return None
    # Windows has no such module, and still imports this one.
    import pwd

    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        # Numbers without a name are enough for the kernel and for Java.
        return Account(_NOBODY, _NOBODY, str(_NOBODY))
    return Account(entry.pw_uid, entry.pw_gid, entry.pw_name)


def can_reach(path: Path, account: Account | None) -> bool:
    """Return whether the account may go through every folder above `path`, enter it if it is one, run it if a file."""
    if account is None:
        return True
    resolved = path.resolve()
    return all(_may_pass(part, account) for part in (resolved, *resolved.parents) if part.exists())


def give(path: Path, account: Account | None) -> None:
    """Make the account the owner of a folder and of all in it."""
    if account is None:
        return
    os.chown(path, account.uid, account.gid)
    for folder, folders, files in os.walk(path):
        for name in (*folders, *files):
            os.chown(os.path.join(folder, name), account.uid, account.gid, follow_symlinks=False)


def _may_pass(part: Path, account: Account) -> bool:
    found = part.stat()
    if found.st_uid == account.uid:
        return bool(found.st_mode & 0o100)
    if found.st_gid == account.gid:
        return bool(found.st_mode & 0o010)
    return bool(found.st_mode & 0o001)
