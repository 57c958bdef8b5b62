"""docs/lifecycle.md: its commands run as they stand there, on every line, and what they send is up to date."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from csplade.integration.client import connect
from csplade.integration.dialect import PLAIN, Clause, Dialect, dialect_for
from csplade.integration.index import require_index
from csplade.integration.query import QueryOptions, Question
from csplade.integration.search import search
from csplade.integration.templates import IndexOptions, index_body
from csplade.pipelines.jsonl import write_line
from csplade.pipelines.sparse import SparseVector
from csplade.tests.cluster_lines import ClusterLine, on_seismic
from csplade.tests.command_run import Run, runner, use_word_encoder
from csplade.tests.word_encoder import word_contract

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "lifecycle.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```bash *(\w*)\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
ALIAS = "csplade-articles"
CORPUS = [{"_id": "loaf", "title": "A loaf", "text": "Keep it in a cloth"}, {"_id": "salt", "text": "Keep it dry"}]
_SETTING = re.compile(r"^(URL|FIELD|ANALYZER|FINGERPRINT)=.*$", re.MULTILINE)


@pytest.mark.parametrize("dialect", [PLAIN, dialect_for("elasticsearch", "9.2.0")])
def test_an_index_template_gives_what_csplade_would_send(dialect: Dialect) -> None:
    template = orjson.loads((ROOT / "mappings" / f"template_{dialect.field_type}.json").read_bytes())["template"]
    body = index_body(word_contract(), IndexOptions(), dialect)
    # An index names its encoder itself.
    del body["mappings"]["_meta"]
    assert template == body


@pytest.fixture
def tidy(line: ClusterLine) -> Iterator[ClusterLine]:
    """Give a line, and take away what the page's commands leave there."""
    yield line
    line.client.indices.delete(index=f"{ALIAS}-v1,{ALIAS}-v2", params={"ignore_unavailable": "true"})
    line.client.indices.delete_index_template(name="csplade", ignore=404)
    if line.dialect.clause is Clause.NEURAL_SPARSE:
        for name in ("hybrid", "two-phase"):
            line.client.transport.perform_request("DELETE", f"/_search/pipeline/csplade-{name}")


def answers(line: ClusterLine, block: str, settings: str) -> list[Any]:  # Any: JSON values
    """Run a block after the first one's settings; return what the cluster answered to each command."""
    script = f"{settings}\n{block}".replace("curl -fsS", "curl -fsS -w '\\n'")
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], cwd=ROOT, env=os.environ, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return [orjson.loads(answer) for answer in done.stdout.splitlines()]


def settings_for(line: ClusterLine) -> str:
    values = {
        "URL": line.url,
        "FIELD": line.dialect.field_type,
        "ANALYZER": line.analyzer,
        "FINGERPRINT": word_contract().fingerprint,
    }
    return "\n".join([*(f"{name}={value}" for name, value in values.items()), "JSON='content-type: application/json'"])


@pytest.mark.cluster
def test_the_commands_do_what_the_page_says(tidy: ClusterLine) -> None:
    settings = settings_for(tidy)
    usual = [_SETTING.sub("", text) for kind, text in BLOCKS if not kind]
    own = {kind: text for kind, text in BLOCKS if kind}
    assert (len(usual), set(own)) == (
        3,
        {"rank_features", "sparse_vector", "neural_sparse", "sizes", "seismic", "versions"},
    )
    template, first, swaps = usual
    assert answers(tidy, template, settings) == [{"acknowledged": True}]
    created, indexed = answers(tidy, first, settings)
    assert (created["acknowledged"], indexed["errors"]) == (True, False)
    (found,) = answers(tidy, own[tidy.dialect.field_type], settings)
    assert [(hit["_id"], hit["_score"]) for hit in found["hits"]["hits"]] == [("loaf", 5.0)]
    # The index is one of ours, for this encoder, and so are its hits.
    options = QueryOptions(dialect=require_index(tidy.client, ALIAS, word_contract()))
    question = Question("a loaf in a cloth", SparseVector({"loaf": 2.0, "cloth": 1.0}))
    assert [hit.score for hit in search(tidy.client, ALIAS, question, options)] == [6.25]
    (words,) = tidy.client.search(index=ALIAS, body={"query": {"match": {"title": "loaf"}}})["hits"]["hits"]
    assert words["_id"] == "loaf"
    if tidy.dialect.clause is Clause.NEURAL_SPARSE:
        check_pipelines(answers(tidy, own["neural_sparse"], settings))
    _, live, new, forward, back, dropped = answers(tidy, swaps, settings)
    assert (live["count"], new["count"]) == (1, 0)
    assert all(answer["acknowledged"] for answer in (forward, back, dropped))
    assert list(tidy.client.indices.get_alias(name=ALIAS)) == [f"{ALIAS}-v1"]


def check_pipelines(found: list[Any]) -> None:  # Any: JSON values
    hybrid, normalized, two_phase, scored = found
    assert hybrid == two_phase == {"acknowledged": True}
    assert [hit["_score"] for hit in normalized["hits"]["hits"]] == [1.0]
    assert [hit["_score"] for hit in scored["hits"]["hits"]] == [5.0]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Run `csplade` in a folder with two encoders, a corpus and judged queries, as the page names them."""
    use_word_encoder(monkeypatch, tmp_path / "old-model")
    monkeypatch.delenv("CSPLADE_ENCODER")
    (tmp_path / "new-model").mkdir()
    word_contract("new-model", opset=2).write(tmp_path / "new-model")
    monkeypatch.chdir(tmp_path)
    for folder in ("judged", "judged/qrels"):
        Path(folder).mkdir()
    for path in ("corpus.jsonl", "judged/corpus.jsonl"):
        Path(path).write_bytes(b"".join(map(write_line, CORPUS)))
    Path("judged/queries.jsonl").write_bytes(write_line({"_id": "q", "text": "keep a loaf"}))
    Path("judged/qrels/test.tsv").write_text("query-id\tcorpus-id\tscore\nq\tloaf\t1\n")
    return runner(monkeypatch, capsys)


@pytest.mark.cluster
def test_a_new_model_takes_over_and_goes_again_as_the_page_says(
    run: Run, line: ClusterLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    (block,) = (text for kind, text in BLOCKS if kind == "versions")
    monkeypatch.setenv("CSPLADE_URL", line.url)
    client, first, second = line.client, "articles-v1", "articles-v2"
    live: list[list[str]] = []
    try:
        for command in block.splitlines():
            _, *arguments = shlex.split(command, comments=True)
            made = ["--analyzer", line.analyzer] if arguments[:2] == ["index", "create"] else []
            # Nobody is there to be asked.
            sure = ["--yes"] if arguments[1] == "drop" else []
            done = run(*arguments, *made, *sure)
            assert done.code == 0, (command, done)
            live.append(list(client.indices.get_alias(name="articles")))
        assert live == [[first]] * 4 + [[second]] + [[first]] * 2
        assert not client.indices.exists(index=second)
        require_index(client, "articles", word_contract())
        client.indices.refresh(index=first)
        assert client.count(index=first)["count"] == len(CORPUS)
    finally:
        client.indices.delete(index=f"{first},{second}", params={"ignore_unavailable": "true"})


@on_seismic
@pytest.mark.cluster
@pytest.mark.model
def test_a_seismic_field_is_made_filled_and_asked_as_the_page_shows(line: ClusterLine) -> None:
    (commands,) = (text for kind, text in BLOCKS if kind == "seismic")
    try:
        done = run_block(commands, line.url)
    finally:
        line.client.indices.delete(index="csplade-seismic-v1", params={"ignore_unavailable": "true"})
    assert done.returncode == 0, done.stderr
    assert "the scores of 1 query change by 0.05%" in " ".join(done.stderr.split())
    assert "Storing a loaf" in done.stdout


def run_block(commands: str, url: str) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "CSPLADE_URL": url, "PATH": path}
    return subprocess.run(
        ["bash", "-euc", commands], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300
    )


@pytest.mark.cluster
@pytest.mark.model
def test_the_sizes_are_about_those_that_the_page_shows(opensearch: str) -> None:
    (commands,) = (text for kind, text in BLOCKS if kind == "sizes")
    (shown,) = re.findall(r"^```json\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    try:
        done = run_block(commands, opensearch)
    finally:
        connect(opensearch).indices.delete(index="csplade-sizes-v1", params={"ignore_unavailable": "true"})
    assert done.returncode == 0, done.stderr
    (told,), (expected,) = orjson.loads(done.stdout.splitlines()[-1]), orjson.loads(shown)
    for name in ("bytes", "postings_bytes", "stored_bytes"):
        assert told.pop(name) == pytest.approx(expected.pop(name), rel=0.1)
    # Of so few documents some bytes are of files alone.
    assert told.pop("estimate") == pytest.approx(expected.pop("estimate"), rel=0.1)
    assert told == expected
