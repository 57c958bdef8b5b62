"""What the parts of an index take, estimated from copies of some documents, beside what the cluster itself tells."""

import random
from collections.abc import Mapping
from pathlib import Path

import pytest
from csplade.commands import index as index_command
from csplade.integration import size_estimate
from csplade.integration.documents import Document
from csplade.integration.errors import ClusterError, IndexConflictError
from csplade.integration.index import create_index
from csplade.integration.index_status import IndexStatus, read_status
from csplade.integration.ingest import IngestOptions, ingest
from csplade.integration.passages import Long
from csplade.integration.segment_files import merge_into_one
from csplade.integration.seismic import Sample, remap_of
from csplade.integration.seismic_field import Seismic, seismic_of
from csplade.integration.size_estimate import FEWEST, SAMPLE, Estimate, check_estimate, estimate_sizes
from csplade.integration.templates import IndexOptions
from csplade.tests.cluster_lines import ClusterLine, on_seismic
from csplade.tests.versioned_index import add_version, fill, versioned, versioned_once
from csplade.tests.word_encoder import WordEncoder, word_contract, word_vector
from opensearchpy import OpenSearch

__all__ = ["versioned", "versioned_once"]

COUNT = 400
WEIGHTS = {"csplade_terms": {"type": "rank_features"}}


def varied(count: int) -> list[Document]:
    """Return documents of words of all frequencies, as texts have them."""
    chance = random.Random(7)
    words = ["".join(chance.choices("abcdefghiklmnoprstu", k=chance.randint(2, 9))) for _ in range(3000)]
    frequencies = [1 / (rank + 3) for rank in range(len(words))]
    texts = (" ".join(chance.choices(words, frequencies, k=chance.randint(30, 90))) for _ in range(count))
    return [Document(f"number {number}", text, f"Title {number}") for number, text in enumerate(texts)]


def copies(client: OpenSearch, index: str) -> list[str]:
    """Return what is left of copies."""
    return list(client.indices.get_alias(index=f"{index}*-sizes-*", params={"expand_wildcards": "all"}))


def merged(line: ClusterLine, folder: Path) -> tuple[str, IndexStatus]:
    """Return an index of `COUNT` documents in one segment, and what the cluster tells of it."""
    index = add_version(line)
    fill(line, index, folder, varied(COUNT))
    merge_into_one(line.client, index)
    return index, read_status(line.client, index, line.dialect, sizes=True)


def whole(estimate: Estimate) -> int:
    return estimate.weights + estimate.text + estimate.stored + estimate.rest


@pytest.mark.cluster
def test_the_estimate_is_what_the_cluster_tells(versioned: ClusterLine, tmp_path: Path) -> None:
    """On Elasticsearch beside the sizes of the fields, of which the estimate does not know."""
    index, status = merged(versioned, tmp_path)
    found = estimate_sizes(versioned.client, index, versioned.dialect)
    assert found.sampled == COUNT
    assert status.sizes.postings is not None
    # What differs are the lengths of texts, small files of each index, and places of documents: at most 1.4% was seen.
    assert whole(found) == pytest.approx(status.bytes, rel=0.03)
    assert found.stored == pytest.approx(status.sizes.stored, rel=0.03)
    # Postings of titles, ids and marks are left over, a twelfth of all.
    assert 0.85 * status.sizes.postings < found.weights + found.text < status.sizes.postings
    if versioned.dialect.distribution == "elasticsearch":
        # At most 0.5% and 0.9% were seen.
        assert found.weights == pytest.approx(status.sizes.weights, rel=0.02)
        assert found.text == pytest.approx(status.sizes.text, rel=0.02)
    assert copies(versioned.client, versioned.index) == []


@pytest.mark.cluster
def test_a_part_of_the_documents_stands_for_all(versioned_once: ClusterLine, tmp_path: Path) -> None:
    client, dialect = versioned_once.client, versioned_once.dialect
    index, _ = merged(versioned_once, tmp_path)
    all_of_them, half = (estimate_sizes(client, index, dialect, most) for most in (COUNT, COUNT // 2))
    assert half.sampled == COUNT // 2
    assert half.stored == pytest.approx(all_of_them.stored, rel=0.06)
    # Words are shared by fewer documents: it was 1.15 and 1.20 of what all take, never less.
    assert all_of_them.weights < half.weights < 1.3 * all_of_them.weights
    assert all_of_them.text < half.text < 1.35 * all_of_them.text


@pytest.mark.cluster
def test_what_is_not_there_costs_nothing(versioned_once: ClusterLine, tmp_path: Path) -> None:
    client, dialect, index = versioned_once.client, versioned_once.dialect, f"{versioned_once.index}-v1"
    # Of others, with an order, parts of texts in a field beside, and an analyzer of its own.
    text = {"type": "text", "analyzer": "own", "index_prefixes": {}, "fields": {"raw": {"type": "keyword"}}}
    settings = {
        "analysis": {"analyzer": {"own": {"type": "custom", "tokenizer": "whitespace"}}},
        "index": {"sort.field": "year", "number_of_shards": 2},
    }
    for fields, there in (({"text": text}, True), ({"body": text}, False)):
        properties = {"year": {"type": "integer"}, **fields}
        mappings = {"_routing": {"required": True}, "properties": properties}
        client.indices.create(index=index, body={"settings": settings, "mappings": mappings})
        lines: list[Mapping[str, object]] = []
        for number, document in enumerate(varied(60)):
            lines += [
                {"index": {"_id": document.id, "routing": str(number)}},
                {"year": number, next(iter(fields)): document.text},
            ]
        assert not client.bulk(body=lines, index=index, params={"refresh": "true"})["errors"]
        found = estimate_sizes(client, index, dialect)
        assert (found.sampled, found.weights, found.text > 0) == (60, 0, there)
        assert found.stored > 0 < found.rest
        client.indices.delete(index=index)


@pytest.mark.cluster
def test_weights_in_passages_are_counted_with_the_weights(line: ClusterLine, tmp_path: Path) -> None:
    for long in (Long.CUT, Long.PASSAGES):
        create_index(line.client, line.index, word_contract(), IndexOptions(line.analyzer, long=long))
        options = IngestOptions(line.index, tmp_path / "dead.jsonl", long=long)
        ingest(line.client, WordEncoder(), varied(60), options)
        found = estimate_sizes(line.client, line.index, line.dialect)
        # These texts are short enough for one passage, which has the same weights.
        if long is Long.CUT:
            cut = found.weights
        else:
            assert found.weights == pytest.approx(cut, rel=0.15)
        line.client.indices.delete(index=line.index)


@on_seismic
@pytest.mark.cluster
def test_a_seismic_field_is_counted_with_the_weights(line: ClusterLine, tmp_path: Path) -> None:
    documents = varied(100)
    vectors = [word_vector(document.text) for document in documents]
    remap, sample = remap_of(vectors), Sample(vectors, vectors[:5])
    plain = weights_with(line, documents, None, tmp_path)
    exact, clustered = (
        weights_with(line, documents, seismic_of(remap, sample, limit, most_loss=0.5), tmp_path) for limit in (1000, 50)
    )
    # Beside the weights stand the same by numbers once more, or clusters of them, and what is kept of each document.
    assert exact > 1.5 * plain
    assert clustered > 1.5 * plain
    assert clustered != exact


def weights_with(line: ClusterLine, documents: list[Document], seismic: Seismic | None, folder: Path) -> int:
    create_index(line.client, line.index, word_contract(), IndexOptions(), seismic=seismic)
    ingest(line.client, WordEncoder(), documents, IngestOptions(line.index, folder / "dead.jsonl"))
    found = estimate_sizes(line.client, line.index, line.dialect)
    line.client.indices.delete(index=line.index)
    return found.weights


@pytest.mark.cluster
@pytest.mark.parametrize(
    ("mappings", "count", "reason"),
    [
        ({}, 0, "holds no documents"),
        ({}, 1, "holds one document"),
        ({"_source": {"enabled": False}}, 2, "keeps no documents in `_source`"),
        ({"_source": {"excludes": ["csplade_terms"]}, "properties": WEIGHTS}, 2, "keeps no weights in `_source`"),
        ({"_source": {"excludes": ["te*"]}, "properties": {"text": {"type": "text"}}}, 2, "keeps no texts in"),
    ],
)
def test_what_cannot_be_estimated_is_refused_before_anything_is_copied(
    versioned_once: ClusterLine, mappings: Mapping[str, object], count: int, reason: str
) -> None:
    client, index = versioned_once.client, f"{versioned_once.index}-v1"
    client.indices.create(index=index, body={"mappings": mappings})
    for number in range(count):
        client.index(index=index, id=str(number), body={"a": number}, params={"refresh": "true"})
    with pytest.raises(IndexConflictError, match=reason):
        check_estimate(client, index)


@pytest.mark.cluster
def test_a_closed_index_is_refused(versioned_once: ClusterLine) -> None:
    index = add_version(versioned_once)
    versioned_once.client.indices.close(index=index)
    with pytest.raises(IndexConflictError, match="is closed, so that no documents can be drawn"):
        estimate_sizes(versioned_once.client, index, versioned_once.dialect)


@pytest.mark.cluster
def test_copies_that_searches_would_meet_are_never_filled(versioned_once: ClusterLine, tmp_path: Path) -> None:
    client, alias = versioned_once.client, versioned_once.index
    index = add_version(versioned_once)
    fill(versioned_once, index, tmp_path)
    template = {"index_patterns": [f"{alias}-*"], "priority": 7, "template": {"aliases": {f"{alias}-all": {}}}}
    client.indices.put_index_template(name=alias, body=template)
    try:
        with pytest.raises(ClusterError, match=f"template of the cluster lets the alias '{alias}-all' stand for new"):
            estimate_sizes(client, index, versioned_once.dialect)
    finally:
        client.indices.delete_index_template(name=alias)
    assert copies(client, alias) == []


@pytest.mark.cluster
@pytest.mark.parametrize("failure", [KeyboardInterrupt, ClusterError("gone")])
@pytest.mark.parametrize("kept", [False, True])
def test_copies_are_deleted_whatever_happens_and_else_told(
    versioned_once: ClusterLine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    failure: BaseException | type[BaseException],
    kept: bool,
) -> None:
    client, alias = versioned_once.client, versioned_once.index
    index = add_version(versioned_once)
    fill(versioned_once, index, tmp_path)
    seen: list[str] = []

    def stop(client: OpenSearch, name: str) -> None:
        seen.extend(copies(client, alias))
        # A cluster that deletes no index that may only be read.
        client.indices.put_settings(index=f"{alias}*-sizes-*", body={"index.blocks.read_only": kept}, params=HIDDEN)
        raise failure

    monkeypatch.setattr(size_estimate, "merge_into_one", stop)
    with pytest.raises((KeyboardInterrupt, ClusterError)) as caught:
        estimate_sizes(client, index, versioned_once.dialect)
    assert len(seen) == 3
    # Nobody who asks for all of his indexes by a pattern finds copies.
    assert [name for name in client.indices.get(index=f"{alias}*") if "sizes" in name] == []
    notes = " ".join(getattr(caught.value, "__notes__", ()))
    assert copies(client, alias) == (seen if kept else [])
    assert [name for name in seen if name in notes] == (seen if kept else [])
    if kept:
        client.indices.put_settings(index=f"{alias}*-sizes-*", body={"index.blocks.read_only": None}, params=HIDDEN)
        client.indices.delete(index=",".join(seen))


HIDDEN = {"expand_wildcards": "all"}


def test_the_command_has_the_same_numbers() -> None:
    assert (index_command._SAMPLE, index_command._FEWEST) == (SAMPLE, FEWEST)
