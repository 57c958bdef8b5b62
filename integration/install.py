"""Unpacks a server once, with the modules it lacks, so that it is either whole in its place or not there."""

import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from csplade.integration.errors import NodeError
from csplade.integration.fetch import Tell, fetch
from csplade.integration.java import Java
from csplade.integration.places import Places, locked
from csplade.integration.servers import ICU, Module, Server


def install(server: Server, java: Java, places: Places, tell: Tell) -> Path:
    """Return the folder of the unpacked server, after fetching it if it is not there yet.

    Raises:
        MissingExtraError: jgo is not installed.
        NodeError: it cannot be fetched, or the disk has no room.
    """
    needs_icu = java.from_wheel and server.wheel_needs_icu
    home = places.servers / (f"{server.id}-icu" if needs_icu else server.id)
    with locked(places.servers / f".{home.name}.lock"):
        if not home.exists():
            _check_room(server, places.servers)
            with _scratch(places.servers) as scratch:
                built = _build(server, needs_icu, scratch, tell)
                built.rename(home)
    return home


def _build(server: Server, needs_icu: bool, scratch: Path, tell: Tell) -> Path:
    archive = fetch(server.archive, scratch, tell)
    tell(f"Unpacking {server.title}")
    unpack(archive, scratch / "unpacked")
    home = scratch / "unpacked" / server.id
    for module in server.modules:
        _add_module(server, module, home, fetch(module.jar, scratch, tell))
    for jar in ICU if needs_icu else ():
        _copy(fetch(jar, scratch, tell), home / "lib")
    return home


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a zip file so that everybody may read it, and run what may be run."""
    with zipfile.ZipFile(archive) as file:
        for entry in file.infolist():
            path = Path(file.extract(entry, folder))
            # zipfile forgets the modes, and some archives keep things from everybody but the owner.
            runs = entry.is_dir() or bool(entry.external_attr >> 16 & 0o100) or path.parent.name == "bin"
            path.chmod(0o755 if runs else 0o644)


def _add_module(server: Server, module: Module, home: Path, jar: Path) -> None:
    folder = home / "modules" / module.name
    folder.mkdir(mode=0o755)
    _copy(jar, folder)
    descriptor = folder / "plugin-descriptor.properties"
    descriptor.write_text(descriptor_of(server, module))
    descriptor.chmod(0o644)


def descriptor_of(server: Server, module: Module) -> str:
    """Return the plugin-descriptor.properties of a module that comes as a bare jar."""
    lines = {
        "description": module.name,
        "version": server.version,
        "name": module.name,
        "classname": module.classname,
        "java.version": "1.8" if server.flavor == "elasticsearch" else "11",
        f"{server.flavor}.version": server.version,
        "extended.plugins": "",
        "has.native.controller": "false",
    }
    kind = "type=isolated\n" if server.flavor == "elasticsearch" else ""
    return kind + "".join(f"{name}={value}\n" for name, value in lines.items())


def _copy(jar: Path, folder: Path) -> None:
    copied = Path(shutil.copy(jar, folder))
    copied.chmod(0o644)


def _check_room(server: Server, folder: Path) -> None:
    # The archive and what is unpacked of it are there at the same time.
    needed = 3 * server.archive.megabytes
    free = shutil.disk_usage(folder).free // 1_000_000
    if free < needed:
        raise NodeError(
            f"{server.title} needs {needed} MB in {folder}, which has {free} MB left: make room, or set "
            "XDG_CACHE_HOME to another disk"
        )


@contextmanager
def _scratch(parent: Path) -> Iterator[Path]:
    """Give a folder beside the place, so that renaming into it is one step."""
    folder = Path(tempfile.mkdtemp(prefix=".new-", dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)
