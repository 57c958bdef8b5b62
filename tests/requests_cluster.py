"""Requests about the cluster and its nodes."""

from collections.abc import Iterator

from csplade.tests.raw_request import Request, sent


def cluster(index: str) -> Iterator[Request]:
    yield Request("GET", "/")
    yield Request("HEAD", "/")
    yield Request("GET", "/?pretty")
    yield Request("GET", "/favicon.ico")
    for target in (
        *("/_cat", "/_cat/aliases?v", "/_cat/templates?v", "/_cat/plugins", "/_cat/nodeattrs?v&h=node,attr"),
        *(f"/_cat/count/{index}?h=count", f"/_cat/indices/{index}?h=index,pri,rep,status", "/_cat/health?help"),
        f"/_cat/shards/{index}?h=index,shard,prirep,state",
        *("/_cat/master?h=node", "/_cat/nodes?h=name,master", "/_cat/repositories", "/_cat/nothing"),
        *("/_cat/thread_pool?h=name,type&s=name", "/_cat/indices?help", "/_cluster/settings", "/_cluster/nothing"),
        *(f"/_cluster/health/{index}?filter_path=status,timed_out", "/_cluster/state/blocks?filter_path=blocks"),
        *("/_remote/info", "/_ingest/processor/grok?s=true", "/_snapshot", "/_script_context", "/_script_language"),
        *(
            "/_component_template",
            "/_scripts/none",
            "/_ingest/pipeline/none",
            "/_template/none",
            "/_index_template/none",
        ),
    ):
        yield Request("GET", target)
    for target in (
        *("/_nodes", "/_nodes/stats/os", "/_nodes/_local/settings", "/_cluster/stats", "/_cluster/state/version"),
        *("/_tasks", "/_cat/tasks?v", "/_cluster/pending_tasks", f"/{index}/_stats", f"/{index}/_recovery"),
        *(
            f"/{index}/_segments",
            "/_cat/allocation?v",
            "/_cat/fielddata?v",
            "/_nodes/usage",
            f"/{index}",
            f"/_cat/segments/{index}?v",
        ),
    ):
        yield Request("GET", target, by_nature=True)
    yield sent("PUT", "/_cluster/settings", {"transient": {"indices.recovery.max_bytes_per_sec": "41mb"}})
    yield sent("PUT", "/_cluster/settings", {"transient": {"indices.recovery.max_bytes_per_sec": None}})
    yield sent("PUT", "/_cluster/settings", {"transient": {"no.such": 1}})
    yield sent("POST", "/_cluster/reroute?metric=none", {})
    yield Request("GET", f"/_cluster/allocation/explain?index={index}")
