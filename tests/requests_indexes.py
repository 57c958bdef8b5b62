"""Requests about an index as a whole: made, described, changed, closed, deleted."""

from collections.abc import Iterator

from csplade.tests.raw_request import Request, sent


def indexes(index: str) -> Iterator[Request]:
    properties = {"title": {"type": "text"}, "text": {"type": "text"}, "kind": {"type": "keyword"}}
    # Refreshed when told only, and merged never, so that the same documents lie in the same order each time.
    merging = {"merge.policy.segments_per_tier": 1000, "merge.policy.deletes_pct_allowed": 50}
    settings = {"number_of_shards": 1, "number_of_replicas": 0, "refresh_interval": "-1", **merging}
    mappings = {"properties": {**properties, "price": {"type": "integer"}}}
    yield sent("PUT", f"/{index}", {"settings": settings, "mappings": mappings})
    yield sent("PUT", f"/{index}", {})
    yield Request("HEAD", f"/{index}")
    yield Request("HEAD", f"/{index}-none")
    yield Request("GET", f"/{index}/_mapping")
    yield Request("GET", f"/{index}/_mapping/field/title,price?include_defaults=true")
    yield sent("PUT", f"/{index}/_mapping", {"properties": {"note": {"type": "text", "analyzer": "english"}}})
    yield sent("PUT", f"/{index}/_mapping", {"properties": {"note": {"type": "integer"}}})
    yield sent("PUT", f"/{index}/_mapping", {"properties": {"weights": {"type": "rank_features"}}})
    yield Request("GET", f"/{index}/_settings?flat_settings=true")
    yield sent("PUT", f"/{index}/_settings", {"index": {"max_result_window": 9000}})
    yield sent("PUT", f"/{index}/_settings", {"index": {"number_of_shards": 3}})
    yield Request("PUT", f"/{index}/_alias/{index}-alias")
    yield Request("GET", f"/{index}/_alias")
    yield Request("HEAD", f"/_alias/{index}-alias")
    yield Request("GET", "/_alias/nothing-of-the-kind")
    yield sent("POST", "/_aliases", {"actions": [{"add": {"index": index, "alias": f"{index}-other"}}]})
    yield Request("DELETE", f"/{index}/_alias/{index}-other")
    yield Request("GET", f"/{index}-alias/_settings/index.number_*")
    yield sent("POST", f"/{index}/_analyze", {"field": "note", "text": "Running foxes"})
    yield sent("GET", "/_analyze", {"analyzer": "standard", "text": "Über alle Maßen"})
    yield Request("GET", f"/_resolve/index/{index}*")


def ends(index: str) -> Iterator[Request]:
    yield Request("POST", f"/{index}/_close")
    yield Request("POST", f"/{index}/_search")
    yield Request("POST", f"/{index}/_open")
    yield Request("DELETE", f"/{index}")
    yield Request("DELETE", f"/{index}")
