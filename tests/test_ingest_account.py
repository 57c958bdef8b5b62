"""An index is counted before a run and after it: what is missing, and what others have added, is told by every command.

Others write while the first text is encoded.
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import orjson
import pytest
from csplade.integration.client import connect
from csplade.integration.errors import ClusterError
from csplade.integration.index import create_index
from csplade.integration.ingest_report import check_count
from csplade.integration.sparse_search import SparseSearch
from csplade.integration.templates import IndexOptions
from csplade.pipelines.sparse import SparseVector
from csplade.tests.command_run import Run, runner, use_word_encoder
from csplade.tests.test_enrich import write
from csplade.tests.test_ingest import content
from csplade.tests.word_encoder import WordEncoder, word_contract
from opensearchpy import OpenSearch

pytestmark = pytest.mark.cluster

THERE = ("d0", "d1", "old2", "old3", "old4")
"""In the index before; the first two come again."""
COUNT = 10
ACCOUNT = "5 were there before and 8 are new"

Meanwhile = Callable[[Callable[[], object]], None]


@pytest.fixture
def client(opensearch: str, index_name: str) -> OpenSearch:
    client = connect(opensearch)
    create_index(client, index_name, word_contract(), IndexOptions())
    lines = [part for name in THERE for part in ({"index": {"_id": name}}, {"text": "rye"})]
    # They have not been refreshed when the run begins.
    assert not client.bulk(body=lines, index=index_name)["errors"]
    return client


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    use_word_encoder(monkeypatch, tmp_path / "encoder")
    monkeypatch.chdir(tmp_path)
    lines = [orjson.dumps({"id": f"d{number}", "text": f"bread {number}"}) + b"\n" for number in range(COUNT)]
    (tmp_path / "a.jsonl").write_bytes(b"".join(lines))
    return runner(monkeypatch, capsys)


@pytest.fixture
def origin(client: OpenSearch, index_name: str) -> Iterator[str]:
    """Give an index of the same documents, to be copied."""
    name = f"{index_name}-from"
    write(client, name, {f"d{number}": {"text": f"bread {number}"} for number in range(COUNT)})
    yield name
    client.indices.delete(index=name)


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Meanwhile:
    """Give what lets something happen while the first text is encoded."""

    plain = WordEncoder.documents

    def let(happen: Callable[[], object]) -> None:
        def documents(encoder: WordEncoder, texts: Iterable[str]) -> Iterator[SparseVector]:
            happen()
            return plain(encoder, texts)

        monkeypatch.setattr(WordEncoder, "documents", documents)

    return let


@pytest.mark.parametrize("command", ["ingest", "reindex"])
def test_a_command_tells_what_others_did_to_the_index_meanwhile(
    run: Run, opensearch: str, client: OpenSearch, index_name: str, origin: str, meanwhile: Meanwhile, command: str
) -> None:
    begin = ("reindex", "--from", origin, "--to") if command == "reindex" else ("ingest", "a.jsonl", "--index")
    arguments = (*begin, index_name, "--url", opensearch, "--json")
    meanwhile(lambda: write(client, index_name, {name: {"text": "oats"} for name in ("new1", "new2")}))
    more = run(*arguments)
    assert more.code == 0
    assert f"the index '{index_name}' holds 15 documents, {ACCOUNT}: 2 are of another writer" in more.err
    assert orjson.loads(more.out)["in_index"] == 15

    for name in ("new1", "new2", *(f"d{number}" for number in range(2, COUNT))):
        client.delete(index=index_name, id=name)
    meanwhile(lambda: client.delete(index=index_name, id="old4"))
    fewer = run(*arguments)
    assert (fewer.code, fewer.out) == (1, "")
    assert f"the index '{index_name}' holds 12 documents, {ACCOUNT}: look whether somebody deletes" in fewer.err

    # Every document is sent again, as the sentence says.
    meanwhile(lambda: None)
    again = run(*arguments)
    told = orjson.loads(again.out)
    assert (again.code, told["indexed"], told["skipped"], told["in_index"]) == (0, COUNT, 0, 12)
    assert "another writer" not in again.err


def test_the_python_call_tells_it_too(
    client: OpenSearch, index_name: str, tmp_path: Path, meanwhile: Meanwhile, caplog: pytest.LogCaptureFixture
) -> None:
    records = [{"id": f"d{number}", "text": f"bread {number}"} for number in range(COUNT)]
    searches = SparseSearch(client, WordEncoder(), index_name)
    meanwhile(lambda: write(client, index_name, {"new": {"text": "oats"}}))
    with caplog.at_level(logging.WARNING):
        report = searches.bulk(records)
    assert (report.created, report.doubtful) == (8, 0)
    assert f"holds 14 documents, {ACCOUNT}: 1 is of another writer" in caplog.text
    meanwhile(lambda: client.delete(index=index_name, id="old3"))
    with pytest.raises(ClusterError, match="holds 13 documents, 14 were there before and 0 are new: look whether"):
        searches.bulk(records)
    assert check_count(report, len(content(client, index_name)), index_name) is None
