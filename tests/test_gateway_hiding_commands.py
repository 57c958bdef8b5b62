"""csplade itself through a gateway that hides weights: what needs them gets them, and nothing is lost."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from csplade.integration.client import connect
from csplade.integration.documents import Document
from csplade.integration.enrich import Enricher, EnrichOptions, prepare_index
from csplade.integration.enrich_documents import Write
from csplade.integration.index import create_index
from csplade.integration.ingest import IngestOptions, ingest
from csplade.integration.reindex import Origin, reindex
from csplade.integration.sparse_search import SparseSearch
from csplade.integration.templates import MARK_FIELD, IndexOptions
from csplade.tests.gateway_process import Gateway
from csplade.tests.gateway_words import rewriting
from csplade.tests.word_encoder import WordEncoder, word_contract
from opensearchpy import OpenSearch

pytestmark = pytest.mark.cluster

COUNT = 30


@dataclass(frozen=True)
class Place:
    """An index of csplade's, and a gateway that hides its weights."""

    direct: OpenSearch
    gateway: Gateway
    index: str

    @property
    def through(self) -> OpenSearch:
        return connect(self.gateway.url)

    def content(self, client: OpenSearch, index: str = "") -> dict[str, Any]:
        name = index or self.index
        client.indices.refresh(index=name)
        hits = client.search(index=name, body={"size": 1000})["hits"]["hits"]
        return {hit["_id"]: hit["_source"] for hit in hits}


@pytest.fixture
def place(opensearch: str, index_name: str, tmp_path: Path) -> Iterator[Place]:
    client, contract = connect(opensearch), word_contract()
    options = IndexOptions(shards=2)
    create_index(client, index_name, contract, options)
    documents = [Document(str(number), f"fresh bread number{number}") for number in range(COUNT)]
    ingest(client, WordEncoder(), documents, IngestOptions(index_name, tmp_path / "failed.jsonl"))
    weights = [{"field": "csplade_terms", "covers": ["title", "text"]}]
    with rewriting(
        opensearch, {"index": [{"pattern": index_name, "weights": weights, "hide_weights": True}]}
    ) as gateway:
        yield Place(client, gateway, index_name)


def test_weights_are_hidden_from_others(place: Place) -> None:
    assert all("csplade_terms" in source for source in place.content(place.direct).values())
    assert all({*source} == {"text"} for source in place.content(place.through).values())


def test_a_score_is_explained(place: Place) -> None:
    direct, through = (SparseSearch(client, WordEncoder(), place.index) for client in (place.direct, place.through))
    assert through.explain("fresh number7", "7") == direct.explain("fresh number7", "7")
    assert through.explain("fresh number7", "7").contributions


@pytest.mark.parametrize("write", list(Write))
def test_documents_are_enriched_once_and_keep_what_they_have(place: Place, tmp_path: Path, write: Write) -> None:
    body = {"text": "rye", "other_terms": {"rye": 2.0}}
    place.direct.index(index=place.index, id="new", body=body, params={"refresh": "true"})
    encoder = WordEncoder()
    dialect = prepare_index(place.through, place.index, encoder.contract)
    before = place.content(place.direct)
    for encoded in (1, 0):
        options = EnrichOptions(place.index, tmp_path / "dead.jsonl", ("title", "text"), write)
        report = Enricher(place.through, encoder, dialect, options).until_current()
        assert (report.read, report.encoded, report.failed) == (COUNT + 1, encoded, 0)
    after = place.content(place.direct)
    assert after["new"]["other_terms"] == {"rye": 2.0}
    assert "rye" in after["new"]["csplade_terms"]
    assert {name: source for name, source in after.items() if name != "new"} == {
        name: source for name, source in before.items() if name != "new"
    }


def test_an_index_is_copied(place: Place, tmp_path: Path) -> None:
    target = f"{place.index}-copy"
    create_index(place.direct, target, word_contract(), IndexOptions())
    try:
        dialect = prepare_index(place.through, place.index, word_contract())
        origin = Origin(place.through, place.index, dialect, ("title", "text"))
        found = reindex(origin, place.direct, WordEncoder(), IngestOptions(target, tmp_path / "dead.jsonl"))
        assert (found.account.read, found.account.failed) == (COUNT, 0)
        copied, whole = place.content(place.direct, target), place.content(place.direct)
        # Marks of a copy besides say of which fields its text was joined.
        for source in copied.values():
            source[MARK_FIELD], _, parts = source[MARK_FIELD].partition(":")
            assert parts.startswith("title!0,text!")
        assert copied == whole
    finally:
        place.direct.indices.delete(index=target)
