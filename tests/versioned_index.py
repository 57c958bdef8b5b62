"""Aliases with versions, on a live server of each line, and removed after the test; indexes with few documents."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from uuid import uuid4

import pytest
from csplade.integration.alias import versions
from csplade.integration.client import connect
from csplade.integration.detect import read_dialect
from csplade.integration.documents import Document
from csplade.integration.ingest import IngestOptions, ingest
from csplade.integration.lifecycle import create_version
from csplade.integration.templates import IndexOptions
from csplade.pipelines.contract import Contract
from csplade.tests.cluster_lines import ClusterLine
from csplade.tests.word_encoder import WordEncoder, word_contract

OTHER = word_contract("others", opset=2)
"""The contract of an encoder that gives the same vectors under another fingerprint."""

DOCUMENTS = (
    Document("loaf", "Keep the loaf of bread in a cloth", "A loaf", {"lang": "en"}),
    Document("bread", "bread bread", "Bread", {"lang": "en"}),
    Document("brot", "das brot bread", None, {"lang": "de"}),
    Document("salt", "salt and nothing else", "Salt", {"lang": "en"}),
    Document("empty", "", "Empty", {"lang": "en"}),
)


@pytest.fixture
def versioned(line: ClusterLine) -> Iterator[ClusterLine]:
    """Give a line whose `index` is the name of an alias that is not there yet."""
    yield line
    for name in versions(line.client, line.index):
        line.client.indices.delete(index=name)


@pytest.fixture
def versioned_once(opensearch: str) -> Iterator[ClusterLine]:
    """Give the same on the OpenSearch of the whole run only, for what no line does in its own way."""
    yield from _on(opensearch)


@pytest.fixture(scope="module")
def filled_once(opensearch: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterLine]:
    """Give an alias of an index that holds `DOCUMENTS`, for all tests of a module, which leave it as it is."""
    for line in _on(opensearch):
        add_version(line)
        fill(line, line.index, tmp_path_factory.mktemp("filled"))
        yield line


def _on(url: str) -> Iterator[ClusterLine]:
    client = connect(url)
    line = ClusterLine("opensearch-3.8", url, client, f"test-{uuid4().hex}", read_dialect(client))
    yield line
    for name in versions(client, line.index):
        client.indices.delete(index=name)


def add_version(line: ClusterLine, contract: Contract | None = None) -> str:
    """Create the next version, without documents, and return its name."""
    options = IndexOptions(analyzer=line.analyzer)
    return create_version(line.client, line.index, contract or word_contract(), options).new


def fill(
    line: ClusterLine,
    index: str,
    folder: Path,
    documents: Sequence[Document] = DOCUMENTS,
    contract: Contract | None = None,
) -> None:
    """Index documents, which are found at once."""
    report = ingest(line.client, WordEncoder(contract), documents, IngestOptions(index, folder / "dead.jsonl"))
    assert (report.indexed, report.failed) == (len(documents), 0)
