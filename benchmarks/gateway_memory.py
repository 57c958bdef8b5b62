"""The memory of a gateway's processes: over many searches, and with several workers beside one."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPConnection
from itertools import cycle, islice
from pathlib import Path
from urllib.parse import urlsplit

import orjson
from csplade.commands.output import notice, print_table
from csplade.pipelines.errors import UsageError
from csplade.tests.gateway_process import Gateway, ask, serving
from csplade.tests.gateway_searches import request

# Connections go to any worker; with so many of them each worker gets some.
_SEARCHES_EACH = 30
_CLIENTS = 16


@dataclass(frozen=True)
class Memory:
    """Of a process and all below it, in MB."""

    resident: float
    """Counted again in each process that shares it."""
    proportional: float
    """Counted once, whoever shares it."""


def memory_of(process: int) -> Memory:
    """Return what Linux says."""
    lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()[1:]
    sizes = {name: int(size.split()[0]) / 1024 for name, _, size in (line.partition(":") for line in lines)}
    below = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    others = [memory_of(int(each)) for each in below]
    return Memory(
        sizes["Rss"] + sum(each.resident for each in others),
        sizes["Pss"] + sum(each.proportional for each in others),
    )


def remember(gateway: Gateway, path: str, texts: Sequence[str], requests: int) -> None:
    """Print the gateway's memory after each tenth of many searches, no two of which have the same text.

    So what it remembers of texts fills up, and forgets as much as it learns from then on.
    """
    rows: list[Sequence[object]] = [("0", f"{memory_of(gateway.process.pid).proportional:.1f}")]
    for tenth in range(1, 11):
        share = requests // 10
        _search(gateway, path, [f"{text} {tenth} {number}" for number, text in enumerate(islice(cycle(texts), share))])
        rows.append((f"{tenth * (requests // 10)}", f"{memory_of(gateway.process.pid).proportional:.1f}"))
        notice(f"{rows[-1][0]} searches: {rows[-1][1]} MB")
    print_table("memory of the gateway's processes", ("searches so far", "MB"), rows)


def _search(gateway: Gateway, path: str, texts: Sequence[str]) -> None:
    """Search for all of them, several clients at once, each on a connection of its own."""

    def ask_share(place: int) -> None:
        connection = HTTPConnection(urlsplit(gateway.url).netloc)
        for text in texts[place::_CLIENTS]:
            body = orjson.dumps({"query": {"match": {"text": text}}, "_source": False})
            connection.request("POST", path, body, {"content-type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            if answer.getheader("x-csplade") != "rewritten":
                said = answer.getheader("x-csplade")
                raise UsageError(f"{gateway.url} answered {answer.status} ({said}), not a rewritten search")
        connection.close()

    with ThreadPoolExecutor(_CLIENTS) as clients:
        list(clients.map(ask_share, range(_CLIENTS)))


def compare_workers(url: str, path: str, config: Path, counts: Sequence[int]) -> None:
    """Print the memory of gateways with so many workers, each of which has encoded some queries."""
    rows = []
    for count in counts:
        with serving(url, "--no-log", "--config", str(config), "--workers", str(count)) as gateway:
            for number in range(_SEARCHES_EACH * count):
                body = orjson.dumps({"query": {"match": {"text": f"sort list number {number}"}}, "size": 1})
                answer = ask(gateway.port, request("POST", path, body, {"connection": "close"}))
                assert answer.header("x-csplade") == "rewritten", answer
            found = memory_of(gateway.process.pid)
            rows.append((f"{count}", f"{found.resident:.0f}", f"{found.proportional:.0f}"))
    print_table("memory by workers", ("workers", "RSS of all MB", "PSS of all MB"), rows)
