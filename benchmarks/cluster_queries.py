"""How long searches take and what they find: all plans in turns over the same queries, then several clients at once."""

import http.client
import json
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from csplade.benchmarks.cluster_material import Exact, Material, Weighted
from csplade.integration.dialect import Clause, Dialect
from csplade.integration.planner import Anchor, Phases, PlanOptions
from csplade.integration.query import Mode, QueryOptions, Question
from csplade.integration.searches import build_searches, ranked
from csplade.integration.templates import load_template
from csplade.pipelines.sparse import SparseVector
from opensearchpy import OpenSearch

SIZE = 10
DEFAULT_PLAN = "sparse, default plan"
EVERY_TERM = "sparse, one phase"
_TWO_PHASE = "benchmark-two-phase"
"""The pipeline of neural-search's own two phases."""
_SLICES = 3


@dataclass(frozen=True)
class Contestant:
    """A way to ask."""

    name: str
    body: Callable[[Question], Mapping[str, Any]]  # Any: a JSON object
    index: str
    params: str = ""
    loaded: bool = False
    """Whether it is asked by several clients as well."""


@dataclass
class Result:
    """What a way took and found."""

    milliseconds: list[float] = field(default_factory=list)
    recalls: list[float] = field(default_factory=list)
    per_second: dict[int, float] = field(default_factory=dict)

    def percentile(self, part: float) -> float:
        """Return the milliseconds that this part of the searches was done in."""
        return float(np.percentile(self.milliseconds, part))


def plans(most: int) -> dict[str, QueryOptions]:
    """Return the plans that are compared; `most` are the terms of the longest query."""
    every = PlanOptions(max_clauses=most, phases=Phases.ONE)
    two = replace(every, phases=Phases.TWO)
    sparse = {
        DEFAULT_PLAN: PlanOptions(),
        EVERY_TERM: every,
        **{f"sparse, share {share}": replace(every, share=share) for share in (0.95, 0.9, 0.8)},
        **{f"sparse, ratio {ratio}": replace(every, ratio=ratio) for ratio in (0.1, 0.2)},
        **{f"sparse, {count} terms": replace(every, max_clauses=count) for count in (16, 8)},
        **{f"sparse, two phases, heavy {part}": replace(two, heavy=part) for part in (0.1, 0.2, 0.4)},
        "sparse, two phases, heavy 0.4, expansion 20": replace(two, heavy=0.4, expansion=20.0),
        "sparse, anchored in the text": replace(every, anchor=Anchor.TEXT),
    }
    return {
        "bm25 match": QueryOptions(Mode.BM25),
        **{name: QueryOptions(Mode.SPARSE, plan=plan) for name, plan in sparse.items()},
        "hybrid, sum": QueryOptions(Mode.HYBRID),
    }


def usual(name: str) -> bool:
    """Say whether a way is one that nobody has to choose, or one of the cluster's own."""
    return name.startswith(("bm25", DEFAULT_PLAN, EVERY_TERM, "hybrid", "neural_sparse", "SEISMIC"))


def contestants(client: OpenSearch, index: str, most: int, dialect: Dialect) -> list[Contestant]:
    """Return a contestant for each plan, and where there is neural-search, also its own ways with the same vectors."""
    plain = replace(dialect, clause=Clause.RANK_FEATURE) if dialect.clause is Clause.NEURAL_SPARSE else dialect
    found = [_planned(name, options, index, plain, loaded=usual(name)) for name, options in plans(most).items()]
    if dialect.clause is not Clause.NEURAL_SPARSE:
        return found
    client.transport.perform_request(
        "PUT", f"/_search/pipeline/{_TWO_PHASE}", body=load_template("pipeline_two_phase.json", {})
    )
    one = QueryOptions(plan=PlanOptions(max_clauses=most, phases=Phases.ONE))
    neural = _planned("neural_sparse", one, index, dialect, loaded=True)
    own = replace(neural, name="neural_sparse, two-phase processor", params=f"search_pipeline={_TWO_PHASE}")
    return [*found, neural, own]


def _planned(name: str, options: QueryOptions, index: str, dialect: Dialect, loaded: bool) -> Contestant:
    asked = replace(options, dialect=dialect)

    def body(question: Question) -> Mapping[str, Any]:  # Any: a JSON object
        (search,) = build_searches(question, asked, SIZE)
        return ranked(search.body)

    return Contestant(name, body, index, loaded=loaded)


def measure(url: str, ways: Sequence[Contestant], material: Material, exact: Exact, rounds: int) -> dict[str, Result]:
    """Ask every query in every way, in a new order each round; one client."""
    requests = _requests(ways, material.queries)
    results = {way.name: Result() for way in ways}
    order = [(way, number) for way in ways for number in range(len(material.queries))]
    asker = Asker(url)
    # The first pass is not counted: the server compiles and reads what it needs. It tells what is found.
    for way, number in order:
        hits = asker.ask(*requests[way.name][number])["hits"]["hits"]
        query = material.queries[number].vector
        scores = (query.dot(material.synthetic(int(hit["_id"])).vector) for hit in hits)
        results[way.name].recalls.append(exact.recall(number, scores))
    for turn in range(rounds):
        random.Random(turn).shuffle(order)
        for way, number in order:
            began = time.perf_counter()
            asker.send(*requests[way.name][number])
            results[way.name].milliseconds.append(1000 * (time.perf_counter() - began))
    return results


def load_test(
    url: str,
    ways: Sequence[Contestant],
    queries: Sequence[Weighted],
    results: Mapping[str, Result],
    clients: Sequence[int],
    seconds: float,
) -> None:
    """Let several clients ask as fast as they can, all ways in turns of a third of `seconds`."""
    loaded = [way for way in ways if way.loaded]
    requests = _requests(loaded, queries)
    for number in clients:
        done = dict.fromkeys((way.name for way in loaded), 0)
        for _ in range(_SLICES):
            for way in loaded:
                done[way.name] += _asked_by(number, url, requests[way.name], seconds / _SLICES)
        for name, count in done.items():
            results[name].per_second[number] = count / seconds


class Asker:
    """One connection to a server."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=120)

    def send(self, path: str, body: bytes) -> bytes:
        """Return an answer as it came."""
        self._connection.request("POST", path, body, {"content-type": "application/json"})
        response = self._connection.getresponse()
        answer = response.read()
        if response.status != 200:
            raise SystemExit(f"{path} answered {response.status}: {answer[:500].decode()}")
        return answer

    def ask(self, path: str, body: bytes) -> dict[str, Any]:  # Any: a JSON object
        """Return an answer that is whole."""
        answer: dict[str, Any] = json.loads(self.send(path, body))  # Any: a JSON object
        if answer["timed_out"] or answer["_shards"]["failed"]:
            raise SystemExit(f"{path} gave an answer that is not whole: {answer['_shards']}")
        return answer


def _asked_by(clients: int, url: str, requests: Sequence[tuple[str, bytes]], seconds: float) -> int:
    """Return how many searches that many clients got answers to."""
    deadline = time.perf_counter() + seconds

    def client(first: int) -> int:
        asker, count = Asker(url), 0
        while time.perf_counter() < deadline:
            asker.send(*requests[(first + count) % len(requests)])
            count += 1
        return count

    with ThreadPoolExecutor(clients) as threads:
        return sum(threads.map(client, range(0, 7 * clients, 7)))


def _requests(ways: Sequence[Contestant], queries: Sequence[Weighted]) -> dict[str, list[tuple[str, bytes]]]:
    def made(way: Contestant) -> Iterator[tuple[str, bytes]]:
        path = f"/{way.index}/_search" + (f"?{way.params}" if way.params else "")
        for query in queries:
            yield path, json.dumps(way.body(Question(query.text, query.vector))).encode()

    return {way.name: list(made(way)) for way in ways}


def longest(queries: Sequence[Weighted]) -> int:
    """Return the terms of the longest query."""
    return max(len(query.vector) for query in queries)


def mean_terms(vectors: Sequence[SparseVector]) -> float:
    """Return how many terms vectors have."""
    return float(np.mean([len(vector) for vector in vectors]))
