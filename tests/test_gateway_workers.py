"""Two gateways behind each other, the inner one with TLS and two workers, in front of a real cluster."""

import os
import re
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from csplade.integration.access import Access
from csplade.integration.client import connect
from csplade.tests.gateway_process import Gateway, ask, serving
from csplade.tests.gateway_workers import WORKERS, workers
from csplade.tests.raw_upstream import raw_upstream
from csplade.tests.tls_files import TlsFiles, make_tls_files, needs_openssl
from csplade.tests.waiting import wait_until
from opensearchpy import OpenSearch

pytestmark = [pytest.mark.cluster, needs_openssl]


@dataclass
class Chain:
    inner: Gateway
    outer: Gateway
    files: TlsFiles

    def client(self) -> OpenSearch:
        """Return a client that talks to the inner gateway, which speaks TLS."""
        return connect(f"https://127.0.0.1:{self.inner.port}", Access(ca_certs=self.files.authority))

    def workers(self) -> set[int]:
        return workers(self.inner)


@pytest.fixture(scope="module")
def chain(opensearch: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    files = make_tls_files(tmp_path_factory.mktemp("tls"))
    tls = (*WORKERS, "--tls-cert", str(files.server), "--tls-key", str(files.server_key), "--log-queries")
    with serving(opensearch, *tls) as inner:
        url = f"https://127.0.0.1:{inner.port}"
        with serving(url, "--ca-certs", str(files.authority)) as outer:
            yield Chain(inner, outer, files)


def test_a_stock_client_notices_nothing(chain: Chain, index_name: str) -> None:
    for client in (chain.client(), OpenSearch(chain.outer.url)):
        client.indices.create(index=index_name, body={"settings": {"number_of_replicas": 0}})
        lines = [line for n in range(50) for line in ({"index": {"_id": n}}, {"text": f"loaf {n}", "n": n})]
        assert not client.bulk(body=lines, params={"refresh": "true"}, index=index_name)["errors"]
        found = client.search(index=index_name, body={"query": {"match": {"text": "17"}}})
        assert [hit["_id"] for hit in found["hits"]["hits"]] == ["17"]
        page = client.search(index=index_name, params={"scroll": "1m"}, body={"size": 30})
        assert len(client.scroll(body={"scroll_id": page["_scroll_id"], "scroll": "1m"})["hits"]["hits"]) == 20
        client.indices.delete(index=index_name)


def test_a_cluster_with_an_unknown_certificate_is_not_trusted(chain: Chain) -> None:
    with serving(f"https://127.0.0.1:{chain.inner.port}") as distrusting:
        answer = ask(distrusting.port, b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
    assert (answer.status, answer.refused) == (502, "unreachable")
    assert b"certificate" in answer.body


def test_in_the_clear_nothing_is_answered_where_tls_is_spoken(chain: Chain) -> None:
    assert ask(chain.inner.port, b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").status == 0


def test_the_log_names_requests_without_their_texts_unless_asked(chain: Chain) -> None:
    head = b"host: a\r\nx-opaque-id: asker-7\r\nauthorization: Basic c2VjcmV0OnNlY3JldA==\r\n\r\n"
    ask(chain.outer.port, b"GET /_search?q=secret%20text HTTP/1.1\r\n" + head)
    line = chain.outer.logged("asker-7")
    assert (line["method"], line["path"], line["status"]) == ("GET", "/_search", 200)
    assert b"secret" not in chain.outer.errors.read_bytes()
    assert chain.inner.logged("asker-7")["query"] == "q=secret%20text"
    assert b"c2VjcmV0" not in chain.inner.errors.read_bytes()


def metrics(chain: Chain) -> dict[str, float]:
    text = chain.client().transport.perform_request("GET", "/_csplade/metrics")
    return {name: float(value) for name, value in re.findall(r"^csplade_gateway_(\S+) (\S+)$", str(text), re.MULTILINE)}


def test_workers_count_together(chain: Chain) -> None:
    name = 'requests_total{status="2xx"}'
    before = metrics(chain)
    for _ in range(20):
        # Each on a connection of its own, so that both workers get some.
        chain.client().info()
    # Each is counted after its answer.
    wait_until(lambda: metrics(chain)[name] - before[name] >= 20)
    after = metrics(chain)
    assert after[name] - before[name] == 20
    assert after["seconds_count"] - before["seconds_count"] == 20
    assert after["workers"] == 2


def test_a_worker_that_is_killed_is_replaced(chain: Chain) -> None:
    before = chain.workers()
    killed = min(before)
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: len(chain.workers() - {killed}) >= 2)
    assert chain.client().ping()


def test_a_reload_loses_no_request(chain: Chain) -> None:
    before = chain.workers()
    failed: list[Exception] = []
    done = threading.Event()

    def go_on() -> None:
        while not done.is_set():
            try:
                chain.client().info()
            except Exception as error:
                failed.append(error)

    callers = [threading.Thread(target=go_on) for _ in range(3)]
    for caller in callers:
        caller.start()
    chain.inner.process.send_signal(signal.SIGHUP)
    wait_until(lambda: len(chain.workers()) >= 2 and not chain.workers() & before)
    done.set()
    for caller in callers:
        caller.join()
    assert failed == []


def test_a_request_under_way_is_answered_before_the_gateway_stops() -> None:
    with raw_upstream() as upstream, serving(upstream.url) as gateway:
        answers: list[int] = []
        raw = b"GET /slow HTTP/1.1\r\nhost: a\r\n\r\n"
        caller = threading.Thread(target=lambda: answers.append(ask(gateway.port, raw).status))
        caller.start()
        wait_until(lambda: upstream.seen)
        gateway.process.send_signal(signal.SIGTERM)
        caller.join()
        assert answers == [200]
        assert gateway.process.wait(30) == 0
