"""Requests are asked again while the cluster is busy, and only then, and only for as long as the patience lasts."""

import logging
import time

import pytest
from csplade.integration.client import address, connect
from csplade.integration.errors import RequestError, UnreachableError
from csplade.integration.index import create_index
from csplade.integration.patience import Patience, patient, patiently
from csplade.integration.templates import IndexOptions
from csplade.tests.faulty_proxy import DROP, HALF, SLOW, FaultyProxy, running
from csplade.tests.word_encoder import word_contract
from opensearchpy import OpenSearch

pytestmark = pytest.mark.cluster

QUICK = Patience(attempts=4, first_wait=0.01, longest_wait=0.02, outage=0.0)


@pytest.fixture
def index(opensearch: str, index_name: str) -> str:
    create_index(connect(opensearch), index_name, word_contract(), IndexOptions())
    return index_name


def test_waits_double_up_to_the_longest_and_half_of_them_is_chance() -> None:
    patience = Patience(first_wait=1.0, longest_wait=5.0)
    for attempt, longest in [(1, 1.0), (2, 2.0), (3, 4.0), (4, 5.0), (9, 5.0)]:
        waits = {patience.wait(attempt) for _ in range(50)}
        assert longest / 2 <= min(waits) < max(waits) <= longest


@pytest.mark.parametrize("fault", [429, 502, 503, 504, DROP, HALF])
def test_a_busy_cluster_is_asked_again_and_one_that_refuses_is_not(opensearch: str, index: str, fault: int) -> None:
    with running(FaultyProxy(opensearch)) as proxy:
        plain = connect(proxy.url)
        waiting = patient(plain, QUICK)
        assert address(waiting) == address(plain)
        proxy.troubles["_count"] = [fault] * 3
        assert waiting.count(index=index)["count"] == 0
        assert proxy.troubles["_count"] == []
        proxy.troubles["_count"] = [400, 429]
        with pytest.raises(RequestError, match="answered 400"):
            waiting.count(index=index)
        assert proxy.troubles["_count"] == [429]


def test_the_patience_ends(opensearch: str, index: str, caplog: pytest.LogCaptureFixture) -> None:
    with running(FaultyProxy(opensearch)) as proxy:
        proxy.troubles["_count"] = [503] * 5
        with caplog.at_level(logging.WARNING), pytest.raises(RequestError, match="answered 503"):
            patient(connect(proxy.url), QUICK).count(index=index)
        assert proxy.troubles["_count"] == [503]
    assert [record.message for record in caplog.records if "asked again, for 0 s" in record.message]


def test_beyond_the_attempts_an_outage_is_waited_for() -> None:
    began = time.monotonic()
    asked = 0

    def ask() -> None:
        nonlocal asked
        asked += 1
        raise UnreachableError("nobody is there")

    with pytest.raises(UnreachableError):
        patiently(ask, Patience(attempts=1, first_wait=0.01, longest_wait=0.02, outage=0.5))
    assert asked > 5
    assert 0.5 <= time.monotonic() - began < 5.0
    last = Patience(attempts=5, outage=60.0).last
    assert (last.attempts, last.outage) == (3, 0.0)


def test_a_request_keeps_its_own_time_when_it_is_asked_again(opensearch: str, index: str) -> None:
    waiting: OpenSearch
    with running(FaultyProxy(opensearch)) as proxy:
        proxy.troubles["_count"] = [503, SLOW, SLOW, SLOW]
        waiting = patient(connect(proxy.url), QUICK)
        with pytest.raises(UnreachableError, match="did not answer in time"):
            waiting.count(index=index, params={"request_timeout": 0.2})
        # A request that was given up still waits there.
        time.sleep(1.0)
