"""`csplade demo --open` as a process: its page and its gateway in front of the demo's index, until Ctrl-C."""

import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
from csplade.commands.demo_index import INDEX
from csplade.integration.field_map import OWN_INDEX
from csplade.integration.rewrite import rewrite
from csplade.integration.rewrite_policy import RewriteOptions
from csplade.tests.demo_cluster import without_demo_index
from csplade.tests.gateway_process import Answer, Gateway, ask, started
from csplade.tests.gateway_searches import Json, hits, request, verdict
from csplade.tests.waiting import wait_until
from csplade.tests.word_encoder import word_contract, word_vector
from opensearchpy import OpenSearch

pytestmark = pytest.mark.cluster

TEXT = "split a string into words"
BODY: Json = {"query": {"match": {"text": TEXT}}, "size": 10}
# The encoder that anyone can follow, and every tenth entry of the corpus.
PROGRAM = """
import sys
from types import ModuleType
import csplade.commands.serve
from csplade.cli import main
from csplade.pipelines import standard_library
from csplade.tests.gateway_words import open_words
from csplade.tests.word_encoder import WordEncoder

class Words(WordEncoder):
    @classmethod
    def open(cls, folder, options=None):
        return cls()

module = sys.modules["csplade.pipelines.encode"] = ModuleType("csplade.pipelines.encode")
module.Encoder = Words
csplade.commands.serve.open_encoder = open_words
part = standard_library.read_standard_library()[::10]
standard_library.read_standard_library = lambda: part
main()
"""
# Writes down what it is asked to show.
BROWSER = "import pathlib, sys; pathlib.Path(sys.argv[1]).write_text(sys.argv[2])"


@pytest.fixture
def client(opensearch: str) -> Iterator[OpenSearch]:
    with without_demo_index(opensearch) as client:
        yield client


@pytest.fixture
def opened(opensearch: str, client: OpenSearch, tmp_path: Path) -> Iterator[Gateway]:
    """Run the command; what it opens in a browser is written into `shown`."""
    (tmp_path / "encoder").mkdir()
    word_contract().write(tmp_path / "encoder")
    (tmp_path / "browser.py").write_text(BROWSER)
    environment = {
        "CSPLADE_ENCODER": str(tmp_path / "encoder"),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "BROWSER": f"{sys.executable} {tmp_path / 'browser.py'} {tmp_path / 'shown'} %s",
    }
    command = [sys.executable, "-c", PROGRAM, "demo", "--open", "--examples", "0", "--url", opensearch]
    with started(command, environment) as gateway:
        yield gateway


def get(gateway: Gateway, path: str) -> Answer:
    return ask(gateway.port, request("GET", path, None, {}))


def searched(gateway: Gateway) -> Answer:
    """Search through the page's gateway; a busy machine may have no vector in time, which is there the next time."""
    raw = request("POST", f"/{INDEX}/_search", BODY, {})
    deadline = time.monotonic() + 60
    while verdict(answer := ask(gateway.port, raw, "POST")) == "failed-open; encoder_slow":
        assert time.monotonic() < deadline
    return answer


def test_the_page_and_its_gateway_stand_before_the_demo_until_ctrl_c(
    opened: Gateway, client: OpenSearch, tmp_path: Path
) -> None:
    page = get(opened, "/_csplade/")
    assert (page.status, page.header("content-type")) == (200, "text/html; charset=utf-8")
    assert b"playground.js" in page.body
    assert get(opened, "/_csplade/playground.js").status == 200
    shown = tmp_path / "shown"
    # It is there before anything is written into it.
    wait_until(lambda: shown.exists() and shown.read_text())
    assert shown.read_text() == f"{opened.url}/_csplade/"
    assert f"Rankings are compared at {opened.url}/_csplade/" in opened.errors.read_text()

    answer = searched(opened)
    sent = rewrite(BODY, OWN_INDEX, word_vector, RewriteOptions())
    assert verdict(answer) == "rewritten"
    found = hits(answer)
    assert found == [(hit["_id"], hit["_score"]) for hit in asked(client, dict(sent.body))]
    before = asked(client, BODY)
    assert len(found) == len(before) == 10
    assert [name for name, _ in found] != [hit["_id"] for hit in before]

    raw = request("POST", f"/_csplade/compare/{INDEX}?modes=bm25,replace", BODY, {})
    told = orjson.loads(ask(opened.port, raw, "POST").body)
    assert [[hit["id"] for hit in ranking["hits"]] for ranking in told["rankings"]] == [
        [hit["_id"] for hit in before],
        [name for name, _ in found],
    ]

    press_ctrl_c(opened.process.pid)
    assert opened.process.wait(60) == 0
    assert "Traceback" not in opened.errors.read_text()
    with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", opened.port)):
        pass
    # What it showed is still there for the next time.
    assert client.indices.exists(index=INDEX)


def press_ctrl_c(pid: int) -> None:
    """Interrupt a program as a terminal does: it, and every process that it has started."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    assert children
    for number in (pid, *map(int, children)):
        os.kill(number, signal.SIGINT)


def asked(client: OpenSearch, body: Json) -> list[Json]:
    found: list[Json] = client.search(index=INDEX, body=body)["hits"]["hits"]
    return found
