"""A server in the cluster's place whose answers a test writes: where a real one cannot be made to give them.

It knows one index, `articles`, and its mapping; what else it is asked, the test answers.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import orjson
from csplade.integration.templates import META_KEY
from csplade.tests.gateway_process import Answer, Gateway, ask
from csplade.tests.gateway_searches import Json, request, rules
from csplade.tests.gateway_words import rewriting
from csplade.tests.rewrite_index import mapping
from csplade.tests.word_encoder import word_contract

INDEX = "articles"
WELL = {"total": 1, "successful": 1, "skipped": 0, "failed": 0}
"""What a cluster says of shards that all answer."""


@dataclass(frozen=True)
class Asked:
    """What arrived."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def by_weights(self) -> bool:
        """Whether a search, or one of several, is by term weights."""
        return b"rank_feature" in self.body


@dataclass(frozen=True)
class Said:
    """What is answered; a body that is no bytes is written as JSON."""

    body: object = field(default_factory=dict)
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    seconds: float = 0.0
    """Before it is."""

    def written(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else orjson.dumps(self.body)


Script = Callable[[Asked], Said | None]
"""None: it is answered as a cluster would whose only index is `articles`."""


def found(*ids: str, **more: object) -> Json:
    """Return an answer to a search, with its parts in the order in which clusters write them."""
    hits = {"total": {"value": len(ids), "relation": "eq"}, "hits": [{"_id": each, "_score": 1.0} for each in ids]}
    return {**more, "took": 1, "timed_out": False, "_shards": WELL, "hits": hits}


def _usual(asked: Asked) -> Said:
    if "/_resolve/index/" in asked.target:
        return Said({"indices": [{"name": INDEX}], "aliases": [], "data_streams": []})
    if "/_mapping" in asked.target:
        ours = {META_KEY: {"fingerprint": word_contract().fingerprint}}
        return Said({INDEX: {"mappings": {**mapping(), "_meta": ours}}})
    return Said(found("weights" if asked.by_weights else "bm25"))


class ScriptedCluster(ThreadingHTTPServer):
    """Answers by its script, and keeps what it was asked."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, script: Script) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.script = script
        self.asked: list[Asked] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def of(self, part: str) -> list[Asked]:
        """Return what was asked of targets with this part."""
        return [each for each in self.asked if part in each.target]


class _Handler(BaseHTTPRequestHandler):
    server: ScriptedCluster
    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        asked = Asked(self.command, self.path, headers, body)
        self.server.asked.append(asked)
        said = self.server.script(asked) or _usual(asked)
        time.sleep(said.seconds)
        written = said.written()
        self.send_response(said.status)
        for name, value in (("content-type", "application/json"), *said.headers):
            self.send_header(name, value)
        self.send_header("content-length", str(len(written)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(written)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _answer

    def log_message(self, format: str, *args: object) -> None:
        """Stay quiet."""


@dataclass
class Play:
    """A scripted cluster, and the gateway in front of it, which rewrites searches of `articles`."""

    cluster: ScriptedCluster
    gateway: Gateway

    def under(self, script: Script) -> "Play":
        """Let the cluster answer by this script from now on; the gateway may remember what it has looked up."""
        self.cluster.script = script
        self.cluster.asked.clear()
        return self

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> Answer:
        return ask(self.gateway.port, request(method, path, body, headers), method)

    def search(self, text: str = "fresh bread", kind: str = "_search", **headers: str) -> Answer:
        return self.ask("POST", f"/{INDEX}/{kind}", match(text), **headers)


def match(text: str) -> Json:
    return {"query": {"match": {"text": text}}}


def lines(*values: object) -> bytes:
    """Return a body of lines, each of which is JSON."""
    return b"".join(orjson.dumps(value) + b"\n" for value in values)


def ids(answer: Answer) -> list[str]:
    """Return what an answer found."""
    return [hit["_id"] for hit in orjson.loads(answer.body)["hits"]["hits"]]


@contextmanager
def playing(
    script: Script = lambda _: None, options: Sequence[str] = (), hide_weights: bool = False, **gateway: object
) -> Iterator[Play]:
    """Run both; `gateway` is the configuration's table of that name."""
    cluster = ScriptedCluster(script)
    thread = Thread(target=cluster.serve_forever, args=(0.05,))
    thread.start()
    own = rules(f"{INDEX}*", mode="replace", hide_weights=hide_weights)
    config = {"index": [own], "gateway": {"deadline_ms": 60_000, "lookup_deadline_ms": 60_000, **gateway}}
    try:
        with rewriting(cluster.url, config, "--dialect", "opensearch", *options) as running:
            yield Play(cluster, running)
    finally:
        cluster.shutdown()
        thread.join()
        cluster.server_close()
