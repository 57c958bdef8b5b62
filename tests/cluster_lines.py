"""The lines of servers that csplade speaks to: one server a line for the whole run, the same tests against each.

An ordinary run takes the newest OpenSearch and the newest Elasticsearch; the tests against the other lines are left out
and counted at the end. `--every-line` runs them all, and nothing else.
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Protocol
from uuid import uuid4

import pytest
from csplade.integration.client import connect
from csplade.integration.detect import read_dialect
from csplade.integration.dialect import Dialect
from csplade.integration.node import NodeOptions
from csplade.integration.servers import (
    ELASTICSEARCH_7,
    ELASTICSEARCH_9,
    OPENSEARCH_2,
    OPENSEARCH_3,
    OPENSEARCH_NEURAL,
    Server,
)
from csplade.tests.local_node import running
from opensearchpy import OpenSearch

OPTION = "--every-line"
MARK = "cluster_line"

SERVERS = {
    "opensearch-3.8": OPENSEARCH_3,
    "elasticsearch-9.2": ELASTICSEARCH_9,
    "opensearch-2.19": OPENSEARCH_2,
    "elasticsearch-7.17": ELASTICSEARCH_7,
    "opensearch-3.6-neural": OPENSEARCH_NEURAL,
}
USUAL = ("opensearch-3.8", "elasticsearch-9.2")


@dataclass(frozen=True)
class ClusterLine:
    """A live server of one line, with the name of an index that is not there yet."""

    name: str
    url: str
    client: OpenSearch
    index: str
    dialect: Dialect

    @property
    def analyzer(self) -> str:
        """Return an analyzer that it has; the Elasticsearch archives hold no `english`."""
        return "english" if self.dialect.distribution == "opensearch" else "standard"

    @property
    def stems(self) -> bool:
        """Say whether that analyzer knows that breads are bread."""
        return self.analyzer == "english"


class Worker(Protocol):
    """A worker of pytest-xdist, as the process that started it knows it."""

    config: pytest.Config


class LineServers:
    """Starts the server of a line when it is first asked for, and ends all of them."""

    def __init__(self, opensearch_3: str, stack: ExitStack) -> None:
        self._stack = stack
        self._urls = {"opensearch-3.8": opensearch_3}

    def url(self, name: str) -> str:
        """Return where the line's server answers."""
        if name not in self._urls:
            self._urls[name] = self._stack.enter_context(running(_options(SERVERS[name]))).url
        return self._urls[name]


def _options(server: Server) -> NodeOptions:
    return NodeOptions(server, port=0, heap_mb=512)


@pytest.fixture(scope="session")
def line_servers(opensearch: str) -> Iterator[LineServers]:
    """Give the servers of all lines, each started when a test first wants it."""
    with ExitStack() as stack:
        yield LineServers(opensearch, stack)


def _parameters() -> Iterator[object]:
    for name in SERVERS:
        yield pytest.param(name, marks=[] if name in USUAL else [getattr(pytest.mark, MARK)])


@pytest.fixture(params=_parameters())
def line(request: pytest.FixtureRequest, line_servers: LineServers) -> Iterator[ClusterLine]:
    """Give a live server of each line in turn; the index, if it was made, is deleted afterwards."""
    url = line_servers.url(request.param)
    client, index = connect(url), f"test-{uuid4().hex}"
    yield ClusterLine(request.param, url, client, index, read_dialect(client))
    client.indices.delete(index=index, params={"ignore_unavailable": "true"})


on_seismic = pytest.mark.parametrize(
    "line", [pytest.param("opensearch-3.6-neural", marks=getattr(pytest.mark, MARK))], indirect=True
)
"""Runs a test on the line with SEISMIC fields alone."""


def leave_out_lines(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Take the tests against the other lines out of an ordinary run, and all that are against none out of the other."""
    every = config.getoption(OPTION)
    left_out = [item for item in items if (not _is_of_lines(item) if every else item.get_closest_marker(MARK))]
    kept = set(items) - set(left_out)
    items[:] = [item for item in items if item in kept]
    config.hook.pytest_deselected(items=left_out)
    config.stash[_LEFT_OUT] = 0 if every else len(left_out)
    # Of pytest-xdist the workers collect, and another process tells.
    handed_over = getattr(config, "workeroutput", None)
    if handed_over is not None:
        handed_over[MARK] = config.stash[_LEFT_OUT]


def _is_of_lines(item: pytest.Item) -> bool:
    return "line" in getattr(item, "fixturenames", ()) or item.get_closest_marker(MARK) is not None


def take_over(worker: Worker) -> None:
    """Remember what a worker of pytest-xdist has left out, which is the same for each; one that died tells nothing."""
    told: Mapping[str, int] = getattr(worker, "workeroutput", {})
    worker.config.stash[_LEFT_OUT] = told.get(MARK, worker.config.stash.get(_LEFT_OUT, 0))


def told_reason(config: pytest.Config) -> str | None:
    """Return why tests were left out, None if none was."""
    count = config.stash.get(_LEFT_OUT, 0)
    others = ", ".join(server.title for name, server in SERVERS.items() if name not in USUAL)
    if not count:
        return None
    return f"{count} tests against {others} are left out to save time: `make cluster-test` runs them"


_LEFT_OUT = pytest.StashKey[int]()
