"""Writes the configuration of one server process: a copy of the server's own, with our settings in it.

The unpacked server itself is never written to, so that any number of nodes share it.
"""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from csplade.integration.java import Java
from csplade.integration.servers import Server

# Everything goes to the console, and so into one file; the shipped configurations write half a dozen.
_LOGGING = """\
status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = [%d{ISO8601}][%-5p][%-25c{1.}] [%node_name]%marker %m%n
rootLogger.level = info
rootLogger.appenderRef.console.ref = console
"""
SNAPSHOTS = "snapshots"
"""The folder, beside those of the members, in which snapshots may be kept."""
_VECTOR_MODULE = "jdk.incubator.vector"


@dataclass(frozen=True)
class Seat:
    """The name and the ports of one member of a cluster."""

    name: str
    http: int
    transport: int


def settings_of(server: Server, seat: Seat, seats: Sequence[Seat], folder: Path) -> dict[str, object]:
    """Return the settings of the member that takes `seat` among `seats`."""
    settings: dict[str, object] = {
        "cluster.name": "csplade",
        "node.name": seat.name,
        "network.host": "127.0.0.1",
        "http.port": seat.http,
        "transport.port": seat.transport,
        "path.data": str(folder / "data"),
        "path.logs": str(folder / "logs"),
        # Members of one cluster must find the same snapshots.
        "path.repo": str(folder.parent / SNAPSHOTS),
        # On a nearly full disk the server would otherwise refuse to write.
        "cluster.routing.allocation.disk.threshold_enabled": False,
        **server.settings,
    }
    if len(seats) == 1:
        return settings | {"discovery.type": "single-node"}
    managers = "cluster_manager" if server.flavor == "opensearch" else "master"
    return settings | {
        "discovery.seed_hosts": [f"127.0.0.1:{other.transport}" for other in seats],
        f"cluster.initial_{managers}_nodes": [other.name for other in seats],
    }


def write_config(server: Server, home: Path, folder: Path, java: Java, settings: Mapping[str, object]) -> None:
    """Write the configuration of a member into its own folder."""
    config = folder / "config"
    if config.is_dir():
        # It belongs to the server's account, which could have put links there for root to write through.
        shutil.rmtree(config)
    shutil.copytree(home / "config", config)
    (config / f"{server.flavor}.yml").write_text(as_yaml(settings))
    (config / "log4j2.properties").write_text(_LOGGING)
    shipped = (home / "config" / "jvm.options").read_text()
    (config / "jvm.options").write_text(jvm_options(shipped, java))


def as_yaml(settings: Mapping[str, object]) -> str:
    """Return settings as YAML, of which JSON values are a part."""
    return "".join(f"{name}: {json.dumps(value)}\n" for name, value in settings.items())


def jvm_options(shipped: str, java: Java) -> str:
    """Return the shipped options without files in the server's own folder, and without what the Java lacks."""
    unwanted = [".log", "HeapDump", *([_VECTOR_MODULE] if java.from_wheel else [])]
    kept = (line for line in shipped.splitlines() if not any(word in line for word in unwanted))
    return "\n".join(kept) + "\n"


def java_switches(heap_mb: int, quick_start: bool) -> str:
    """Return what a server's Java is told beside the shipped options."""
    heap = f"-Xms{heap_mb}m -Xmx{heap_mb}m"
    return f"{heap} -XX:TieredStopAtLevel=1" if quick_start else heap


def environment(server: Server, folder: Path, java: Java, switches: str, path: str) -> dict[str, str]:
    """Return the whole environment of a server process: of the caller's, only PATH."""
    return {
        "PATH": path,
        "HOME": str(folder / "tmp"),
        "JAVA_HOME": str(java.home),
        f"{server.prefix}_JAVA_HOME": str(java.home),
        f"{server.prefix}_PATH_CONF": str(folder / "config"),
        f"{server.prefix}_TMPDIR": str(folder / "tmp"),
        f"{server.prefix}_JAVA_OPTS": switches,
    }
