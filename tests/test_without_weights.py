"""Documents that have no weights, as all are too small or there is no text, are still found by BM25, on every line."""

from pathlib import Path

import orjson
import pytest
from csplade.integration.templates import WEIGHTS_FIELD
from csplade.pipelines.jsonl import write_line
from csplade.tests.cluster_lines import ClusterLine
from csplade.tests.command_run import Run, run
from csplade.tests.test_reindex import content

__all__ = ["run"]

pytestmark = pytest.mark.cluster

# A word weighs its letters.
RECORDS: list[dict[str, object]] = [
    {"id": "light", "title": "Rye", "text": "oats rye"},
    {"id": "empty", "title": "Zwieback", "text": ""},
    {"id": "heavy", "title": "Loaf", "text": "sourdough rye"},
]


def found(run: Run, line: ClusterLine, *query: object) -> set[str]:
    done = run("query", *query, "--index", line.index, "--url", line.url, "--json")
    assert done.code == 0, done
    return {hit["id"] for hit in orjson.loads(done.out)["hits"]}


def test_a_document_without_weights_is_found_by_its_words_and_not_by_terms(run: Run, line: ClusterLine) -> None:
    Path("a.jsonl").write_bytes(b"".join(map(write_line, RECORDS)))
    where = ("--index", line.index, "--url", line.url, "--analyzer", line.analyzer)
    done = run("ingest", "a.jsonl", *where, "--text-fields", "text", "--min-weight", 5)
    assert done.code == 0, done
    held = {name: source for name, (_, source) in content(line.client, line.index, line.dialect).items()}
    assert {name: source.get(WEIGHTS_FIELD) for name, source in held.items()} == {
        "light": None,
        "empty": None,
        "heavy": {"sourdough": 9.0},
    }
    assert all((WEIGHTS_FIELD in source) == (name == "heavy") for name, source in held.items())
    assert found(run, line, "oats", "--mode", "bm25") == {"light"}
    assert found(run, line, "rye", "--mode", "bm25") == {"light", "heavy"}
    assert found(run, line, "zwieback", "--mode", "bm25", "--text-field", "title") == {"empty"}
    for word in ("oats", "rye", "zwieback"):
        assert found(run, line, word) == set()
    assert found(run, line, "sourdough") == {"heavy"}
