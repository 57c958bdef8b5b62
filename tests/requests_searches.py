"""Requests that search."""

from collections.abc import Iterator

from csplade.tests.raw_request import Request, in_lines, sent


def searches(index: str) -> Iterator[Request]:
    match: dict[str, object] = {"query": {"match": {"text": "bread"}}}
    bodies: list[dict[str, object]] = [
        {},
        match,
        {**match, "explain": True},
        {**match, "highlight": {"fields": {"text": {}}}},
        {**match, "sort": [{"price": "desc"}], "track_scores": True},
        {**match, "from": 1, "size": 1, "version": True, "seq_no_primary_term": True},
        {**match, "_source": False, "fields": ["title"], "docvalue_fields": ["price"]},
        {**match, "min_score": 0.5, "track_total_hits": False},
        {"query": {"bool": {"must": [match["query"]], "filter": [{"term": {"kind": "food"}}]}}},
        {"query": {"multi_match": {"query": "stale bread", "fields": ["title^2", "text"], "type": "cross_fields"}}},
        {"query": {"query_string": {"query": "title:bread OR (stale AND loaf)"}}},
        {"query": {"simple_query_string": {"query": '"fresh bread" -stale', "fields": ["title", "text"]}}},
        {"query": {"function_score": {"query": match["query"], "field_value_factor": {"field": "price"}}}},
        {"query": {"dis_max": {"queries": [match["query"], {"match": {"title": "bread"}}]}}},
        {"query": {"match_phrase": {"text": {"query": "keep fresh", "slop": 2}}}},
        {"query": {"script_score": {"query": {"match_all": {}}, "script": {"source": "_score * 2"}}}},
        {"query": {"more_like_this": {"fields": ["text"], "like": "bread", "min_term_freq": 1, "min_doc_freq": 1}}},
        {"size": 0, "aggs": {"kinds": {"terms": {"field": "kind"}, "aggs": {"most": {"max": {"field": "price"}}}}}},
        {"size": 0, "aggs": {"prices": {"histogram": {"field": "price", "interval": 2}}}},
        {"suggest": {"s": {"text": "bred", "term": {"field": "title"}}}},
        {"collapse": {"field": "kind"}, "query": {"exists": {"field": "kind"}}},
        {"query": match["query"], "rescore": {"window_size": 5, "query": {"rescore_query": {"match_all": {}}}}},
        {"query": {"match": {"text": {"query": "bread", "typo": 1}}}},
        {"query": {"nothing": {}}},
        {"size": -1},
    ]
    for body in bodies:
        yield sent("POST", f"/{index}/_search", body)
    yield sent("GET", f"/{index}/_search", match)
    yield sent("POST", f"/{index}/_count", match)
    yield Request("GET", f"/{index}/_count?q=title:bread")
    yield sent("POST", f"/{index}/_validate/query?explain=true", match)
    yield sent("GET", f"/{index}/_explain/0", match)
    yield sent("POST", f"/{index}/_field_caps?fields=*", {})
    yield Request("GET", f"/{index}/_search_shards", by_nature=True)
    several: tuple[object, ...] = (
        {},
        match,
        {"index": f"{index}-none"},
        match,
        {"index": index},
        {"query": {"nothing": {}}},
    )
    yield in_lines("POST", f"/{index}/_msearch", *several)
    template = {"source": {"query": {"match": {"text": "{{q}}"}}}, "params": {"q": "bread"}}
    yield sent("POST", f"/{index}/_search/template", template)
    yield sent("POST", "/_render/template", template)
    yield sent("POST", f"/{index}/_search?scroll=1m&size=1", match, X_Opaque_Id="scroller")
    yield sent("POST", "/_search/scroll", {"scroll_id": "bm9uc2Vuc2U="})
    yield Request("DELETE", "/_search/scroll/_all")
    yield Request("POST", f"/{index}/_search/point_in_time?keep_alive=1m", by_nature=True)
    yield Request("DELETE", "/_search/point_in_time/_all", by_nature=True)
    rated = {"id": "r", "request": match, "ratings": [{"_index": index, "_id": "0", "rating": 1}]}
    yield sent("POST", f"/{index}/_rank_eval", {"requests": [rated], "metric": {"precision": {"k": 3}}})
