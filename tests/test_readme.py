"""The README's commands do what it says: its examples are run against a real server, its test command is CI's."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from csplade.cli import COMMANDS
from csplade.integration.client import connect

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()
TEST_COMMAND = "python3 -m venv .venv && .venv/bin/pip install -e '.[dev]' && .venv/bin/pytest -n 2 --dist loadfile"
# The fixture starts the server; the demo and the virtual environment have tests of their own.
_NOT_RUN = ("csplade node", "python3 -m venv", ". .venv")
_INDEXES = ("articles", "recipes")


def _blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


@pytest.fixture
def folder(opensearch: str, tmp_path: Path) -> Iterator[Path]:
    """Give a folder with what the examples read; the indexes that they make are deleted afterwards."""
    for name in ("docs", "models"):
        (tmp_path / name).symlink_to(ROOT / name)
    yield tmp_path
    connect(opensearch).indices.delete(index=",".join(_INDEXES), params={"ignore_unavailable": "true"})


def test_the_test_command_is_the_one_that_ci_runs() -> None:
    assert TEST_COMMAND in README
    assert TEST_COMMAND in (ROOT / ".ci" / "run").read_text()


def test_every_command_is_documented() -> None:
    for name in COMMANDS:
        assert f"csplade {name}" in README


def test_every_link_to_a_file_leads_somewhere() -> None:
    cards = (ROOT / "models").rglob("README.md")
    for document in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md"), *cards):
        for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name} -> {target}"


@pytest.mark.cluster
@pytest.mark.model
def test_the_examples_run_in_order(opensearch: str, folder: Path) -> None:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "CSPLADE_URL": opensearch, "PATH": path}
    commands = [line for block in _blocks("bash") for line in block.splitlines() if not line.startswith(_NOT_RUN)]
    assert sum(command.startswith("csplade") for command in commands) >= 8
    for command in commands:
        done = subprocess.run(
            ["bash", "-ec", command], cwd=folder, env=environment, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, f"{command}\n{done.stderr}"
        assert done.stdout.strip() or ">" in command


@pytest.mark.model
def test_the_python_example_runs(tmp_path: Path) -> None:
    (tmp_path / "models").symlink_to(ROOT / "models")
    (snippet,) = _blocks("python")
    done = subprocess.run([sys.executable, "-c", snippet], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    score, best = done.stdout.split(maxsplit=1)
    assert float(score) > 0
    assert "loaf" in best or "bread" in best
