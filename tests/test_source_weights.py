"""An index that does not give its weights back: what it answers, what it takes, and what it costs its owner."""

import time
from pathlib import Path

import orjson
import pytest
from csplade.integration.answers import count_documents
from csplade.integration.documents import Document
from csplade.integration.enrich import fields_of
from csplade.integration.errors import IndexConflictError
from csplade.integration.index import create_index, require_index
from csplade.integration.index_mapping import mapping_of
from csplade.integration.index_status import read_status
from csplade.integration.ingest import IngestOptions, ingest
from csplade.integration.missing import look_for
from csplade.integration.passages import Long
from csplade.integration.query import QueryOptions, Question
from csplade.integration.search import Hit, search
from csplade.integration.templates import WEIGHTS_FIELD, IndexOptions
from csplade.tests.cluster_lines import ClusterLine
from csplade.tests.command_run import Run, run
from csplade.tests.versioned_index import DOCUMENTS
from csplade.tests.word_encoder import WordEncoder, word_contract, word_vector

__all__ = ["run"]

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


def source(folder: Path) -> Path:
    path = folder / "a.jsonl"
    path.write_bytes(b"".join(orjson.dumps({"_id": one.id, "text": one.text}) + b"\n" for one in DOCUMENTS))
    return path


def given_back(line: ClusterLine, index: str) -> list[str]:
    """Return the ids of documents that come back with weights, as whoever reads an index by its cluster gets them."""
    line.client.indices.refresh(index=index)
    asked: object = {"exclude_vectors": False} if line.dialect.hides_weights else True
    hits = line.client.search(index=index, body={"_source": asked})["hits"]["hits"]
    return sorted(hit["_id"] for hit in hits if WEIGHTS_FIELD in hit["_source"])


def test_ingest_makes_such_an_index_and_refuses_one_that_is_otherwise(
    run: Run, line: ClusterLine, tmp_path: Path
) -> None:
    arguments = ("ingest", source(tmp_path), "--index", line.index, "--url", line.url, "--analyzer", line.analyzer)
    assert run(*arguments, "--no-weights-in-source").code == 0
    weighted = ["bread", "brot", "loaf", "salt"] if line.dialect.hides_weights else []
    assert given_back(line, line.index) == weighted
    assert {hit.id for hit in ask(line, "bread")} == {"loaf", "bread", "brot"}
    # It stays as it is, whoever asks for it again or for nothing.
    for more in (["--no-weights-in-source"], []):
        assert run(*arguments, *more).code == 0
        assert given_back(line, line.index) == weighted
    other = [run(*arguments, "--weights-in-source", *more) for more in ([], ["--dry-run"])]
    if line.dialect.hides_weights:
        assert [one.code for one in other] == [0, 0]
        return
    for one in other:
        assert (one.code, one.out) == (1, "")
        assert "exists with --no-weights-in-source, not --weights-in-source: leave that out, or give" in one.err


def test_a_copy_of_such_an_index_has_weights_only_by_csplade(run: Run, line: ClusterLine, tmp_path: Path) -> None:
    fill(line, tmp_path)
    copies = [f"{line.index}-{number}" for number in range(3)]
    where = ("--from", line.index, "--url", line.url, "--analyzer", line.analyzer)
    try:
        # Encoded anew, with weights that come back or not.
        assert run("reindex", *where, "--to", copies[0]).code == 0
        assert run("reindex", *where, "--to", copies[1], "--no-weights-in-source").code == 0
        for copy in copies[:2]:
            require_index(line.client, copy, word_contract())
            options = QueryOptions(dialect=line.dialect)
            found = search(line.client, copy, Question("bread", word_vector("bread")), options, 10)
            assert {hit.id for hit in found} == {"loaf", "bread", "brot"}
        # One document has a title alone, which a copy encodes as the command would have.
        weighted = ["bread", "brot", "empty", "loaf", "salt"]
        assert given_back(line, copies[0]) == weighted
        assert given_back(line, copies[1]) == (weighted if line.dialect.hides_weights else [])
        refused = run("reindex", *where, "--to", copies[0], "--no-weights-in-source")
        assert refused.code == (0 if line.dialect.hides_weights else 1)
        create_index(line.client, copies[2], word_contract(), IndexOptions(analyzer=line.analyzer))
        if line.name.startswith("opensearch-3"):
            # The archives of the others lack the module.
            copied = {"source": {"index": line.index}, "dest": {"index": copies[2]}}
            line.client.reindex(body=copied, params={"refresh": "true"})
            assert given_back(line, copies[2]) == []
    finally:
        line.client.indices.delete(index=",".join(copies), params={"ignore_unavailable": "true"})


def test_enriching_such_an_index_is_refused_in_one_sentence(run: Run, line: ClusterLine, tmp_path: Path) -> None:
    fill(line, tmp_path)
    done = run("enrich", "--index", line.index, "--url", line.url)
    if line.dialect.hides_weights:
        assert done.code == 0, done
        return
    assert (done.code, done.out) == (1, "")
    assert "keeps only a part of its documents in `_source`" in done.err
    assert {hit.id for hit in ask(line, "bread")} == {"loaf", "bread", "brot"}


@pytest.mark.cluster_line
def test_it_is_smaller_once_a_merge_has_come_late_enough(line: ClusterLine, tmp_path: Path) -> None:
    """Before, the cluster keeps whole documents besides, from which copies of a shard could catch up."""
    documents = [Document(str(one), " ".join(f"w{one}x{word}" for word in range(60))) for one in range(300)]
    index = IngestOptions(line.index, tmp_path / "dead.jsonl")
    both: dict[bool, int] = {}
    for kept in (True, False):
        made = IndexOptions(analyzer=line.analyzer, weights_in_source=kept)
        create_index(line.client, line.index, word_contract(), made)
        ingest(line.client, WordEncoder(), documents, index)
        at_once = merged_size(line)
        if not kept and not line.dialect.hides_weights:
            assert at_once > both[True]
            deadline = time.monotonic() + 120
            while merged_size(line) > 0.8 * both[True]:
                assert time.monotonic() < deadline
                time.sleep(5)
                # Something to merge.
                ingest(line.client, WordEncoder(), documents[:5], index)
        both[kept] = merged_size(line)
        line.client.indices.delete(index=line.index)
    if line.dialect.hides_weights:
        assert both[False] == pytest.approx(both[True], rel=0.05)
    else:
        assert both[False] < 0.8 * both[True]


def merged_size(line: ClusterLine) -> int:
    """Return the bytes of what comes back, of one segment."""
    line.client.indices.flush(index=line.index)
    line.client.indices.forcemerge(index=line.index, params={"max_num_segments": 1, "flush": "true"})
    line.client.indices.refresh(index=line.index)
    stored = read_status(line.client, line.index, line.dialect, sizes=True).sizes.stored
    assert stored is not None
    return stored
