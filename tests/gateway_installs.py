"""Stock clients of several languages, each fetched once for this user by its language's own tool, into a cache.

What cannot be fetched is skipped; with `CSPLADE_REQUIRE_CLIENTS=1` it fails, so that no proof is lost in silence.
"""

import hashlib
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import pytest
from csplade.integration.places import find_places, locked
from csplade.tests.fetching import run_fetching

_POM = """\
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>csplade.tests</groupId><artifactId>stock</artifactId><version>1</version>
  <dependencies>{dependencies}</dependencies>
</project>
"""
_DEPENDENCY = "<dependency><groupId>{}</groupId><artifactId>{}</artifactId><version>{}</version></dependency>"


def python_packages(*packages: str) -> Path:
    """Return a folder for PYTHONPATH that holds these packages and all that they need, apart from what is installed."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", "{folder}", *packages]
    return _fetched(command, "pip", f"python{sys.version_info.major}.{sys.version_info.minor}")


def javascript_packages(*packages: str) -> Path:
    """Return a folder whose `node_modules` holds these packages."""
    _require("node", "npm")
    return _fetched(["npm", "install", "--no-audit", "--no-fund", "--prefix", "{folder}", *packages], "npm", "node")


def java_packages(*coordinates: str) -> Path:
    """Return a folder of jars; coordinates are written with colons."""
    _require("java", "javac", "mvn")
    dependencies = "".join(_DEPENDENCY.format(*each.split(":")) for each in coordinates)
    command = ["mvn", "-q", "-B", "-f", "{folder}/pom.xml", "dependency:copy-dependencies"]
    pom = _POM.format(dependencies=dependencies)
    return _fetched([*command, "-DoutputDirectory={folder}"], "mvn", "java", pom)


def _require(*tools: str) -> None:
    if missing := [tool for tool in tools if shutil.which(tool) is None]:
        _without(f"there is no {' and no '.join(missing)} on this machine")


def _fetched(command: Sequence[str], tool: str, kind: str, pom: str = "") -> Path:
    """Run a command that fills a folder, unless it was filled before; a folder that is not whole is never kept."""
    digest = hashlib.sha256("\n".join([*command[1:], pom]).encode()).hexdigest()[:12]
    clients = find_places(os.environ, None).root / "stock-clients"
    clients.mkdir(parents=True, exist_ok=True)
    folder, growing = clients / f"{kind}-{digest}", clients / f"{kind}-{digest}.part"
    with locked(clients / f"{kind}-{digest}.lock"):
        if not folder.is_dir():
            shutil.rmtree(growing, ignore_errors=True)
            growing.mkdir()
            if pom:
                (growing / "pom.xml").write_text(pom)
            _run([part.format(folder=growing) for part in command], tool)
            growing.rename(folder)
    return folder


def _run(command: Sequence[str], tool: str) -> None:
    done = run_fetching(command)
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip())[-300:]
        _without(f"{tool} cannot fetch the client: {said}")


def _without(reason: str) -> NoReturn:
    if os.environ.get("CSPLADE_REQUIRE_CLIENTS"):
        pytest.fail(f"{reason}; unset CSPLADE_REQUIRE_CLIENTS to go on without")
    pytest.skip(reason)
