"""A vector search beside a rewritten query, live: neighbours are found and scored as before, text by its weights."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from uuid import uuid4

import orjson
import pytest
from csplade.integration.client import connect
from csplade.integration.detect import read_dialect
from csplade.tests.cluster_lines import MARK, USUAL, LineServers
from csplade.tests.gateway_process import Gateway, ask
from csplade.tests.gateway_searches import Json, request, verdict
from csplade.tests.gateway_words import rewriting
from csplade.tests.rewrite_index import documents
from csplade.tests.word_encoder import word_vector
from opensearchpy import OpenSearch

pytestmark = pytest.mark.cluster

TEXT = "fresh salted bread"
COUNT, NEIGHBOURS, EVERYTHING = 60, 4, 100
POINT = [17.6, 0.0]
"""Near the documents with numbers about 17: the vector of each is its number."""
MODES = ("replace", "anchored")
ELASTICSEARCH, OPENSEARCH = "elasticsearch-9.2", "opensearch-3.6-neural"

_VECTORS: dict[str, Json] = {
    ELASTICSEARCH: {"type": "dense_vector", "dims": 2, "similarity": "l2_norm", "index_options": {"type": "hnsw"}},
    OPENSEARCH: {
        "type": "knn_vector",
        "dimension": 2,
        "method": {"name": "hnsw", "engine": "lucene", "space_type": "l2"},
    },
}
_SETTINGS: dict[str, Json] = {ELASTICSEARCH: {}, OPENSEARCH: {"index.knn": True}}
_MATCH: Json = {"match": {"text": TEXT}}
_NEAR: Json = {"knn": {"field": "v", "query_vector": POINT, "k": NEIGHBOURS, "num_candidates": COUNT}}
_NEAR_BY_PLUGIN: Json = {"knn": {"v": {"vector": POINT, "k": NEIGHBOURS}}}


@dataclass(frozen=True)
class Beside:
    """A search by text and by vectors."""

    line: str
    body: Json
    vectors: Json
    """The search by vectors alone."""


SEARCHES = {
    "in the body": Beside(ELASTICSEARCH, {"query": _MATCH, **_NEAR}, _NEAR),
    "a clause": Beside(ELASTICSEARCH, {"query": {"bool": {"should": [_NEAR, _MATCH]}}}, {"query": _NEAR}),
    "a clause of the plugin": Beside(
        OPENSEARCH, {"query": {"bool": {"should": [_NEAR_BY_PLUGIN, _MATCH]}}}, {"query": _NEAR_BY_PLUGIN}
    ),
}


@dataclass(frozen=True)
class Searched:
    """An index with vectors and weights, and a gateway that rewrites searches of `index-MODE`."""

    client: OpenSearch
    gateway: Gateway
    index: str

    def direct(self, body: Json) -> dict[str, float]:
        """Return the score of each hit, asked of the cluster itself."""
        return _scores(self.client.search(index=self.index, body=_whole(body)))

    def through(self, mode: str, body: Json) -> dict[str, float]:
        """Return the same, asked of the gateway, which has to rewrite it."""
        return _scores(self.answer(mode, body))

    def answer(self, mode: str, body: Json) -> Json:
        answer = ask(self.gateway.port, request("POST", f"/{self.index}-{mode}/_search", _whole(body), {}), "POST")
        assert (answer.status, verdict(answer)) == (200, "rewritten"), answer.body
        found: Json = orjson.loads(answer.body)
        return found


_HIGHLIGHT: Json = {"highlight": {"fields": {"text": {}}}}
HYBRID: Json = {
    "query": {"hybrid": {"queries": [_MATCH, _NEAR_BY_PLUGIN]}},
    "search_pipeline": {
        "phase_results_processors": [
            {
                "normalization-processor": {
                    "normalization": {"technique": "min_max"},
                    "combination": {"technique": "arithmetic_mean", "parameters": {"weights": [0.7, 0.3]}},
                }
            }
        ]
    },
    **_HIGHLIGHT,
}
_LEAST = 0.001
"""What the processor gives the last of a ranking, so that it differs from what is not in it."""


def _whole(body: Json) -> Json:
    return {**body, "size": EVERYTHING, "_source": False}


def _scores(answer: Json) -> dict[str, float]:
    return {hit["_id"]: hit["_score"] for hit in answer["hits"]["hits"]}


@contextmanager
def filled(url: str, line: str) -> Iterator[Searched]:
    name, client = f"test-{uuid4().hex}", connect(url)
    properties = {"csplade_terms": {"type": read_dialect(client).field_type}, "v": _VECTORS[line]}
    settings = {"number_of_shards": 1, "number_of_replicas": 0, **_SETTINGS[line]}
    aliases: Json = {f"{name}-{mode}": {} for mode in MODES}
    mappings = {"dynamic": False, "properties": {"text": {"type": "text"}, **properties}}
    client.indices.create(index=name, body={"settings": settings, "mappings": mappings, "aliases": aliases})
    lines: list[Json] = []
    for number, (identity, source) in enumerate(documents(COUNT)):
        lines += [{"index": {"_id": identity}}, {**source, "v": [float(number), 1.0]}]
    assert not client.bulk(index=name, body=lines, params={"refresh": "true"})["errors"]
    weights = [{"field": "csplade_terms", "covers": ["text"]}]
    rules = [{"pattern": alias, "mode": alias.rpartition("-")[2], "weights": weights} for alias in aliases]
    try:
        with rewriting(url, {"index": rules, "gateway": {"deadline_ms": 60_000}}) as gateway:
            yield Searched(client, gateway, name)
    finally:
        client.indices.delete(index=name)


@pytest.fixture(scope="module")
def stages(line_servers: LineServers) -> Iterator[Callable[[str], Searched]]:
    with ExitStack() as stack:
        yield cache(lambda line: stack.enter_context(filled(line_servers.url(line), line)))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "beside",
    [
        pytest.param(each, id=about, marks=[] if each.line in USUAL else [getattr(pytest.mark, MARK)])
        for about, each in SEARCHES.items()
    ],
)
def test_neighbours_stay_and_text_is_scored_by_its_weights(
    stages: Callable[[str], Searched], beside: Beside, mode: str
) -> None:
    searched = stages(beside.line)
    near, before = searched.direct(beside.vectors), searched.direct(beside.body)
    assert sorted(near) == ["d16", "d17", "d18", "d19"]
    found = searched.through(mode, beside.body)
    query = word_vector(TEXT)
    stored = {name: source.get("csplade_terms", {}) for name, source in documents(COUNT)}
    dots = {name: sum(weight * terms.get(term, 0.0) for term, weight in query) for name, terms in stored.items()}
    by_text = {name for name, dot in dots.items() if dot}
    if mode == "anchored":
        by_text = {*searched.direct({"query": _MATCH})}
        assert found.keys() == before.keys()
    expected = {name: near.get(name, 0.0) + dots[name] * (name in by_text) for name in near.keys() | by_text}
    assert len(expected) > len(by_text) > NEIGHBOURS
    # Stored weights have 9 significant bits.
    assert found == pytest.approx(expected, rel=0.01)
    assert found != pytest.approx(before, rel=0.01)


def _normalized(scores: Mapping[str, float]) -> dict[str, float]:
    low, high = min(scores.values()), max(scores.values())
    return {name: max((score - low) / (high - low), _LEAST) for name, score in scores.items()}


@pytest.mark.parametrize("on", [pytest.param(OPENSEARCH, marks=getattr(pytest.mark, MARK))])
def test_each_ranking_of_a_hybrid_search_counts_with_the_scores_that_it_has_alone(
    stages: Callable[[str], Searched], on: str
) -> None:
    searched = stages(on)
    near = searched.direct({"query": _NEAR_BY_PLUGIN})
    by_weights = searched.through("replace", {"query": _MATCH})
    assert by_weights != pytest.approx(searched.direct({"query": _MATCH}), rel=0.01)
    answer = searched.answer("replace", HYBRID)
    text, neighbours = _normalized(by_weights), _normalized(near)
    expected = {name: 0.7 * text.get(name, 0.0) + 0.3 * neighbours.get(name, 0.0) for name in text.keys() | near.keys()}
    assert _scores(answer) == pytest.approx(expected, rel=0.001)
    marked = {hit["_id"]: hit["highlight"] for hit in answer["hits"]["hits"] if "highlight" in hit}
    alone = searched.client.search(index=searched.index, body=_whole({"query": _MATCH, **_HIGHLIGHT}))
    words = {hit["_id"]: hit["highlight"] for hit in alone["hits"]["hits"]}
    # Documents without weights are found by their words alone.
    assert marked == {name: each for name, each in words.items() if name in expected}
    assert len(marked) > NEIGHBOURS
