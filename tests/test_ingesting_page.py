"""docs/ingesting.md: the look before a copy prints what the page says, and makes nothing."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from csplade.integration.client import connect

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "ingesting.md").read_text(encoding="utf-8")
OLD, NEW = "products", "products-sparse"


@pytest.fixture
def tidy(opensearch: str) -> Iterator[str]:
    yield opensearch
    connect(opensearch).indices.delete(index=f"{OLD},{NEW}", params={"ignore_unavailable": "true"})


def plain(text: str) -> list[list[str]]:
    """Return the cells of a table, without lines and with one number for all that has a point in it."""
    lines = (re.sub(r"\d+\.\d+", "1.0", line).split() for line in text.splitlines() if "─" not in line)
    return [cells for cells in lines if cells]


@pytest.mark.cluster
@pytest.mark.model
def test_the_look_before_a_copy_prints_what_the_page_says_and_makes_nothing(tidy: str, tmp_path: Path) -> None:
    (commands, shown) = re.findall(r"^```(?:bash|text)\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "CSPLADE_URL": tidy, "PATH": path}
    done = subprocess.run(
        ["bash", "-euc", commands], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert plain(done.stdout) == plain(shown)
    assert done.stderr == "Nothing was created or indexed.\n"
    assert connect(tidy).indices.exists(index=OLD)
    assert not connect(tidy).indices.exists(index=NEW)
    assert not list(tmp_path.iterdir())
