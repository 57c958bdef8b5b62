"""Settings while documents are loaded: changed, recorded in the index, and put back, also after a crash."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import pytest
from csplade.integration.client import connect
from csplade.integration.errors import UnreachableError
from csplade.integration.index import create_index
from csplade.integration.index_mapping import mapping_of
from csplade.integration.lifecycle import plan_swap, swap
from csplade.integration.load_settings import RECORD_KEY, LoadSettings, loading, restore
from csplade.integration.patience import Patience
from csplade.integration.templates import META_KEY, IndexOptions
from csplade.tests.cluster_lines import ClusterLine
from csplade.tests.faulty_proxy import FaultyProxy, running
from csplade.tests.versioned_index import add_version, versioned_once
from csplade.tests.word_encoder import word_contract
from opensearchpy import OpenSearch

__all__ = ["versioned_once"]

pytestmark = pytest.mark.cluster

NAMES = ("refresh_interval", "number_of_replicas", "auto_expand_replicas", "translog.durability")


def made(line: ClusterLine) -> ClusterLine:
    create_index(line.client, line.index, word_contract(), IndexOptions(analyzer=line.analyzer, refresh_interval="7s"))
    return line


def settings(line: ClusterLine) -> dict[str, object]:
    return settings_of(line.client, line.index)


def settings_of(client: OpenSearch, index: str) -> dict[str, object]:
    found = client.indices.get_settings(index=index, params={"flat_settings": "true"})
    flat = found[index]["settings"]
    return {name: flat.get(f"index.{name}") for name in NAMES}


def meta(line: ClusterLine) -> dict[str, Any]:  # Any: a JSON object
    return meta_of(line.client, line.index)


def meta_of(client: OpenSearch, index: str) -> dict[str, Any]:  # Any: a JSON object
    _, mapping = mapping_of(client, index)
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


@pytest.fixture
def index(opensearch: str, index_name: str) -> str:
    create_index(connect(opensearch), index_name, word_contract(), IndexOptions(refresh_interval="7s"))
    return index_name


@pytest.mark.parametrize(
    "failure", [UnreachableError("the run's own reason"), KeyboardInterrupt()], ids=["lost", "stopped"]
)
def test_a_load_that_fails_and_cannot_put_settings_back_tells_both_and_waits_no_longer(
    opensearch: str, index: str, failure: BaseException
) -> None:
    client = connect(opensearch)
    before = settings_of(client, index)
    began = time.monotonic()
    with running(FaultyProxy(opensearch)) as proxy:
        there, patience = connect(proxy.url), Patience(first_wait=0.01, longest_wait=0.02, outage=60.0)
        with pytest.raises(type(failure)) as told, loading(there, index, LoadSettings.FAST, patience):
            proxy.locked = 503
            raise failure
    assert told.value is failure
    (note,) = failure.__notes__
    assert note.startswith(f"Besides, the settings of '{index}' may still be those of the load (the cluster at ")
    assert note.endswith(f"the next ingest puts them back, or `csplade ingest --restore --index {index}`")
    assert time.monotonic() - began < 30
    assert settings_of(client, index) == before | FAST
    assert restore(client, index)
    assert settings_of(client, index) == before


REQUESTS = 14
"""Of a load that nobody disturbs, but for its documents."""


class Watched:
    """A client of whose requests one waits until something else has happened."""

    def __init__(self, url: str, number: int, meanwhile: Callable[[], object]) -> None:
        self.client = connect(url)
        self.asked = 0
        self._number, self._meanwhile = number, meanwhile
        self._send = self.client.transport.perform_request
        self.client.transport.perform_request = self._ask  # type: ignore[method-assign]

    def _ask(self, *args: object, **more: object) -> object:
        self.asked += 1
        if self.asked == self._number + 1:
            self._meanwhile()
        return self._send(*args, **more)  # type: ignore[arg-type]


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let nobody wait before the mapping is read again: what others do meanwhile is done by the tests."""
    monkeypatch.setattr("csplade.integration.index_mapping._SECONDS", (0.0, 0.0))
    yield


def test_a_load_asks_no_more_than_the_tests_below_disturb(opensearch: str, index: str) -> None:
    load = Watched(opensearch, REQUESTS, lambda: None)
    with loading(load.client, index, LoadSettings.FAST):
        pass
    assert load.asked == REQUESTS


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("first_out", [True, False], ids=["first-in-first-out", "last-in-first-out"])
@pytest.mark.parametrize("number", range(REQUESTS))
def test_of_two_loads_that_begin_at_once_the_settings_before_both_come_back(
    opensearch: str, index: str, number: int, first_out: bool
) -> None:
    """The second begins within the first, before each of its requests in turn."""
    client = connect(opensearch)
    before = settings_of(client, index)
    with ExitStack() as one, ExitStack() as other:
        second = loading(client, index, LoadSettings.SAFE)
        first = Watched(opensearch, number, lambda: other.enter_context(second))
        one.enter_context(loading(first.client, index, LoadSettings.FAST))
        for ending in (one, other) if first_out else (other, one):
            ending.close()
        assert first.asked > number, "the second load did not begin"
    assert settings_of(client, index) == before
    assert RECORD_KEY not in meta_of(client, index)


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("number", range(REQUESTS))
def test_a_load_whose_record_is_taken_by_a_restore_puts_the_settings_back_all_the_same(
    opensearch: str, index: str, number: int
) -> None:
    client = connect(opensearch)
    before = settings_of(client, index)
    load = Watched(opensearch, number, lambda: restore(client, index))
    with loading(load.client, index, LoadSettings.FAST):
        pass
    assert settings_of(client, index) == before
    assert RECORD_KEY not in meta_of(client, index)
