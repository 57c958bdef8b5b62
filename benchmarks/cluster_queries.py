"""How long searches take and what they find: all plans in turns over the same queries, then several clients at once."""

import http.client
import json
import random
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from csplade.benchmarks.cluster_material import Exact, Material, Weighted
from csplade.benchmarks.cluster_plans import BM25, DEFAULT_PLAN, EVERY_TERM, Place, plans
from csplade.integration.dialect import Clause
from csplade.integration.fusion import fuse
from csplade.integration.planner import Phases, PlanOptions
from csplade.integration.query import QueryOptions, Question
from csplade.integration.searches import build_searches, ranked
from csplade.integration.templates import load_template
from csplade.pipelines.sparse import SparseVector
from opensearchpy import OpenSearch

SIZE = 10
_TWO_PHASE = "benchmark-two-phase"
"""The pipeline of neural-search's own two phases."""
_SLICES = 3
_Body = Mapping[str, Any]  # Any: a JSON object


@dataclass(frozen=True)
class Contestant:
    """A way to ask."""

    name: str
    bodies: Callable[[Question], Sequence[_Body]]
    """One search, or several whose rankings are merged."""
    index: str
    params: str = ""


@dataclass
class Result:
    """What a way took and found."""

    milliseconds: list[float] = field(default_factory=list)
    recalls: list[float] = field(default_factory=list)
    busy: dict[int, list[float]] = field(default_factory=dict)
    """Milliseconds of all searches, by the number of clients that asked as fast as they could."""
    per_second: dict[int, float] = field(default_factory=dict)

    def percentile(self, part: float) -> float:
        """Return the milliseconds that this part of the searches of one client was done in."""
        return float(np.percentile(self.milliseconds, part))

    def busy_percentile(self, clients: int, part: float) -> float:
        """Return the same of several clients."""
        return float(np.percentile(self.busy[clients], part))


def usual(name: str) -> bool:
    """Say whether a way is one that nobody has to choose, or one of the cluster's own."""
    return name.startswith((BM25, DEFAULT_PLAN, EVERY_TERM, "hybrid, sum", "neural_sparse", "SEISMIC"))


def contestants(client: OpenSearch, index: str, place: Place) -> list[Contestant]:
    """Return a contestant for each plan, and where there is neural-search, also its own ways with the same vectors."""
    own = place.dialect
    plain = replace(own, clause=Clause.RANK_FEATURE) if own.clause is Clause.NEURAL_SPARSE else own
    found = [_planned(name, replace(options, dialect=plain), index) for name, options in plans(place).items()]
    if own.clause is not Clause.NEURAL_SPARSE:
        return found
    client.transport.perform_request(
        "PUT", f"/_search/pipeline/{_TWO_PHASE}", body=load_template("pipeline_two_phase.json", {})
    )
    every = QueryOptions(plan=PlanOptions(max_clauses=place.longest, phases=Phases.ONE), dialect=own)
    neural = _planned("neural_sparse", every, index)
    clause = _planned(f"{DEFAULT_PLAN} by neural_sparse", QueryOptions(dialect=own), index)
    piped = replace(neural, name="neural_sparse, two-phase processor", params=f"?search_pipeline={_TWO_PHASE}")
    return [*found, clause, neural, piped]


def _planned(name: str, options: QueryOptions, index: str) -> Contestant:
    def bodies(question: Question) -> list[_Body]:
        return [ranked(search.body) for search in build_searches(question, options, SIZE)]

    return Contestant(name, bodies, index)


def measure(url: str, ways: Sequence[Contestant], material: Material, exact: Exact, rounds: int) -> dict[str, Result]:
    """Ask every query in every way, in a new order each round; one client."""
    requests = _requests(ways, material.queries)
    results = {way.name: Result() for way in ways}
    order = [(way, number) for way in ways for number in range(len(material.queries))]
    with closing(Asker(url)) as asker:
        _ask_in_turns(asker, requests, order, material, exact, results, rounds)
    return results


def _ask_in_turns(
    asker: "Asker",
    requests: Mapping[str, Sequence[tuple[str, bytes]]],
    order: list[tuple[Contestant, int]],
    material: Material,
    exact: Exact,
    results: Mapping[str, Result],
    rounds: int,
) -> None:
    # The first pass is not counted: the server compiles and reads what it needs. It tells what is found.
    for way, number in order:
        found = asker.found(*requests[way.name][number])
        query = material.queries[number].vector
        scores = (query.dot(material.synthetic(int(one)).vector) for one in found)
        results[way.name].recalls.append(exact.recall(number, scores))
    for turn in range(rounds):
        random.Random(turn).shuffle(order)
        for way, number in order:
            began = time.perf_counter()
            asker.send(*requests[way.name][number])
            results[way.name].milliseconds.append(1000 * (time.perf_counter() - began))


def load_test(
    url: str,
    ways: Sequence[Contestant],
    queries: Sequence[Weighted],
    results: Mapping[str, Result],
    clients: Sequence[int],
    seconds: float,
) -> None:
    """Let several clients ask as fast as they can, all ways in turns of a third of `seconds`."""
    requests = _requests(ways, queries)
    for number in clients:
        for _ in range(_SLICES):
            for way in ways:
                took = _asked_by(number, url, requests[way.name], seconds / _SLICES)
                results[way.name].busy.setdefault(number, []).extend(took)
        for way in ways:
            results[way.name].per_second[number] = len(results[way.name].busy[number]) / seconds


class Asker:
    """One connection to a server."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=120)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def send(self, path: str, body: bytes) -> bytes:
        """Return an answer as it came."""
        self._connection.request("POST", path, body, {"content-type": "application/json"})
        response = self._connection.getresponse()
        answer = response.read()
        if response.status != 200:
            raise SystemExit(f"{path} answered {response.status}: {answer[:500].decode()}")
        return answer

    def found(self, path: str, body: bytes) -> list[str]:
        """Return the ids of the best hits of an answer that is whole."""
        answer = json.loads(self.send(path, body))
        rankings = [_ids(path, one) for one in answer.get("responses", [answer])]
        if len(rankings) > 1:
            merged = fuse(rankings, [1.0] * len(rankings), PlanOptions().rank_constant)
            rankings = [[one.id for one in merged]]
        return rankings[0][:SIZE]


def _ids(path: str, answer: _Body) -> list[str]:
    if "error" in answer or answer["timed_out"] or answer["_shards"]["failed"]:
        raise SystemExit(f"{path} gave an answer that is not whole: {str(answer)[:500]}")
    return [hit["_id"] for hit in answer["hits"]["hits"]]


def _asked_by(clients: int, url: str, requests: Sequence[tuple[str, bytes]], seconds: float) -> list[float]:
    """Return the milliseconds of each search that so many clients got an answer to."""
    deadline = time.perf_counter() + seconds

    def client(first: int) -> list[float]:
        took: list[float] = []
        with closing(Asker(url)) as asker:
            while (began := time.perf_counter()) < deadline:
                asker.send(*requests[(first + len(took)) % len(requests)])
                took.append(1000 * (time.perf_counter() - began))
        return took

    with ThreadPoolExecutor(clients) as threads:
        return [each for took in threads.map(client, range(0, 7 * clients, 7)) for each in took]


def _requests(ways: Sequence[Contestant], queries: Sequence[Weighted]) -> dict[str, list[tuple[str, bytes]]]:
    return {way.name: [_request(way, Question(one.text, one.vector)) for one in queries] for way in ways}


def _request(way: Contestant, question: Question) -> tuple[str, bytes]:
    bodies = [json.dumps(body).encode() for body in way.bodies(question)]
    if len(bodies) == 1:
        return f"/{way.index}/_search{way.params}", bodies[0]
    return f"/{way.index}/_msearch", b"".join(b"{}\n" + body + b"\n" for body in bodies)


def longest(queries: Sequence[Weighted]) -> int:
    """Return the terms of the longest query."""
    return max(len(query.vector) for query in queries)


def mean_terms(vectors: Sequence[SparseVector]) -> float:
    """Return how many terms vectors have."""
    return float(np.mean([len(vector) for vector in vectors]))
