"""Unpacks a server once, with the modules it lacks, so that it is either whole in its place or not there."""

import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from csplade.integration.account import Account, can_reach
from csplade.integration.errors import NodeError
from csplade.integration.fetch import Tell, fetch
from csplade.integration.java import Java
from csplade.integration.places import CURE, Places, locked, writing
from csplade.integration.servers import ICU, Artifact, Module, Server, Wheel


def install(server: Server, java: Java, places: Places, tell: Tell) -> Path:
    """Return the folder of the unpacked server, after fetching it if it is not there yet.

    Raises:
        MissingExtraError: jgo is not installed.
        NodeError: it cannot be fetched, or the disk has no room.
    """
    icu = java.from_wheel and server.wheel is Wheel.WITH_ICU
    home = places.servers / (f"{server.id}-icu" if icu else server.id)
    with writing(places.servers, CURE), _alone(home):
        if not home.exists():
            _check_room(server, places.servers)
            with _draft(home) as draft:
                try:
                    _build(server, ICU if icu else (), draft, tell).rename(home)
                except NodeError as error:
                    raise NodeError(f"{error}; {_instead(server)}") from error
    return home


def reachable(java: Java, places: Places, account: Account | None) -> Java:
    """Return the Java, or a copy of it if the account cannot reach where the wheel is installed."""
    if can_reach(java.program, account):
        return java
    home = places.servers / f"java-{java.major}"
    with writing(places.servers, CURE), _alone(home):
        if not home.exists():
            with _draft(home) as draft:
                copied = Path(shutil.copytree(java.home, draft / "java", symlinks=True))
                _open_up(copied)
                copied.rename(home)
    return Java(home, java.major, java.from_wheel)


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a zip file so that everybody may read it, and run what may be run."""
    with zipfile.ZipFile(archive) as file:
        for entry in file.infolist():
            path = Path(file.extract(entry, folder))
            # zipfile forgets the modes.
            runs = entry.is_dir() or entry.external_attr >> 16 & 0o100 or path.parent.name == "bin"
            path.chmod(0o755 if runs else 0o644)
    _open_up(folder)


def descriptor_of(server: Server, module: Module) -> str:
    """Return the plugin-descriptor.properties of a module that comes as a bare jar."""
    elastic = server.flavor == "elasticsearch"
    lines = {
        "description": module.name,
        "version": server.version,
        "name": module.name,
        "classname": module.classname,
        "java.version": "1.8" if elastic else "11",
        f"{server.flavor}.version": server.version,
        "extended.plugins": "",
        "has.native.controller": "false",
    }
    return ("type=isolated\n" if elastic else "") + "".join(f"{name}={value}\n" for name, value in lines.items())


def _build(server: Server, jars: tuple[Artifact, ...], draft: Path, tell: Tell) -> Path:
    archive = fetch(server.archive, draft, tell)
    tell(f"Unpacking {server.title}")
    unpack(archive, draft / "unpacked")
    home = draft / "unpacked" / server.id
    for module in server.modules:
        folder = home / "modules" / module.name
        folder.mkdir()
        shutil.copy(fetch(module.jar, draft, tell), folder)
        (folder / "plugin-descriptor.properties").write_text(descriptor_of(server, module))
    for plugin in server.plugins:
        unpack(fetch(plugin, draft, tell), home / "plugins" / plugin.name)
    for jar in jars:
        shutil.copy(fetch(jar, draft, tell), home / "lib")
    _open_up(home)
    return home


def _open_up(folder: Path) -> None:
    """Let everybody read what is in a folder, and run what its owner may run, whatever the caller's umask is."""
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)


def _check_room(server: Server, folder: Path) -> None:
    # The archive and what is unpacked of it are there at the same time.
    needed = 3 * server.archive.megabytes
    free = shutil.disk_usage(folder).free // 1_000_000
    if free < needed:
        raise NodeError(f"{server.title} needs {needed} MB in {folder}, which has {free} MB left: make room, or {CURE}")


def _instead(server: Server) -> str:
    return f"or use a cluster you have (--url or CSPLADE_URL), or the official image:  {server.container}"


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """Let one program at a time make `home`."""
    with locked(home.with_name(f".{home.name}.lock")):
        yield


@contextmanager
def _draft(home: Path) -> Iterator[Path]:
    """Give an empty folder beside `home`, so that renaming into it is one step; afterwards it is gone."""
    folder = home.with_name(f".{home.name}.draft")
    if folder.exists():
        # Left by a program that was killed.
        shutil.rmtree(folder)
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder)
