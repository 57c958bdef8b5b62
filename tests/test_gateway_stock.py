"""A stock client of another language: the same program against the cluster, and through the gateway."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
from csplade.integration.places import find_places
from csplade.tests.gateway_searches import Json, Stage, stage

pytestmark = pytest.mark.cluster

PROGRAM = Path(__file__).parent / "stock" / "search.mjs"
CLIENT = "@opensearch-project/opensearch@3"


@pytest.fixture(scope="module")
def installed() -> Path:
    """Return a folder with the client, which npm fetches once for this user."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("there is no node and npm on this machine: install Node.js 20")
    folder = find_places(os.environ, None).root / "stock-clients"
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "node_modules" / "@opensearch-project").is_dir():
        command = ["npm", "install", "--no-audit", "--no-fund", "--prefix", str(folder), CLIENT]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"npm cannot install {CLIENT}: {done.stderr.strip()[-300:]}")
    return folder


@pytest.fixture(scope="module")
def staged(opensearch: str) -> Iterator[Stage]:
    with stage(opensearch, "anchored", gateway={"deadline_ms": 10_000}) as running:
        yield running


def found_by(folder: Path, url: str, index: str) -> Json:
    done = subprocess.run(["node", str(PROGRAM), url, index], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found: Json = orjson.loads(done.stdout)
    return found


def test_the_javascript_client_needs_no_change(installed: Path, staged: Stage) -> None:
    index = staged.index("anchored")
    direct, through = (found_by(installed, url, index) for url in (staged.url, staged.gateway.url))
    assert through["same"] == direct["same"]
    assert through["same"]["refused"] == ["ResponseError", 400]
    assert through["highlighted"]
    assert direct["highlighted"]
    assert len(through["ids"]) == len(direct["ids"]) == 20
    # Term weights decide the order.
    assert through["ids"] != direct["ids"]
