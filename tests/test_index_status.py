"""What is known of an index, on every line of servers."""

from pathlib import Path

import pytest
from csplade.integration import index_status
from csplade.integration.dialect import SPARSE_VECTOR
from csplade.integration.documents import Document
from csplade.integration.errors import IndexConflictError
from csplade.integration.index_status import FileSizes, find_indexes, read_status
from csplade.integration.lifecycle import create_version, plan_swap, swap
from csplade.integration.templates import IndexOptions
from csplade.tests.cluster_lines import ClusterLine
from csplade.tests.versioned_index import OTHER, add_version, fill, versioned, versioned_once
from csplade.tests.word_encoder import word_contract

__all__ = ["versioned", "versioned_once"]

pytestmark = pytest.mark.cluster


def test_the_status_tells_encoder_counts_weights_and_sizes(versioned: ClusterLine, tmp_path: Path) -> None:
    client, alias = versioned.client, versioned.index
    first = add_version(versioned)
    fill(versioned, alias, tmp_path)
    second = add_version(versioned, OTHER)
    swap(client, plan_swap(client, alias, None))
    old, new = (read_status(client, name, versioned.dialect, sizes=True) for name in (first, second))
    assert (old.index, old.aliases, old.replaced) == (first, (), {})
    assert (new.index, new.aliases, new.replaced) == (second, (alias,), {alias: first})
    assert (old.encoder, old.fingerprint) == ("words", word_contract().fingerprint)
    assert (new.encoder, new.fingerprint) == ("others", OTHER.fingerprint)
    # The one that has no text has no weights.
    assert (old.documents, old.sampled, old.weighted, old.share) == (5, 5, 4, 0.8)
    assert (new.documents, new.sampled, new.share) == (0, 0, None)
    assert old.bytes is not None and new.bytes is not None
    assert old.bytes > new.bytes
    if versioned.dialect.distribution == "opensearch":
        assert old.sizes is None
    else:
        assert old.sizes is not None
        assert old.sizes.weights > 0 < old.sizes.text
    assert (versioned.dialect.field_type == SPARSE_VECTOR) <= (old.sizes is not None)
    assert new.files == FileSizes(0, 0)
    assert old.files is not None
    assert old.files.postings + old.files.stored < old.bytes


def test_files_of_postings_and_of_stored_documents_are_told_apart(versioned: ClusterLine, tmp_path: Path) -> None:
    documents = [Document(str(number), " ".join(f"w{number}x{word}" for word in range(60))) for number in range(300)]
    found = []
    for kept in (True, False):
        options = IndexOptions(analyzer=versioned.analyzer, weights_in_source=kept)
        index = create_version(versioned.client, versioned.index, word_contract(), options).new
        fill(versioned, index, tmp_path, documents)
        # Of one segment each, so that they can be compared.
        versioned.client.indices.forcemerge(index=index, params={"max_num_segments": 1, "flush": "true"})
        versioned.client.indices.refresh(index=index)
        found.append(read_status(versioned.client, index, versioned.dialect, sizes=True))
    (whole, fields), (without, _) = ((one.files, one.sizes) for one in found)
    assert whole is not None
    assert without is not None
    # 18,000 words, each once as text and once as a term with its weight.
    assert whole.postings == pytest.approx(without.postings, rel=0.02)
    assert whole.postings > 2 * 18_000
    if versioned.dialect.hides_weights:
        assert whole.stored == pytest.approx(without.stored, rel=0.02)
    else:
        assert whole.stored > 1.3 * without.stored
    if fields is not None:
        # The rest is ids, marks and field names.
        assert 0.7 * whole.postings < fields.weights + fields.text < whole.postings


def test_more_documents_than_are_looked_at_are_sampled(
    versioned_once: ClusterLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_status, "SAMPLE", 3)
    index = add_version(versioned_once)
    fill(versioned_once, index, tmp_path)
    status = read_status(versioned_once.client, index, versioned_once.dialect)
    assert (status.documents, status.sampled) == (5, 3)
    # One of five has none.
    assert status.weighted in (2, 3)


def test_an_index_of_others_and_one_without_weights_in_its_source(versioned_once: ClusterLine) -> None:
    client, names = versioned_once.client, [f"{versioned_once.index}-v1", f"{versioned_once.index}-v2"]
    fields = {"csplade_terms": {"type": versioned_once.dialect.field_type}}
    client.indices.create(index=names[0], body={})
    hidden = {"_source": {"excludes": ["csplade_terms"]}, "properties": fields}
    client.indices.create(index=names[1], body={"mappings": hidden})
    other, without = (read_status(client, name, versioned_once.dialect) for name in names)
    assert (other.encoder, other.fingerprint, other.share, other.sizes) == (None, None, None, None)
    assert (without.sampled, without.weighted) == (None, None)


def test_a_name_stands_for_an_index_or_the_versions_of_an_alias_or_nothing(versioned_once: ClusterLine) -> None:
    client, alias = versioned_once.client, versioned_once.index
    with pytest.raises(IndexConflictError, match="there is neither an alias nor an index"):
        find_indexes(client, alias)
    first, second = add_version(versioned_once), add_version(versioned_once)
    assert find_indexes(client, alias) == (first, second)
    assert find_indexes(client, second) == (second,)
    client.indices.close(index=second)
    assert {first, second} <= set(find_indexes(client, None))
    client.indices.create(index=f"{alias}-v3", body={})
    assert f"{alias}-v3" not in find_indexes(client, None)
