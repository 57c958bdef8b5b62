"""The life of an index, on every line of servers: created, filled through its alias, swapped, rolled back, dropped."""

from pathlib import Path

import pytest
from csplade.integration.alias import require_live, versions
from csplade.integration.errors import IndexConflictError
from csplade.integration.index import check_index
from csplade.integration.index_asked import Asked
from csplade.integration.index_mapping import keep_in_meta, mapping_of
from csplade.integration.index_status import read_status
from csplade.integration.lifecycle import (
    check_drop,
    create_version,
    drop,
    live_choices,
    plan_swap,
    rollback,
    swap,
)
from csplade.integration.load_settings import LoadSettings, loading
from csplade.integration.passages import Long
from csplade.integration.query import QueryOptions, Question
from csplade.integration.search import search
from csplade.integration.templates import IndexOptions
from csplade.pipelines.errors import UsageError
from csplade.tests.cluster_lines import ClusterLine
from csplade.tests.versioned_index import DOCUMENTS, OTHER, add_version, fill, versioned, versioned_once
from csplade.tests.word_encoder import word_contract, word_vector

__all__ = ["versioned", "versioned_once"]

pytestmark = pytest.mark.cluster


def found(line: ClusterLine, index: str) -> list[str]:
    options = QueryOptions(dialect=line.dialect)
    return [hit.id for hit in search(line.client, index, Question("bread", word_vector("bread")), options)]


def test_a_new_model_takes_over_and_goes_back_while_the_alias_always_answers(
    versioned: ClusterLine, tmp_path: Path
) -> None:
    client, alias = versioned.client, versioned.index
    first = add_version(versioned)
    fill(versioned, alias, tmp_path)
    assert found(versioned, alias) == found(versioned, first) == ["bread", "loaf", "brot"]
    second = add_version(versioned, OTHER)
    fill(versioned, second, tmp_path, DOCUMENTS[:2], OTHER)
    assert found(versioned, alias) == ["bread", "loaf", "brot"]
    planned = plan_swap(client, alias, None)
    assert (planned.old and planned.old.index, planned.new) == (first, second)
    swap(client, planned)
    assert found(versioned, alias) == ["bread", "loaf"]
    check_index(client, alias, OTHER)
    assert [read_status(client, one, versioned.dialect).replaced for one in (second, first)] == [{alias: first}, {}]
    back = rollback(client, alias)
    assert (back.old and back.old.index, back.new) == (second, first)
    assert found(versioned, alias) == ["bread", "loaf", "brot"]
    with pytest.raises(IndexConflictError, match=f"'{first}' has replaced nothing"):
        rollback(client, alias)
    # And forward again.
    swap(client, plan_swap(client, alias, second))
    assert require_live(client, alias).index == second


def test_an_index_with_settings_of_a_load_does_not_become_live(versioned_once: ClusterLine) -> None:
    client, alias = versioned_once.client, versioned_once.index
    first, second = add_version(versioned_once), add_version(versioned_once)
    with loading(client, second, LoadSettings.FAST):
        assert read_status(client, second, versioned_once.dialect).loading
        with pytest.raises(IndexConflictError, match=f"settings of a load.*--restore --index {second}"):
            plan_swap(client, alias, None)
    assert not read_status(client, second, versioned_once.dialect).loading
    assert plan_swap(client, alias, None).new == second
    assert require_live(client, alias).index == first


def test_what_the_mapping_keeps_beside_is_kept(versioned_once: ClusterLine) -> None:
    first, second = add_version(versioned_once), add_version(versioned_once)
    keep_in_meta(versioned_once.client, second, {"scales": {"sparse": 2.0, "bm25": 3.0}})
    _, before = mapping_of(versioned_once.client, second)
    swap(versioned_once.client, plan_swap(versioned_once.client, versioned_once.index, None))
    _, after = mapping_of(versioned_once.client, second)
    assert after["_meta"]["csplade"] == {**before["_meta"]["csplade"], "replaced": {versioned_once.index: first}}
    assert after["_meta"]["csplade"]["fingerprint"] == word_contract().fingerprint


def test_each_alias_of_an_index_has_its_own_way_back(versioned_once: ClusterLine) -> None:
    client, alias = versioned_once.client, versioned_once.index
    first, second, third = (add_version(versioned_once) for _ in range(3))
    swap(client, plan_swap(client, alias, third))
    other = f"{alias}-other"
    client.indices.put_alias(index=second, name=other)
    swap(client, plan_swap(client, other, third))
    assert read_status(client, third, versioned_once.dialect).replaced == {alias: first, other: second}
    assert rollback(client, alias).new == first
    assert rollback(client, other).new == second


def test_an_index_that_is_there_gets_an_alias_and_versions(versioned_once: ClusterLine) -> None:
    client, alias = versioned_once.client, versioned_once.index
    client.indices.create(index=f"{alias}-v7", body={"mappings": {"properties": {"text": {"type": "text"}}}})
    planned = plan_swap(client, alias, f"{alias}-v7")
    assert planned.old is None
    swap(client, planned)
    assert live_choices(client, alias) == Asked("standard", Long.CUT)
    assert add_version(versioned_once) == f"{alias}-v8"
    assert require_live(client, alias).index == f"{alias}-v7"
    swap(client, plan_swap(client, alias, None))
    assert rollback(client, alias).new == f"{alias}-v7"


def test_what_was_chosen_for_the_live_version_is_known_for_the_next_one(versioned_once: ClusterLine) -> None:
    client, alias = versioned_once.client, versioned_once.index
    assert live_choices(client, alias) == Asked()
    chosen = IndexOptions(analyzer="simple", long=Long.PASSAGES, weights_in_source=False)
    create_version(client, alias, word_contract(), chosen)
    assert live_choices(client, alias) == Asked("simple", Long.PASSAGES, weights_in_source=False)


def test_swaps_that_make_no_sense_are_refused_and_change_nothing(versioned_once: ClusterLine) -> None:
    client, alias = versioned_once.client, versioned_once.index
    with pytest.raises(IndexConflictError, match="has no versions"):
        plan_swap(client, alias, None)
    with pytest.raises(IndexConflictError, match="there is no alias"):
        rollback(client, alias)
    first = add_version(versioned_once)
    with pytest.raises(IndexConflictError, match=f"stands for '{first}' already, and there is no newer version"):
        plan_swap(client, alias, None)
    with pytest.raises(IndexConflictError, match="there is no index 'nowhere'"):
        plan_swap(client, alias, "nowhere")
    second = add_version(versioned_once)
    client.indices.put_alias(index=second, name=f"{alias}-other")
    with pytest.raises(IndexConflictError, match=f"is an alias of '{second}': name the index itself"):
        plan_swap(client, alias, f"{alias}-other")
    with pytest.raises(UsageError):
        plan_swap(client, alias, "a,b")
    swap(client, plan_swap(client, alias, None))
    client.indices.delete(index=first)
    with pytest.raises(IndexConflictError, match=f"there is no index '{first}'"):
        rollback(client, alias)
    assert require_live(client, alias).index == second


def test_a_closed_index_does_not_become_live(versioned: ClusterLine) -> None:
    client, alias = versioned.client, versioned.index
    first, second = add_version(versioned), add_version(versioned)
    client.indices.close(index=second)
    with pytest.raises(IndexConflictError, match=f"the index '{second}' is closed"):
        plan_swap(client, alias, None)
    open_one, closed = (read_status(client, index, versioned.dialect, sizes=True) for index in (first, second))
    assert (open_one.documents, open_one.aliases) == (0, (alias,))
    assert (closed.documents, closed.sampled, closed.bytes, closed.encoder) == (None, None, None, "words")
    client.indices.open(index=second)
    swap(client, plan_swap(client, alias, None))
    client.indices.close(index=first)
    with pytest.raises(IndexConflictError, match=f"the index '{first}' is closed"):
        rollback(client, alias)


def test_only_what_nobody_uses_and_csplade_made_is_dropped(versioned_once: ClusterLine) -> None:
    client, alias = versioned_once.client, versioned_once.index
    first, second = add_version(versioned_once), add_version(versioned_once)
    client.indices.create(index=f"{alias}-v9", body={})
    with pytest.raises(IndexConflictError, match=f"is what '{alias}' stands for"):
        drop(client, first)
    with pytest.raises(IndexConflictError, match="was not made by csplade"):
        drop(client, f"{alias}-v9")
    with pytest.raises(IndexConflictError, match="name the index itself"):
        drop(client, alias)
    with pytest.raises(IndexConflictError, match="there is no index"):
        check_drop(client, f"{alias}-v3")
    with pytest.raises(UsageError):
        drop(client, f"{alias}*")
    drop(client, second)
    assert versions(client, alias) == (first, f"{alias}-v9")
