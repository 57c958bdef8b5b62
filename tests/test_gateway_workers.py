"""Two gateways behind each other, the inner one with TLS and two workers, in front of a real cluster."""

import os
import re
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import orjson
import pytest
from csplade.integration.access import Access
from csplade.integration.client import connect
from csplade.tests.gateway_process import Gateway, ask, serving
from csplade.tests.gateway_searches import request, rules
from csplade.tests.gateway_words import rewriting
from csplade.tests.raw_upstream import raw_upstream
from csplade.tests.rewrite_index import fill_index
from csplade.tests.tls_files import TlsFiles, make_tls_files, needs_openssl
from csplade.tests.waiting import wait_until
from opensearchpy import OpenSearch

pytestmark = [pytest.mark.cluster, needs_openssl]

WORKERS = ("--workers", "2")


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


def workers(gateway: Gateway) -> set[int]:
    """Return the workers that are processes of their own."""
    return {pid for pid, name in children(gateway).items() if b"spawn_main" in name}


def forked(gateway: Gateway) -> set[int]:
    """Return the workers that are copies of their parent, which holds the encoder."""
    same = Path(f"/proc/{gateway.process.pid}/cmdline").read_bytes()
    return {pid for pid, name in children(gateway).items() if name == same}


def children(gateway: Gateway) -> dict[int, bytes]:
    """Return the processes that it has started, each with its command line."""
    found = {}
    for pid in Path(f"/proc/{gateway.process.pid}/task/{gateway.process.pid}/children").read_text().split():
        # It may end meanwhile.
        with suppress(FileNotFoundError, ProcessLookupError):
            found[int(pid)] = Path(f"/proc/{pid}/cmdline").read_bytes()
    return found


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


STILL = (*WORKERS, "--worker-timeout", "3")


def stopped(gateway: Gateway, count: int) -> set[int]:
    """Stop some workers, as a debugger or a driver does that never comes back."""
    chosen = set(sorted(workers(gateway))[:count])
    for pid in chosen:
        os.kill(pid, signal.SIGSTOP)
    return chosen


def answering(gateway: Gateway) -> None:
    """Wait until all workers answer, and none is there that does not; on a busy machine one may be replaced again."""
    wait_until(lambda: gateway.counts()["workers"] == len(workers(gateway)) == 2)


def test_a_worker_that_stands_still_is_replaced() -> None:
    with raw_upstream() as upstream, serving(upstream.url, *STILL) as gateway:
        answering(gateway)
        (still,) = stopped(gateway, 1)
        wait_until(lambda: still not in workers(gateway))
        answering(gateway)
        assert still not in workers(gateway)
        assert f"the worker {still} stands still".encode() in gateway.errors.read_bytes()


def test_a_gateway_whose_workers_stand_still_can_be_renewed_and_stopped() -> None:
    with raw_upstream() as upstream, serving(upstream.url, *STILL) as gateway:
        answering(gateway)
        still = stopped(gateway, 2)
        gateway.process.send_signal(signal.SIGHUP)
        wait_until(lambda: not still & workers(gateway))
        answering(gateway)
        stopped(gateway, 2)
        gateway.process.send_signal(signal.SIGTERM)
        assert gateway.process.wait(60) == 0


# For so few open files that none can be opened, whoever runs it.
NO_FILES = 3


def limit(gateway: Gateway, files: int) -> int:
    """Let the parent open no more files, and return what the limit was; those that are open stay."""
    before, hard = resource.prlimit(gateway.process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(gateway.process.pid, resource.RLIMIT_NOFILE, (files, hard))
    return before


def test_a_gateway_that_can_start_no_worker_goes_on_and_can_be_stopped() -> None:
    with raw_upstream() as upstream, serving(upstream.url, *WORKERS) as gateway:
        answering(gateway)
        killed, kept = workers(gateway)
        usual = limit(gateway, NO_FILES)
        os.kill(killed, signal.SIGKILL)
        wait_until(lambda: b"no worker can be started" in gateway.errors.read_bytes())
        gateway.process.send_signal(signal.SIGHUP)
        wait_until(lambda: b"the old ones go on" in gateway.errors.read_bytes())
        assert workers(gateway) - {killed} == {kept}
        assert ask(gateway.port, b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").status == 200
        limit(gateway, usual)
        answering(gateway)
        assert kept in workers(gateway)
        assert gateway.errors.read_bytes().count(b"no worker can be started") == 1

        limit(gateway, NO_FILES)
        os.kill(kept, signal.SIGKILL)
        wait_until(lambda: gateway.errors.read_bytes().count(b"no worker can be started") >= 2)
        gateway.process.send_signal(signal.SIGTERM)
        # Its folder is deleted at the end.
        limit(gateway, usual)
        assert gateway.process.wait(60) == 0


SECOND_FAILS = """
from multiprocessing.popen_spawn_posix import Popen
launch, launched = Popen._launch, []

def launch_one(self, process):
    if launched:
        raise BlockingIOError("no room for another process")
    launched.append(process)
    launch(self, process)

Popen._launch = launch_one
from csplade.cli import main
main()
"""


def test_a_gateway_whose_second_worker_cannot_be_started_ends_with_the_first() -> None:
    with raw_upstream() as upstream:
        asked = ["serve", "--url", upstream.url, "--port", "0", *WORKERS]
        done = subprocess.run([sys.executable, "-c", SECOND_FAILS, *asked], capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    told = done.stderr.splitlines()
    assert any(line.startswith("no worker can be started (no room for another process)") for line in told)
    assert told[-1] == "Error: the gateway's workers could not start: what they say is above"


def test_workers_that_share_an_encoder_are_replaced_and_renewed(opensearch: str, index_name: str) -> None:
    fill_index(connect(opensearch), index_name, 5)
    raw = request("POST", f"/{index_name}/_search", {"query": {"match": {"text": "bread"}}}, {"connection": "close"})
    with rewriting(opensearch, {"index": [rules(index_name)], "gateway": {"deadline_ms": 60_000}}, *WORKERS) as gateway:

        def answered(before: set[int]) -> set[int]:
            """Wait until others are at work and these are not, and see that each rewrites."""
            wait_until(lambda: len(forked(gateway)) >= 2 and not forked(gateway) & before)
            assert {ask(gateway.port, raw).header("x-csplade") for _ in range(12)} == {"rewritten"}
            return forked(gateway)

        before = answered(set())
        os.kill(min(before), signal.SIGKILL)
        before = answered({min(before)})
        gateway.process.send_signal(signal.SIGHUP)
        answered(before)


def test_rules_are_read_anew_and_stay_if_they_cannot_be_read(opensearch: str, index_name: str, tmp_path: Path) -> None:
    fill_index(connect(opensearch), index_name, 5)
    raw = request("POST", f"/{index_name}/_search", {"query": {"match": {"text": "bread"}}}, {"connection": "close"})
    config = tmp_path / "rewrite.json"

    def renewed(gateway: Gateway, written: bytes, said: str) -> None:
        """Write other rules, and wait until the workers that have read them answer."""
        before = forked(gateway)
        config.write_bytes(written)
        gateway.process.send_signal(signal.SIGHUP)
        wait_until(lambda: forked(gateway) and not forked(gateway) & before)
        assert ask(gateway.port, raw).header("x-csplade") == said

    def of(pattern: str) -> bytes:
        return orjson.dumps({"index": [rules(pattern)], "gateway": {"deadline_ms": 60_000}})

    config.write_bytes(of("other"))
    with serving(opensearch, "--config", str(config), module="csplade.tests.gateway_words") as gateway:
        assert ask(gateway.port, raw).header("x-csplade") == "passed; no_rules"
        renewed(gateway, of(index_name), "rewritten")
        assert b"the workers are renewed: 1 started" in gateway.errors.read_bytes()
        renewed(gateway, b"no rules", "rewritten")
        assert b"the rules stay as they were" in gateway.errors.read_bytes()
