"""The examples of docs/python.md run one after the other and print what the page says."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from csplade.integration.client import connect
from csplade.integration.dialect import Feature
from csplade.tests.cluster_lines import ClusterLine

ROOT = Path(__file__).resolve().parent.parent
INDEX = "python-articles"
_FOUND = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "python.md").read_text(), re.DOTALL)
_BLOCKS = [block for block in _FOUND if "seismic" not in block]
(_SEISMIC,) = set(_FOUND) - set(_BLOCKS)


@pytest.fixture
def folder(opensearch: str, tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "models").symlink_to(ROOT / "models")
    yield tmp_path
    connect(opensearch).indices.delete(index=INDEX, params={"ignore_unavailable": "true"})


@pytest.mark.cluster
@pytest.mark.model
def test_the_example_of_a_seismic_field_runs_where_there_is_one(line: ClusterLine, tmp_path: Path) -> None:
    (tmp_path / "models").symlink_to(ROOT / "models")
    program = _SEISMIC.replace("http://127.0.0.1:9360", line.url).replace('"approximate"', f'"{line.index}"')
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=600)
    if Feature.SEISMIC in line.dialect.features:
        assert done.stdout == "0.26% of the scores lost; Keep bread in a cloth, not in the fridge.\n"
    else:
        assert "has no SEISMIC fields" in done.stderr


@pytest.mark.cluster
@pytest.mark.model
def test_the_examples_run_in_order(opensearch: str, folder: Path) -> None:
    for module in ("aiohttp", "langchain_core", "llama_index.core", "haystack", "pyterrier"):
        pytest.importorskip(module, reason="an extra of the adapters is not installed")
    assert len(_BLOCKS) == 6
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
    assert "1" in rest
    assert text.count("rye") == 6
    assert "['rye', 'tube']" in text
