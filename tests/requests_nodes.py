"""Requests about nodes, shards and tasks: tables (`_cat`, `_list`), statistics, and what a cluster of one refuses."""

from collections.abc import Iterator

from csplade.tests.raw_request import Request, plain, sent


def tables(index: str) -> Iterator[Request]:
    yield from plain(
        "GET",
        *("/_cat/cluster_manager?h=node", f"/_cat/aliases/{index}*?v", "/_cat/allocation/_all?h=node"),
        *("/_cat/count?h=none", "/_cat/fielddata/title?h=field", "/_cat/pending_tasks?v", "/_cat/pit_segments/_all?v"),
        *(f"/_cat/recovery/{index}?h=index,shard,type,stage", f"/_cat/segments?index={index}&h=index,shard,segment"),
        *("/_cat/segment_replication?v", f"/_cat/segment_replication/{index}?v", "/_cat/snapshots/none"),
        *(f"/_cat/shards?h=index,shard&index={index}", f"/_cat/templates/{index}*?v", "/_cat/shards?help"),
        *("/_cat/thread_pool/search?h=name,type,size", "/_cat/aliases?format=json", "/_cat/nodes?format=yaml&h=name"),
        *("/_list", f"/_list/indices/{index}?h=index,pri", f"/_list/shards/{index}?h=index,shard,prirep"),
        *("/_list/indices?size=1&h=none", "/_list/shards?next_token=none", "/_list/indices?sort=none"),
    )
    yield from plain(
        "GET", "/_cat/recovery?v", "/_cat/snapshots?v", "/_list/indices?v", "/_list/shards?v", by_nature=True
    )
    yield sent("GET", "/_cat/pit_segments", {"pit_id": ["bm9uc2Vuc2U="]})
    yield sent("GET", "/_cat/pit_segments", {})


def nodes(index: str) -> Iterator[Request]:
    yield from plain(
        "GET",
        *("/_nodes/stats", "/_nodes/_all/stats", "/_nodes/_all/stats/jvm", "/_nodes/stats/indices/search"),
        *("/_nodes/_local/stats/indices/docs", "/_nodes/_all", "/_nodes/_all/info/http", "/_nodes/http"),
        *("/_nodes/_all/http,plugins", "/_nodes/usage/rest_actions", "/_nodes/_all/usage"),
        *("/_nodes/_all/usage/_all", "/_nodes/hot_threads?interval=1ms", "/_nodes/_all/hot_threads?interval=1ms"),
        *("/_nodes/hotthreads?interval=1ms", "/_nodes/_all/hotthreads?interval=1ms"),
        *("/_cluster/nodes/hot_threads?interval=1ms", "/_cluster/nodes/_all/hot_threads?interval=1ms"),
        *("/_cluster/nodes/hotthreads?interval=1ms", "/_cluster/nodes/_all/hotthreads?interval=1ms"),
        *("/_cluster/health", "/_cluster/state", f"/_cluster/state/metadata/{index}", "/_cluster/stats/nodes/_all"),
        *("/_cluster/stats/indices/nodes/_all", "/_cluster/stats/indices/docs/nodes/_all"),
        *("/_wlm/stats", "/_wlm/stats/none", "/_wlm/_all/stats", "/_wlm/_all/stats/none"),
        *("/_list/wlm_stats", "/_list/wlm_stats/stats/none", "/_list/wlm_stats/_all/stats"),
        "/_list/wlm_stats/_all/stats/none",
        by_nature=True,
    )
    yield from plain("GET", "/_nodes/nobody", "/_nodes/nobody/stats/os", "/_nodes/stats/nothing", by_nature=True)
    yield from plain("POST", "/_nodes/nobody/reload_secure_settings", by_nature=True)
    yield from plain("POST", "/_nodes/reload_secure_settings", by_nature=True)


def statistics(index: str) -> Iterator[Request]:
    yield from plain(
        "GET",
        *("/_stats", "/_stats/docs", f"/{index}/_stats/docs,store", "/_recovery", "/_segments", "/_shard_stores"),
        *(f"/{index}/_shard_stores?status=all", f"/_search_shards?index={index}", f"/_shard_stores?index={index}-none"),
        by_nature=True,
    )
    yield from plain("GET", f"/{index}/_stats/nothing", f"/{index}/_stats/docs?level=none")
    yield from plain("POST", f"/_search_shards?index={index}", f"/{index}/_search_shards", by_nature=True)


def tasks(_index: str) -> Iterator[Request]:
    yield from plain("GET", "/_tasks/none", "/_tasks/none:1", "/_tasks?group_by=odd")
    yield from plain("POST", "/_tasks/none:1/_cancel", "/_tasks/_cancel?actions=none", by_nature=True)
    for action in ("_reindex", "_update_by_query", "_delete_by_query"):
        yield from plain("POST", f"/{action}/none:1/_rethrottle", by_nature=True)
        yield from plain("POST", f"/{action}/none:1/_rethrottle?requests_per_second=-1", by_nature=True)


def refused_by_one_node(index: str) -> Iterator[Request]:
    """Yield requests about zones, stores elsewhere and other nodes, of which a cluster of one has none."""
    weights = "/_cluster/routing/awareness/zone/weights"
    yield from plain("GET", weights, "/_cluster/decommission/awareness/zone/_status", "/_dangling")
    yield sent("PUT", weights, {"weights": {"a": "1.0"}, "_version": -1})
    yield from plain("DELETE", weights, "/_cluster/routing/awareness/weights", "/_cluster/decommission/awareness")
    yield from plain("PUT", "/_cluster/decommission/awareness/zone/a")
    exclusions = "/_cluster/voting_config_exclusions"
    yield from plain(
        "POST", exclusions, f"{exclusions}?node_names=nobody&timeout=1s", f"{exclusions}/nobody?timeout=1s"
    )
    yield from plain("DELETE", f"{exclusions}?wait_for_removal=false")
    yield sent("POST", "/_cluster/allocation/explain", {"index": f"{index}-none", "shard": 0, "primary": True})
    yield from plain("POST", "/_dangling/none?accept_data_loss=true", "/_dangling/none", by_nature=True)
    yield from plain("DELETE", "/_dangling/none?accept_data_loss=true", by_nature=True)
    yield sent("POST", "/_remotestore/_restore", {"indices": [f"{index}-none"]})
    for kind in ("metadata", "stats"):
        yield from plain("GET", f"/_remotestore/{kind}/{index}", f"/_remotestore/{kind}/{index}/0", by_nature=True)
    yield from plain("POST", f"/{index}/ingestion/_pause", f"/{index}/ingestion/_resume", by_nature=True)
    yield from plain("GET", f"/{index}/ingestion/_state", by_nature=True)
    yield from plain("POST", "/_filecache/prune", "/_blockcache/prune", by_nature=True)
    yield from plain("POST", "/_extensions/initialize", f"/{index}/_tier/warm", f"/{index}/_tier/hot")
    yield from plain("POST", f"/_tier/_cancel/{index}")
    yield from plain("GET", f"/{index}/_tier", "/_tier/all")
