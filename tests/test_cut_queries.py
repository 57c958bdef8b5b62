"""Queries that are longer than the model reads: commands say so, and the gateway counts them."""

import asyncio
import os
from functools import partial
from pathlib import Path

import orjson
import pytest
from csplade.commands.serve import open_encoder
from csplade.integration.gateway_metrics import Metrics, exposition
from csplade.integration.gateway_vectors import TimedEncode, Vectors
from csplade.pipelines.sparse import SparseVector
from csplade.tests.command_run import Run, runner
from csplade.tests.tiny_encoder import TEXTS

pytestmark = pytest.mark.model

LONG, SHORT = "fresh bread goes stale because its starch crystallises in the cloth of the loaf", "bread"
"""The tiny encoder reads 12 tokens of a query."""
SAID = "the model did not see the end: it reads 12 tokens."


@pytest.fixture
def run(
    opensearch: str,
    index_name: str,
    encoder_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    """Run `csplade` in a folder with a judged collection, which an index holds."""
    monkeypatch.setenv("CSPLADE_URL", opensearch)
    monkeypatch.setenv("CSPLADE_ENCODER", str(encoder_folder))
    monkeypatch.chdir(tmp_path)
    queries = {"q1": LONG, "q2": SHORT, "q3": f"{LONG} again"}
    for name, records in (("corpus", dict(enumerate(TEXTS))), ("queries", queries)):
        lines = (orjson.dumps({"_id": str(key), "text": text}) + b"\n" for key, text in records.items())
        Path(f"{name}.jsonl").write_bytes(b"".join(lines))
    Path("qrels").mkdir()
    Path("qrels", "test.tsv").write_text("query-id\tcorpus-id\tscore\n" + "".join(f"{q}\t0\t1\n" for q in queries))
    found = runner(monkeypatch, capsys)
    assert found("ingest", "corpus.jsonl", "--index", index_name).code == 0
    return found


@pytest.mark.cluster
def test_commands_say_of_how_many_queries_the_end_was_not_seen(run: Run, index_name: str) -> None:
    where = ("--index", index_name)
    for asked in (("query", LONG), ("query", LONG, "--json"), ("explain", LONG), ("query", LONG, "--mode", "hybrid")):
        assert f"Of 1 query {SAID}" in run(*asked, *where).err
    evaluated = run("evaluate", *where, "--collection", ".", "--json")
    assert evaluated.code == 0 and f"Of 2 queries {SAID}" in evaluated.err
    # Where the model does not read them, or reads all of them, there is nothing to say.
    for asked in (("query", SHORT), ("query", LONG, "--mode", "bm25"), ("query", LONG, "--query-path", "table")):
        result = run(*asked, *where)
        assert result.code == 0 and "did not see" not in result.err
    assert "did not see" not in run("evaluate", *where, "--collection", ".", "--query-path", "table").err


def test_the_gateway_counts_them_and_no_documents(encoder_folder: Path, tmp_path: Path) -> None:
    metrics = Metrics(tmp_path)
    vectors = Vectors(lambda: open_encoder(encoder_folder), cached=10, longest=10_000, metrics=metrics)

    def counted() -> str:
        lines = exposition(tmp_path, frozenset({os.getpid()})).splitlines()
        return next(line.rpartition(" ")[2] for line in lines if line.startswith("csplade_gateway_cut_queries_total"))

    def encoded(text: str, timed: TimedEncode) -> SparseVector:
        return timed.encode(text)

    async def ask() -> list[str]:
        await vectors.open()
        found = []
        for text in (SHORT, LONG, LONG, f"{LONG} again"):
            await vectors.with_queries(partial(encoded, text), 60, small=False)
            found.append(counted())
        await vectors.of_documents([" ".join(TEXTS)], 60)
        return [*found, counted()]

    assert asyncio.run(ask()) == ["0", "1", "1", "2", "2"]
    vectors.close()
