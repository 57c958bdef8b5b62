"""The README's commands do what it says: the examples are run against a real server, the test command is CI's."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from csplade.cli import COMMANDS

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()
TEST_COMMAND = ".venv/bin/pip install -e '.[dev]' && .venv/bin/pytest"
# Started by the fixture instead, or a test of its own.
_NOT_RUN = ("csplade node", "csplade demo")


def _examples() -> list[str]:
    lines = [line for block in re.findall(r"```bash\n(.*?)```", README, re.DOTALL) for line in block.splitlines()]
    commands = [line for line in lines if line.startswith("csplade ")]
    return [command for command in commands if not command.startswith(_NOT_RUN)]


def test_the_test_command_is_the_one_that_ci_runs() -> None:
    assert TEST_COMMAND in README
    assert TEST_COMMAND in (ROOT / ".ci" / "run").read_text()


def test_every_command_is_documented() -> None:
    for name in COMMANDS:
        assert f"csplade {name}" in README


def test_every_link_to_a_file_leads_somewhere() -> None:
    documents = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]
    for document in documents:
        for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name} -> {target}"


@pytest.mark.cluster
@pytest.mark.model
def test_the_examples_run_in_order(opensearch: str, tmp_path: Path) -> None:
    examples = _examples()
    assert len(examples) >= 6
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    environment = {
        **os.environ,
        "CSPLADE_URL": opensearch,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    for command in examples:
        done = subprocess.run(
            ["bash", "-ec", command], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, f"{command}\n{done.stderr}"
        assert done.stdout.strip()
