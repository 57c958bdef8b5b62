"""An alias that moves to an index of another encoder while somebody writes: no weights go to the wrong one."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import orjson
import pytest
from csplade.integration.bulk_pace import PaceOptions
from csplade.integration.client import connect
from csplade.integration.enrich import Enricher, EnrichOptions, prepare_index
from csplade.integration.errors import IndexConflictError
from csplade.integration.index import create_index
from csplade.integration.sparse_search import BulkOptions, SparseSearch
from csplade.integration.templates import IndexOptions
from csplade.pipelines.sparse import SparseVector
from csplade.tests.command_run import Run, run
from csplade.tests.word_encoder import WordEncoder, word_contract
from opensearchpy import OpenSearch

__all__ = ["run"]

pytestmark = pytest.mark.cluster

COUNT = 40
OTHERS = word_contract("others", opset=2)


class Versions:
    """Two versions of an index, of two encoders, behind an alias."""

    def __init__(self, client: OpenSearch, name: str) -> None:
        self.client, self.alias = client, name
        self.first, self.second = f"{name}-v1", f"{name}-v2"
        create_index(client, self.first, word_contract(), IndexOptions(), aliases=[name])
        create_index(client, self.second, OTHERS, IndexOptions())

    def move(self) -> None:
        """Let the alias stand for the second one, as `csplade index swap` does."""
        remove, add = ({"index": index, "alias": self.alias} for index in (self.first, self.second))
        self.client.indices.update_aliases(body={"actions": [{"remove": remove}, {"add": add}]})

    def counts(self) -> tuple[int, int]:
        """Return how many documents each of both holds."""
        self.client.indices.refresh(index=f"{self.first},{self.second}")
        first, second = (int(self.client.count(index=index)["count"]) for index in (self.first, self.second))
        return first, second


@pytest.fixture
def versions(opensearch: str, index_name: str) -> Iterator[Versions]:
    client = connect(opensearch)
    yield Versions(client, index_name)
    for index in client.indices.get(index=f"{index_name}-*"):
        client.indices.delete(index=index)


@pytest.fixture
def moving(versions: Versions, monkeypatch: pytest.MonkeyPatch) -> Versions:
    """Let the alias move while the tests' encoder is half through, when some batches have been sent."""
    plain = WordEncoder.documents

    def documents(self: WordEncoder, texts: Iterable[str]) -> Iterator[SparseVector]:
        for number, vector in enumerate(plain(self, texts)):
            if number == COUNT // 2:
                versions.move()
            yield vector

    monkeypatch.setattr(WordEncoder, "documents", documents)
    return versions


def enricher(versions: Versions, folder: Path) -> Enricher:
    dialect = prepare_index(versions.client, versions.alias, word_contract())
    options = EnrichOptions(versions.alias, folder / "dead.jsonl", ("text",))
    return Enricher(versions.client, WordEncoder(), dialect, options)


def write(client: OpenSearch, index: str) -> None:
    """Write documents without weights, as an application does."""
    lines = [part for number in range(COUNT) for part in ({"index": {"_id": str(number)}}, {"text": f"bread {number}"})]
    assert not client.bulk(body=lines, index=index, params={"refresh": "true"})["errors"]


def test_ingest_goes_on_in_the_index_where_it_began(
    moving: Versions, run: Run, tmp_path: Path, opensearch: str
) -> None:
    lines = [orjson.dumps({"_id": str(number), "text": f"bread {number}"}) for number in range(COUNT)]
    (tmp_path / "a.jsonl").write_bytes(b"\n".join(lines))
    found = run("ingest", tmp_path / "a.jsonl", "--index", moving.alias, "--batch", 5, "--json", "--url", opensearch)
    assert found.code == 0, found.err
    assert orjson.loads(found.out)["in_index"] == COUNT
    assert moving.counts() == (COUNT, 0)


def test_reindex_goes_on_in_the_index_where_it_began(moving: Versions, run: Run, opensearch: str) -> None:
    source = f"{moving.alias}-source"
    write(moving.client, source)
    found = run(*("reindex", "--from", source, "--to", moving.alias, "--batch", 5, "--json", "--url", opensearch))
    assert found.code == 0, found.err
    assert orjson.loads(found.out)["in_index"] == COUNT
    assert moving.counts() == (COUNT, 0)


def test_bulk_goes_on_in_the_index_where_it_began(moving: Versions, tmp_path: Path) -> None:
    search = SparseSearch(moving.client, WordEncoder(), moving.alias)
    records = ({"id": str(number), "text": f"bread {number}"} for number in range(COUNT))
    report = search.bulk(records, BulkOptions(pace=PaceOptions(documents=5), dead_letters=tmp_path / "dead.jsonl"))
    assert report.indexed == COUNT
    assert moving.counts() == (COUNT, 0)


def test_a_round_of_enrich_stays_in_its_index_and_the_next_one_is_refused(moving: Versions, tmp_path: Path) -> None:
    write(moving.client, moving.first)
    write(moving.client, moving.second)
    running = enricher(moving, tmp_path)
    assert running.round().encoded == COUNT
    with pytest.raises(
        IndexConflictError, match=f"stood for the index '{moving.first}' and stands for '{moving.second}'"
    ):
        running.round()
    moving.client.indices.refresh(index=moving.second)
    weighted = {"query": {"exists": {"field": "csplade_encoded"}}}
    assert moving.client.count(index=moving.second, body=weighted)["count"] == 0


def test_rounds_of_enrich_end_when_another_one_replaces_the_encoder(versions: Versions, tmp_path: Path) -> None:
    write(versions.client, versions.first)
    running = enricher(versions, tmp_path)
    assert running.round().encoded == COUNT
    prepare_index(versions.client, versions.first, OTHERS, replace_encoder=True)
    with pytest.raises(IndexConflictError, match="made with the encoder 'others'"):
        running.round()
