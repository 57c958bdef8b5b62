"""What a search costs through a gateway that rewrites it when its text is a new one: encoding, and all else."""

import time
from collections.abc import Mapping, Sequence
from http.client import HTTPConnection
from urllib.parse import urlsplit

import numpy as np
import orjson
from csplade.commands.output import print_table
from csplade.pipelines.errors import UsageError
from csplade.tests.gateway_process import Gateway


def compare_new_texts(systems: Mapping[str, str], rewriting: Gateway, path: str, texts: Sequence[str]) -> None:
    """Print how long one client waits that asks each text once; systems take turns with each text.

    `rewriting` is the one of the systems that encodes.
    """
    connections = {name: HTTPConnection(urlsplit(url).netloc) for name, url in systems.items()}
    times: dict[str, list[float]] = {name: [] for name in systems}
    for connection in connections.values():
        _asked(connection, path, "warm")
    before = rewriting.counts()
    for text in texts:
        for name, connection in connections.items():
            times[name].append(_asked(connection, path, text))
    after = rewriting.counts()
    count, spent = (after[f"encoding_seconds_{part}"] - before[f"encoding_seconds_{part}"] for part in ("count", "sum"))
    if count != len(texts):
        raise UsageError(f"{count:.0f} of {len(texts)} texts were encoded: they are to be new ones")
    rows = [(name, *(f"{np.percentile(one, percent):.2f}" for percent in (50, 99))) for name, one in times.items()]
    rows.append(("of it encoding, on average", f"{1000 * spent / count:.2f}", ""))
    print_table(f"one client, {len(texts)} texts that are new", ("system", "p50 ms", "p99 ms"), rows)


def _asked(connection: HTTPConnection, path: str, text: str) -> float:
    """Ask, and return the milliseconds until the whole answer is there."""
    body = orjson.dumps({"query": {"match": {"text": text}}, "_source": False})
    began = time.perf_counter()
    connection.request("POST", path, body, {"content-type": "application/json"})
    answer = connection.getresponse()
    answer.read()
    if answer.status != 200:
        raise UsageError(f"{connection.host}:{connection.port} answered {answer.status}: look at its log")
    return 1000 * (time.perf_counter() - began)
