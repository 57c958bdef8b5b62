"""What the gateway costs: latency and searches per second beside the cluster itself and nginx as a plain proxy.

    python benchmarks/gateway.py [--url URL] [--requests 2000] [--rounds 3] [--rate 150]
                                 [--documents 160] [--memory 100000] [--workers 1 4]

Needs `hey` and `nginx` (Debian's packages of these names). All systems take turns in each round of one run, so that
ratios mean something on a machine that others use too; times are those that `hey` writes down of each request, pooled
over the rounds. `hey` starts all clients of a rate at once, so that they ask in bursts. `--memory N` sends N searches
through the rewriting gateway instead, and shows its memory meanwhile; `--workers 1 4` shows that of several workers.
"""

import argparse
import csv
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from socket import create_server
from uuid import uuid4

import numpy as np
import orjson
from csplade.benchmarks.gateway_memory import compare_workers, remember
from csplade.commands.options import SHIPPED_ENCODER
from csplade.commands.output import notice, print_table
from csplade.integration.client import connect
from csplade.integration.documents import Document
from csplade.integration.index import create_index
from csplade.integration.ingest import IngestOptions, ingest
from csplade.integration.node import NodeOptions
from csplade.integration.templates import IndexOptions
from csplade.pipelines.encode import Encoder
from csplade.pipelines.errors import UsageError
from csplade.pipelines.standard_library import read_standard_library
from csplade.tests.gateway_process import serving
from csplade.tests.local_node import running

_TEXT = "remove duplicates but keep the order"
_MANY = 50
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


@dataclass
class Measured:
    """What `hey` wrote down, over all rounds."""

    times: list[float] = field(default_factory=list)
    """In milliseconds."""
    seconds: float = 0.0

    def at(self, percent: float) -> float:
        """Return a percentile of the times."""
        return float(np.percentile(self.times, percent))

    @property
    def per_second(self) -> float:
        """Return the searches answered per second."""
        return len(self.times) / self.seconds


@dataclass(frozen=True)
class Load:
    """How searches are sent."""

    name: str
    clients: int
    rate: float = 0.0
    """Searches per second of all clients together; 0: each asks again as soon as it is answered."""

    def run(self, url: str, body: Path, requests: int, into: Measured) -> None:
        """Send searches, and add what became of them.

        Raises:
            UsageError: an answer was not as it should be.
        """
        paced = ["-q", str(self.rate / self.clients)] if self.rate else []
        count = max(1, requests // self.clients) * self.clients
        command = ["hey", "-n", str(count), "-c", str(self.clients), *paced, "-o", "csv", "-t", "0"]
        command += ["-m", "POST", "-T", "application/json", "-D", str(body), url]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        rows = list(csv.DictReader(done.stdout.splitlines()))
        wrong = sorted({row["status-code"] for row in rows} - {"200"})
        if wrong or len(rows) != count:
            raise UsageError(f"{url} answered {len(rows)} of {count} searches, some with {wrong}: look at its log")
        times = [float(row["response-time"]) for row in rows]
        into.times += [1000 * each for each in times]
        into.seconds += max(float(row["offset"]) + each for row, each in zip(rows, times, strict=True))


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


def compare(systems: Mapping[str, str], path: str, body: Path, arguments: argparse.Namespace) -> None:
    """Print a table for each load."""
    loads = (
        Load("one client", 1),
        Load(f"bursts of {_MANY} clients", _MANY, arguments.rate),
        Load(f"{_MANY} clients", _MANY),
    )
    for load in loads:
        found = {name: Measured() for name in systems}
        for url in systems.values():
            load.run(url + path, body, load.clients * 4, Measured())
        for number in range(arguments.rounds):
            notice(f"{load.name}: round {number + 1} of {arguments.rounds}")
            # Each system comes first in some round.
            order = [*systems][number % len(systems) :] + [*systems][: number % len(systems)]
            for name in order:
                load.run(systems[name] + path, body, arguments.requests // arguments.rounds, found[name])
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


def main() -> None:
    """Measure, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", help="an empty cluster without security; default: a node is started")
    parser.add_argument("--requests", type=int, default=2000, help="searches of each system, in all rounds together")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rate", type=float, default=150.0, help="searches per second of the bursts")
    parser.add_argument("--documents", type=int, default=160, help="in the index")
    parser.add_argument("--memory", type=int, default=0, help="searches of the memory's measurement")
    parser.add_argument("--workers", type=int, nargs="+", help="show the memory of so many workers, as in 1 4")
    arguments = parser.parse_args()
    missing = [tool for tool in ("hey", "nginx") if shutil.which(tool) is None]
    if missing and not arguments.workers:
        parser.error(f"{' and '.join(missing)} not found: apt-get install {' '.join(missing)}")
    with ExitStack() as stack:
        url = arguments.url or stack.enter_context(running(NodeOptions(port=0, heap_mb=512))).url
        index = stack.enter_context(filled(url, arguments.documents))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        body, config = folder / "body.json", folder / "rewrite.json"
        body.write_bytes(orjson.dumps({"query": {"match": {"text": _TEXT}}, "_source": False}))
        weights = [{"field": "csplade_terms", "covers": ["title", "text"]}]
        rules = {"index": [{"pattern": index, "weights": weights}], "gateway": {"deadline_ms": 10_000}}
        config.write_bytes(orjson.dumps(rules))
        if arguments.workers:
            compare_workers(url, f"/{index}/_search", config, arguments.workers)
            return
        rewriting = stack.enter_context(serving(url, "--no-log", "--config", str(config)))
        if arguments.memory:
            address, load = f"{rewriting.url}/{index}/_search", Load("memory", 16)
            remember(rewriting, lambda count: load.run(address, body, count, Measured()), arguments.memory)
            return
        systems = {
            "direct": url,
            "nginx": stack.enter_context(nginx(url)),
            "gateway": stack.enter_context(serving(url, "--no-log")).url,
            "rewriting, vector remembered": rewriting.url,
        }
        compare(systems, f"/{index}/_search", body, arguments)


if __name__ == "__main__":
    main()
