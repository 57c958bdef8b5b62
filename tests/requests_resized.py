"""Requests that make an index out of another: resized, rolled over, taken out of a snapshot; and that close the way."""

from collections.abc import Iterator

from csplade.tests.raw_request import Request, plain, sent

_ALONE = {"index.number_of_replicas": 0}
_READ_ONLY = {"index.blocks.write": True}


def resized(index: str) -> Iterator[Request]:
    source = f"{index}-source"
    yield sent("PUT", f"/{source}", {"settings": {**_ALONE, "index.number_of_shards": 2}})
    yield sent("PUT", f"/{source}/_doc/1?refresh=true", {"kind": "food"})
    yield sent("POST", f"/{source}/_shrink/{source}-small", {"settings": _ALONE})
    yield from plain("PUT", f"/{source}/_block/write", f"/{source}/_block/nothing", f"/{index}-none/_block/write")
    for method in ("PUT", "POST"):
        for way, shards in (("_shrink", 1), ("_split", 4), ("_clone", 2)):
            made = f"{source}{way}-{method.lower()}"
            settings = {**_ALONE, "index.number_of_shards": shards}
            yield sent(method, f"/{source}/{way}/{made}?wait_for_active_shards=1", {"settings": settings})
            yield sent(method, f"/{source}/{way}/{made}", {"settings": settings})
            yield from plain("GET", f"/{made}/_settings/index.number_of_*")
            yield Request("DELETE", f"/{made}")
    yield sent("PUT", f"/{source}/_split/{source}-odd", {"settings": {"index.number_of_shards": 3}})
    yield Request("DELETE", f"/{source}")


def scaled(index: str) -> Iterator[Request]:
    """Yield what is refused where nothing is stored elsewhere, of an index of its own: it stays blocked."""
    yield sent("PUT", f"/{index}-scaled", {"settings": _ALONE})
    yield sent("POST", f"/{index}-scaled/_scale", {"search_only": True})
    yield Request("DELETE", f"/{index}-scaled")


def rolled_over(index: str) -> Iterator[Request]:
    first, alias = f"{index}-roll-000001", f"{index}-roll"
    yield sent("PUT", f"/{first}", {"settings": _ALONE, "aliases": {alias: {"is_write_index": True}}})
    yield sent("PUT", f"/{alias}/_doc/1?refresh=true", {"kind": "food"})
    yield sent("POST", f"/{alias}/_rollover?dry_run=true", {"conditions": {"max_docs": 1, "max_age": "7d"}})
    yield sent("POST", f"/{alias}/_rollover", {"conditions": {"max_docs": 100}})
    yield sent("POST", f"/{alias}/_rollover", {"settings": _ALONE})
    yield sent("POST", f"/{alias}/_rollover/{index}-roll-named", {"settings": _ALONE})
    yield sent("POST", f"/{index}/_rollover", {})
    # Several would come in any order.
    yield Request("GET", f"/_alias/{alias}?filter_path=*-named.*")
    yield Request("DELETE", f"/{first},{index}-roll-000002,{index}-roll-named")


def snapshots(index: str) -> Iterator[Request]:
    repository, one = f"/_snapshot/{index}-kept", f"/_snapshot/{index}-kept/one"
    place = {"type": "fs", "settings": {"location": f"{index}-kept", "compress": True}}
    yield sent("PUT", f"{repository}?verify=false", place)
    yield sent("POST", repository, place)
    yield sent("PUT", f"/_snapshot/{index}-odd", {"type": "nothing"})
    yield sent("PUT", f"/_snapshot/{index}-odd", {"type": "fs", "settings": {"location": "/"}})
    yield sent("PUT", f"/_snapshot/{index}-odd", {"type": "url", "settings": {"url": "http://nobody.example/"}})
    yield from plain(
        "GET", f"{repository}?filter_path=*.type,*.settings", f"/_snapshot/{index}-none", "/_cat/repositories?v"
    )
    yield from plain("POST", f"{repository}/_verify", by_nature=True)
    chosen = {"indices": index, "include_global_state": False}
    yield Request("PUT", f"{repository}/UPPER")
    for method, name in (("PUT", "one"), ("POST", "two")):
        yield sent(method, f"{repository}/{name}?wait_for_completion=true&filter_path=snapshot.shards", chosen)
    yield sent("PUT", one, chosen)
    yield Request("GET", f"{repository}/one?filter_path=snapshots.state,snapshots.indices")
    yield from plain("GET", one, f"{one}/_status", f"{one}/{index}/_status", f"{repository}/_status", by_nature=True)
    yield from plain(
        "GET", "/_snapshot/_status", f"{repository}/none", f"/_cat/snapshots/{index}-kept?v", by_nature=True
    )
    yield sent("PUT", f"{one}/_clone/three", {"indices": index})
    yield sent("PUT", f"{repository}/none/_clone/four", {"indices": index})
    renamed = {"rename_pattern": "(.+)", "rename_replacement": "$1-restored", "include_aliases": False, **chosen}
    yield sent("POST", f"{one}/_restore?wait_for_completion=true", {**chosen, "indices": index})
    yield sent("POST", f"{one}/_restore?wait_for_completion=true", {**renamed, "index_settings": _READ_ONLY})
    yield Request("GET", f"/{index}-restored/_count")
    yield sent("PUT", f"/{index}-restored/_doc/1", {})
    yield Request("DELETE", f"/{index}-restored")
    yield from plain("DELETE", f"{repository}/three", f"{repository}/one,two", f"{repository}/none")
    yield from plain("POST", f"{repository}/_cleanup", by_nature=True)
    yield from plain("DELETE", repository, repository, f"/_snapshot/{index}-odd")
