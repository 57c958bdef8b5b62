"""What is known of an index, on every line of servers."""

from dataclasses import astuple
from pathlib import Path

import pytest
from csplade.integration import index_status
from csplade.integration.documents import Document
from csplade.integration.errors import IndexConflictError
from csplade.integration.index_status import Sizes, find_indexes, read_status
from csplade.integration.lifecycle import plan_swap, swap
from csplade.integration.segment_files import STORED, bytes_of, file_bytes, merge_into_one, postings_bytes
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
    weights, text, postings, stored = astuple(old.sizes)
    assert postings > 0 < stored
    assert postings + stored < old.bytes
    assert (new.sizes.postings, new.sizes.stored) == (0, 0)
    if versioned.dialect.distribution == "opensearch":
        assert (weights, text) == (None, None)
    else:
        assert weights > 0 < text
        assert weights + text < postings
    assert read_status(client, first, versioned.dialect).sizes == Sizes()


def test_the_sizes_of_all_fields_grow_with_what_is_in_them(versioned: ClusterLine, tmp_path: Path) -> None:
    client, words, sizes = versioned.client, 18_000, []
    for each in (60, 30):
        texts = (" ".join(f"w{number}x{word}" for word in range(each)) for number in range(words // each))
        index = add_version(versioned)
        fill(versioned, index, tmp_path, [Document(str(number), text) for number, text in enumerate(texts)])
        # Of one segment each, so that they can be compared.
        client.indices.forcemerge(index=index, params={"max_num_segments": 1, "flush": "true"})
        client.indices.refresh(index=index)
        sizes.append(read_status(client, index, versioned.dialect, sizes=True).sizes)
    # Each word is in two fields once, however many documents they are in.
    assert sizes[0].postings == pytest.approx(sizes[1].postings, rel=0.15)
    assert min(one.postings or 0 for one in sizes) > 2 * words
    assert min(one.stored or 0 for one in sizes) > words
    for one in sizes:
        if one.weights is not None and one.text is not None and one.postings is not None:
            # The rest is ids, marks and names of fields.
            assert 0.6 * one.postings < one.weights + one.text < one.postings


def test_sizes_of_files_are_those_of_fields_or_not_told(versioned: ClusterLine, tmp_path: Path) -> None:
    """As who may not ask for the sizes of fields sees it, in an index whose segments have several files."""
    client, dialect = versioned.client, versioned.dialect
    index = add_version(versioned)
    if dialect.distribution == "elasticsearch":
        client.indices.put_settings(index=index, body={"index.compound_format": False})
    for half in ("a", "b"):
        texts = (" ".join(f"{half}{number}x{word}" for word in range(40)) for number in range(150))
        fill(versioned, index, tmp_path, [Document(f"{half}{number}", text) for number, text in enumerate(texts)])
    merge_into_one(client, index)
    told = read_status(client, index, dialect, sizes=True).sizes
    files = file_bytes(client, index)
    assert files is not None
    assert bytes_of(files, STORED) == pytest.approx(told.stored, rel=0.1)
    assert postings_bytes(files) in (None, pytest.approx(told.postings, rel=0.1))
    # Of several files of a kind only one is told there.
    assert (postings_bytes(files) is None) is dialect.hides_weights


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
    assert (other.encoder, other.fingerprint, other.share, other.sizes) == (None, None, None, Sizes())
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
