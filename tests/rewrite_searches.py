"""Searches of the rewriter's tests on a live server, and what anchored ones must share with their originals."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

from csplade.integration.dialect import PLAIN, Dialect
from csplade.integration.errors import RequestError
from csplade.integration.rewrite import rewrite
from csplade.integration.rewrite_policy import RewriteMode, RewriteOptions
from csplade.tests.rewrite_bodies import Json, make_body, make_top_hits
from csplade.tests.rewrite_index import FIELD_MAP
from csplade.tests.word_encoder import word_vector
from opensearchpy import OpenSearch

EVERYTHING = 1000
"""More than the index holds."""

_AT_ONCE = 40
# All hits, up to some, no total at all; the index is too small for the 10,000 that are counted unless a search says so.
_TRACKED = (True, True, 3, 40, False)
# What each comparison asks for at least once.
_EACH = (
    *("rescore", "score_mode", "script_score", "min_score", "combined_fields", "top_hits", "nested", "function_score"),
    *("has_child", "minimum_should_match", "multi_match", "query_string", "simple_query_string", "collapse"),
)


@dataclass(frozen=True)
class Searched:
    """A client, and the index of `rewrite_index` that it searches."""

    client: OpenSearch
    index: str
    dialect: Dialect = PLAIN

    def search(self, body: object) -> Json:
        answer: Json = self.client.search(index=self.index, body=body)
        return answer

    def takes(self, body: Json) -> bool:
        """Say whether the server understands a body."""
        try:
            self.search(body)
        except RequestError as error:
            assert error.status == 400, error
            return False
        return True

    def search_many(self, bodies: Sequence[Json]) -> Iterator[Json]:
        """Give the answers to searches that the server understands."""
        for start in range(0, len(bodies), _AT_ONCE):
            group = bodies[start : start + _AT_ONCE]
            lines: list[Json] = [line for body in group for line in ({"index": self.index}, body)]
            answers: list[Json] = self.client.msearch(body=lines)["responses"]
            yield from answers


def compare_anchored(searched: Searched, count: int, some_are_not_taken: bool = False) -> int:
    """Rewrite `count` bodies in the mode anchored, compare the answers, and return how many found something."""
    chance, options = Random(8), RewriteOptions(RewriteMode.ANCHORED, dialect=searched.dialect)
    pairs: list[tuple[Json, Json]] = []
    while len(pairs) < count:
        body = make_body(chance) | {"track_total_hits": chance.choice(_TRACKED)}
        if chance.random() < 0.3:
            body["aggs"] = {**body.get("aggs", {}), "best": make_top_hits(chance)}
        done = rewrite(body, FIELD_MAP, word_vector, options)
        if done.changes and (not some_are_not_taken or searched.takes(body)):
            pairs.append((body, dict(done.body)))
    assert len({str(body["query"]) for body, _ in pairs}) > 0.95 * count
    asked = str(pairs)
    assert some_are_not_taken or not [name for name in _EACH if f"'{name}'" not in asked]
    originals, sent = zip(*pairs, strict=True)
    found = 0
    for body, before, after in zip(originals, *map(searched.search_many, (originals, sent)), strict=True):
        assert "error" not in before, (body, before)
        assert after["hits"].get("total") == before["hits"].get("total"), body
        assert _counts(after.get("aggregations")) == _counts(before.get("aggregations")), body
        assert len(after["hits"]["hits"]) == len(before["hits"]["hits"]), body
        found += len(before["hits"]["hits"]) > 0
    for body, before, after in zip(originals, *map(searched.search_many, map(_ids, (originals, sent))), strict=True):
        assert _found(after) == _found(before), body
    return found


def _counts(aggregations: object) -> object:
    """Return what aggregations count: of the hits that they show, how many there are, not which come first."""
    if isinstance(aggregations, list):
        return [_counts(each) for each in aggregations]
    if not isinstance(aggregations, dict):
        return aggregations
    shown = {name: _counts(value) for name, value in aggregations.items() if name not in ("hits", "max_score")}
    hits = aggregations.get("hits")
    if hits is not None:
        shown["hits"] = len(hits) if isinstance(hits, list) else _counts(hits)
    return shown


def _ids(bodies: Sequence[Json]) -> list[Json]:
    """Return searches for everything that the queries of others match."""
    return [{"query": body["query"], "size": EVERYTHING, "_source": False} for body in bodies]


def _found(answer: Json) -> set[str]:
    return {hit["_id"] for hit in answer["hits"]["hits"]}
