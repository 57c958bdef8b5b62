"""An index that does not give its weights back: what it answers, what it takes, and what it costs its owner."""

from pathlib import Path

import pytest
from csplade.integration.answers import count_documents
from csplade.integration.enrich import fields_of
from csplade.integration.errors import IndexConflictError
from csplade.integration.index import create_index, mapping_of, require_index
from csplade.integration.index_status import read_status
from csplade.integration.ingest import IngestOptions, ingest
from csplade.integration.missing import look_for
from csplade.integration.passages import Long
from csplade.integration.query import QueryOptions, Question
from csplade.integration.search import Hit, search
from csplade.integration.templates import IndexOptions
from csplade.tests.cluster_lines import ClusterLine
from csplade.tests.versioned_index import DOCUMENTS
from csplade.tests.word_encoder import WordEncoder, word_contract, word_vector

pytestmark = pytest.mark.cluster


def fill(line: ClusterLine, folder: Path, long: Long = Long.CUT) -> None:
    options = IndexOptions(analyzer=line.analyzer, long=long, weights_in_source=False)
    create_index(line.client, line.index, word_contract(), options)
    report = ingest(line.client, WordEncoder(), DOCUMENTS, IngestOptions(line.index, folder / "dead.jsonl", long=long))
    assert (report.indexed, report.failed) == (len(DOCUMENTS), 0)


def ask(line: ClusterLine, text: str) -> list[Hit]:
    options = QueryOptions(dialect=require_index(line.client, line.index, word_contract()))
    return [*search(line.client, line.index, Question(text, word_vector(text)), options, 10)]


@pytest.mark.parametrize("long", Long)
def test_it_answers_as_if_it_gave_them_back(line: ClusterLine, tmp_path: Path, long: Long) -> None:
    fill(line, tmp_path, long)
    hits = {hit.id: hit.score for hit in ask(line, "bread salt")}
    assert hits == pytest.approx(
        {"bread": 2 * 25.0, "loaf": 25.0, "brot": 25.0, "salt": 16.0},
        rel=0.004,
    )
    stored = line.client.get(index=line.index, id="bread")["_source"]
    assert (stored["title"], stored["text"]) == ("Bread", "bread bread")
    assert "bread" not in str(stored.get("csplade_terms", "")) + str(
        [passage.get("csplade_terms") for passage in stored.get("csplade_passages", ())]
    )


def test_what_would_need_them_says_that_they_are_not_kept(line: ClusterLine, tmp_path: Path) -> None:
    fill(line, tmp_path)
    status = read_status(line.client, line.index, line.dialect)
    options = QueryOptions(dialect=require_index(line.client, line.index, word_contract()))
    found = look_for(line.client, line.index, Question("bread", word_vector("bread")), options, "bread")
    assert (found.rank, found.score) == (1, 50.0)
    if line.dialect.hides_weights:
        # That cluster keeps them once, and has them for whoever asks.
        assert (status.sampled, status.weighted) == (5, 4)
        assert "excludes" not in mapping_of(line.client, line.index)[1].get("_source", {})
        return
    assert (status.sampled, status.weighted, found.terms.document) == (None, None, None)
    with pytest.raises(IndexConflictError, match="keeps only a part of its documents"):
        fields_of(line.client, line.index, ())


def test_an_update_of_a_part_takes_the_weights_away(line: ClusterLine, tmp_path: Path) -> None:
    fill(line, tmp_path)
    line.client.update(index=line.index, id="bread", body={"doc": {"lang": "de"}}, params={"refresh": "true"})
    left = {"loaf", "brot"} | ({"bread"} if line.dialect.hides_weights else set())
    assert {hit.id for hit in ask(line, "bread")} == left
    assert count_documents(line.client, line.index) == len(DOCUMENTS)
