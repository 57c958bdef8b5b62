"""Aliases: what they stand for, which versions they have, and that they change in one step; on every line."""

import pytest
from csplade.integration.alias import (
    aliases_of,
    next_version,
    point,
    read_live,
    require_live,
    version_number,
    versions,
)
from csplade.integration.errors import IndexConflictError, RequestError
from csplade.pipelines.errors import UsageError
from csplade.tests.cluster_lines import ClusterLine
from csplade.tests.versioned_index import add_version, versioned, versioned_once

__all__ = ["versioned", "versioned_once"]


@pytest.mark.parametrize(
    ("index", "number"),
    [("a-v1", 1), ("a-v12", 12), ("a", 0), ("a-v0", 0), ("a-v01", 0), ("a-vx", 0), ("b-v1", 0), ("a-v1-v2", 0)],
)
def test_the_number_of_a_version(index: str, number: int) -> None:
    assert version_number("a", index) == number


def test_the_next_version_is_counted_by_number_and_never_taken_twice() -> None:
    assert next_version("a", []) == "a-v1"
    assert next_version("a", ["a-v2", "a-v10", "a-v9"]) == "a-v11"
    assert next_version("a", ["a-vx", "other"]) == "a-v1"


@pytest.mark.cluster
def test_an_alias_is_missing_then_stands_for_one_index_then_for_several(versioned_once: ClusterLine) -> None:
    client, alias = versioned_once.client, versioned_once.index
    assert read_live(client, alias) is None
    assert versions(client, alias) == ()
    with pytest.raises(IndexConflictError, match=f"there is no alias '{alias}': make it with `csplade index create"):
        require_live(client, alias)
    first, second = add_version(versioned_once), add_version(versioned_once)
    assert versions(client, alias) == (first, second) == (f"{alias}-v1", f"{alias}-v2")
    assert require_live(client, alias).index == first
    assert [aliases_of(client, index) for index in (first, second)] == [frozenset({alias}), frozenset()]
    client.indices.put_alias(index=second, name=alias)
    with pytest.raises(IndexConflictError, match="is an alias of 2 indexes"):
        read_live(client, alias)


@pytest.mark.cluster
def test_the_name_of_an_index_or_of_several_is_no_alias(versioned_once: ClusterLine) -> None:
    index = add_version(versioned_once)
    with pytest.raises(IndexConflictError, match=f"`csplade index swap NAME --to {index}`"):
        read_live(versioned_once.client, index)
    with pytest.raises(UsageError):
        read_live(versioned_once.client, "*")


@pytest.mark.cluster
def test_the_alias_changes_with_all_that_it_adds_or_not_at_all(versioned: ClusterLine) -> None:
    client, alias = versioned.client, versioned.index
    first, second = add_version(versioned), add_version(versioned)
    added = {"filter": {"term": {"lang": "en"}}, "index_routing": "1", "search_routing": "1"}
    client.indices.put_alias(index=first, name=alias, body=added)
    live = require_live(client, alias)
    point(client, alias, live, second)
    now = require_live(client, alias)
    assert (now.index, now.properties) == (second, live.properties)
    assert now.properties["index_routing"] == "1"
    # Whoever looked before somebody else swapped must not add a second index.
    with pytest.raises(RequestError):
        point(client, alias, live, first)
    assert require_live(client, alias) == now
