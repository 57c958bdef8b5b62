"""The examples of docs/python.md run one after the other and print what the page says."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from csplade.integration.client import connect

ROOT = Path(__file__).resolve().parent.parent
INDEX = "python-articles"
_BLOCKS = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "python.md").read_text(), re.DOTALL)


@pytest.fixture
def folder(opensearch: str, tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "models").symlink_to(ROOT / "models")
    yield tmp_path
    connect(opensearch).indices.delete(index=INDEX, params={"ignore_unavailable": "true"})


@pytest.mark.cluster
@pytest.mark.model
def test_the_examples_run_in_order(opensearch: str, folder: Path) -> None:
    for module in ("aiohttp", "langchain_core", "llama_index.core", "haystack", "pyterrier"):
        pytest.importorskip(module, reason="an extra of the adapters is not installed")
    assert len(_BLOCKS) == 5
    program = "\n".join(_BLOCKS).replace("http://127.0.0.1:9200", opensearch)
    done = subprocess.run([sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    counts, rye, terms, *rest = done.stdout.splitlines()
    assert counts == "2 0"
    assert re.fullmatch(r"1 rye [\d.]+ Rye", rye)
    assert terms != "[]"
    text = "\n".join(rest)
    assert re.search(r"\[\{'key': 'en', 'doc_count': 1\}\]", text)
    assert "no common term" in text
    assert text.count("rye") == 6
    assert "['rye', 'tube']" in text
