"""Settings while documents are loaded: changed, recorded in the index, and put back, also after a crash."""

from dataclasses import replace
from typing import Any

import pytest
from csplade.integration.index import create_index, mapping_of
from csplade.integration.lifecycle import plan_swap, swap
from csplade.integration.load_settings import RECORD_KEY, LoadSettings, loading, restore
from csplade.integration.templates import META_KEY, IndexOptions
from csplade.tests.cluster_lines import ClusterLine
from csplade.tests.versioned_index import add_version, versioned_once
from csplade.tests.word_encoder import word_contract

__all__ = ["versioned_once"]

pytestmark = pytest.mark.cluster

NAMES = ("refresh_interval", "number_of_replicas", "auto_expand_replicas", "translog.durability")


def made(line: ClusterLine) -> ClusterLine:
    create_index(line.client, line.index, word_contract(), IndexOptions(analyzer=line.analyzer, refresh_interval="7s"))
    return line


def settings(line: ClusterLine) -> dict[str, object]:
    found = line.client.indices.get_settings(index=line.index, params={"flat_settings": "true"})
    flat = found[line.index]["settings"]
    return {name: flat.get(f"index.{name}") for name in NAMES}


def meta(line: ClusterLine) -> dict[str, Any]:  # Any: a JSON object
    _, mapping = mapping_of(line.client, line.index)
    found: dict[str, Any] = mapping["_meta"][META_KEY]
    return found


FAST = {
    "refresh_interval": "-1",
    "number_of_replicas": "0",
    "auto_expand_replicas": "false",
    "translog.durability": "async",
}


@pytest.mark.parametrize("kind", list(LoadSettings))
def test_settings_are_changed_for_the_time_of_a_load_and_then_as_before(line: ClusterLine, kind: LoadSettings) -> None:
    made(line)
    before, known = settings(line), meta(line)
    changes = {LoadSettings.KEEP: {}, LoadSettings.SAFE: {"refresh_interval": "-1"}, LoadSettings.FAST: FAST}[kind]
    with pytest.raises(KeyboardInterrupt), loading(line.client, line.index, kind):
        assert settings(line) == before | changes
        raise KeyboardInterrupt
    assert settings(line) == before
    assert meta(line) == known


def test_an_index_whose_alias_is_swapped_during_a_load_gets_its_settings_back(versioned_once: ClusterLine) -> None:
    client, alias = versioned_once.client, versioned_once.index
    loaded, other = (replace(versioned_once, index=add_version(versioned_once)) for _ in range(2))
    before = settings(loaded), settings(other)
    with loading(client, alias, LoadSettings.FAST):
        assert settings(loaded) == before[0] | FAST
        swap(client, plan_swap(client, alias, other.index))
    assert (settings(loaded), settings(other)) == before
    assert RECORD_KEY not in meta(loaded)


def test_what_a_killed_run_left_is_put_back_by_the_next(line: ClusterLine) -> None:
    made(line)
    before = settings(line)
    killed = loading(line.client, line.index, LoadSettings.FAST)
    killed.__enter__()
    assert settings(line) == before | FAST
    assert meta(line)[RECORD_KEY]["refresh_interval"] == "7s"
    # A next load records what was there before the killed one.
    with loading(line.client, line.index, LoadSettings.SAFE):
        assert settings(line) == before | {"refresh_interval": "-1"}
    assert settings(line) == before
    assert not restore(line.client, line.index)
    assert RECORD_KEY not in meta(line)
