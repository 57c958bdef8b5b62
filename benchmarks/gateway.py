"""What the gateway costs: latency and searches per second beside the cluster itself and nginx as a plain proxy.

    python benchmarks/gateway.py [--url URL] [--requests 3000] [--rounds 3] [--rate 150 400] [--gateway-workers 1]
                                 [--documents 160] [--loads one paced many new] [--memory 100000] [--workers 1 4]

Needs `hey` and `nginx` (Debian's packages of these names). All systems take turns in each round of one run, so that
ratios mean something on a machine that others use too; times are those that `hey` writes down of each request, pooled
over the rounds. `--rate`: fifty clients ask so many searches per second in all, each at its own moments; without a
rate each asks again at once, so that the two cores that all programs share have no time left. `--memory N` sends N
searches, each with another text, through the rewriting gateway instead, and shows its memory meanwhile; `--workers 1 4`
shows that of several.
"""

import argparse
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from socket import create_server
from uuid import uuid4

import orjson
from csplade.benchmarks.gateway_encoding import compare_new_texts
from csplade.benchmarks.gateway_load import Load, Measured
from csplade.benchmarks.gateway_memory import compare_workers, remember
from csplade.commands.options import SHIPPED_ENCODER
from csplade.commands.output import notice, print_table
from csplade.integration.client import connect
from csplade.integration.detect import read_dialect
from csplade.integration.documents import Document
from csplade.integration.gateway_params import Params
from csplade.integration.gateway_rules import load_rules
from csplade.integration.gateway_searches import Asked, Sent, rewritten_search
from csplade.integration.gateway_targets import Kind
from csplade.integration.gateway_vectors import TimedEncode
from csplade.integration.index import create_index
from csplade.integration.ingest import IngestOptions, ingest
from csplade.integration.node import NodeOptions
from csplade.integration.templates import IndexOptions
from csplade.pipelines.encode import Encoder
from csplade.pipelines.standard_library import read_standard_library
from csplade.tests.gateway_process import serving
from csplade.tests.local_node import running

_TEXT = "remove duplicates but keep the order"
_MANY = 50
_NEW_TEXTS = 300
_WARM = 200
_LOADS = ["one", "paced", "many", "new"]
_NGINX = """\
daemon off; pid {folder}/pid; error_log {folder}/errors; worker_processes 1;
events {{ worker_connections 1024; }}
http {{
  access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  upstream cluster {{ server {upstream}; keepalive 64; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{ proxy_pass http://cluster; proxy_http_version 1.1; proxy_set_header Connection ""; }}
  }}
}}
"""


@contextmanager
def nginx(upstream: str) -> Iterator[str]:
    """Run nginx as a plain proxy with one worker, and give its URL."""
    with create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "nginx.conf"
        config.write_text(_NGINX.format(folder=folder, upstream=upstream.removeprefix("http://"), port=port))
        process = subprocess.Popen(["nginx", "-e", f"{folder}/errors", "-c", str(config)])
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(30)


@contextmanager
def filled(url: str, count: int) -> Iterator[str]:
    """Give the name of an index with documentation strings and their weights; afterwards it is deleted."""
    name, client, encoder = f"benchmark-{uuid4().hex}", connect(url), Encoder.open(SHIPPED_ENCODER)
    entries = list(read_standard_library())
    chosen = entries[:: max(1, len(entries) // count)][:count]
    documents = [Document(entry.id, entry.searchable, entry.title) for entry in chosen]
    create_index(client, name, encoder.contract, IndexOptions("english"))
    try:
        with tempfile.TemporaryDirectory() as folder:
            ingest(client, encoder, documents, IngestOptions(name, Path(folder) / "failed.jsonl"))
        yield name
    finally:
        client.indices.delete(index=name)


@contextmanager
def stored_template(url: str, name: str) -> Iterator[dict[str, object]]:
    """Give the body of a search by a stored template of this name; afterwards it is deleted."""
    client = connect(url)
    source = {"query": {"match": {"text": "{{text}}"}}, "_source": False}
    client.put_script(id=name, body={"script": {"lang": "mustache", "source": orjson.dumps(source).decode()}})
    try:
        yield {"id": name, "params": {"text": _TEXT}}
    finally:
        client.delete_script(id=name)


def new_texts(count: int) -> Sequence[str]:
    """Return texts as people ask them, each once: first lines of documentation that no other has."""
    lines = dict.fromkeys(entry.searchable.partition("\n")[0][:60] for entry in read_standard_library())
    return [line for line in lines if len(line.split()) > 3][:count]


def rewritten(url: str, config: Path, index: str, body: bytes) -> bytes:
    """Return the search that the gateway sends in the place of another one."""
    rules = load_rules(config).towards(read_dialect(connect(url))).for_index(index)
    encoder = Encoder.open(SHIPPED_ENCODER)
    assert rules is not None
    timed = TimedEncode(lambda text: next(iter(encoder.queries([text]))))
    done = rewritten_search(Asked(Kind.SEARCH, Params(()), body), rules, timed)
    assert isinstance(done, Sent)
    return done.body


def compare(systems: Mapping[str, tuple[str, Path]], arguments: argparse.Namespace) -> None:
    """Print a table for each load; of each system there are the address of its searches, and their body."""
    kinds = {
        "one": [Load("one client", 1)],
        "paced": [Load(f"{_MANY} clients, {rate:g}/s in all", _MANY, rate) for rate in arguments.rate],
        "many": [Load(f"{_MANY} clients, each again at once", _MANY)],
    }
    for load in (load for kind in arguments.loads for load in kinds.get(kind, ())):
        found = {name: Measured() for name in systems}
        for url, body in systems.values():
            load.run(url, body, _WARM, Measured())
        for number in range(arguments.rounds):
            notice(f"{load.name}: round {number + 1} of {arguments.rounds}")
            # Each system comes first in some round.
            order = [*systems][number % len(systems) :] + [*systems][: number % len(systems)]
            for name in order:
                url, body = systems[name]
                load.run(url, body, arguments.requests // arguments.rounds, found[name])
        shown(load, found)


def shown(load: Load, found: Mapping[str, Measured]) -> None:
    """Print one table; overheads are differences to the cluster itself."""
    direct, proxied = found["direct"], found["nginx"]
    rows = [
        (
            name,
            f"{one.per_second:.0f}",
            *(f"{one.at(percent):.2f}" for percent in (50, 99)),
            *(f"{one.at(percent) - direct.at(percent):+.2f}" for percent in (50, 99)),
            f"{one.at(50) / direct.at(50):.2f}",
            f"{one.at(50) / proxied.at(50):.2f}",
        )
        for name, one in found.items()
    ]
    columns = ("system", "searches/s", "p50 ms", "p99 ms", "p50 more", "p99 more", "p50 / direct", "p50 / nginx")
    print_table(f"{load.name}, {len(direct.times)} searches each", columns, rows)


def parsed() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", help="an empty cluster without security; default: a node is started")
    parser.add_argument("--requests", type=int, default=3000, help="searches of each system, in all rounds together")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rate", type=float, nargs="+", default=[150.0, 400.0], help="searches per second when paced")
    parser.add_argument("--loads", nargs="+", choices=_LOADS, default=_LOADS)
    parser.add_argument("--documents", type=int, default=160, help="in the index")
    parser.add_argument("--gateway-workers", type=int, default=1, help="of each gateway")
    parser.add_argument("--memory", type=int, default=0, help="searches of the memory's measurement")
    parser.add_argument("--workers", type=int, nargs="+", help="show the memory of so many workers, as in 1 4")
    arguments = parser.parse_args()
    missing = [tool for tool in ("hey", "nginx") if shutil.which(tool) is None]
    if missing and not arguments.workers:
        parser.error(f"{' and '.join(missing)} not found: apt-get install {' '.join(missing)}")
    return arguments


def main() -> None:
    """Measure, and print the tables."""
    arguments = parsed()
    with ExitStack() as stack:
        url = arguments.url or stack.enter_context(running(NodeOptions(port=0, heap_mb=512))).url
        index = stack.enter_context(filled(url, arguments.documents))
        path, folder = f"/{index}/_search", Path(stack.enter_context(tempfile.TemporaryDirectory()))
        body, config = folder / "body.json", folder / "rewrite.json"
        body.write_bytes(orjson.dumps({"query": {"match": {"text": _TEXT}}, "_source": False}))
        weights = [{"field": "csplade_terms", "covers": ["title", "text"]}]
        rules = {"index": [{"pattern": index, "weights": weights}], "gateway": {"deadline_ms": 10_000}}
        config.write_bytes(orjson.dumps(rules))
        if arguments.workers:
            compare_workers(url, path, config, arguments.workers)
            return
        options = ("--no-log", "--workers", str(arguments.gateway_workers))
        rewriting = stack.enter_context(serving(url, *options, "--config", str(config)))
        if arguments.memory:
            remember(rewriting, path, new_texts(_NEW_TEXTS), arguments.memory)
            return
        plain = stack.enter_context(serving(url, *options)).url
        systems = {"direct": url, "nginx": stack.enter_context(nginx(url)), "gateway": plain}
        other = folder / "rewritten.json"
        other.write_bytes(rewritten(url, config, index, body.read_bytes()))
        template = folder / "template.json"
        template.write_bytes(orjson.dumps(stack.enter_context(stored_template(url, index))))
        asked = {name: (each + path, body) for name, each in systems.items()} | {
            "rewriting, vector remembered": (rewriting.url + path, body),
            "direct, the rewritten search": (url + path, other),
            "direct, stored template": (f"{url}{path}/template", template),
            "rewriting, stored template": (f"{rewriting.url}{path}/template", template),
        }
        compare(asked, arguments)
        if "new" in arguments.loads:
            compare_new_texts({**systems, "rewriting": rewriting.url}, rewriting, path, new_texts(_NEW_TEXTS))


if __name__ == "__main__":
    main()
