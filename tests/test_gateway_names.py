"""Indexes as requests name them: those that are not there, hidden ones, and names that no index can have."""

from collections.abc import Iterator

import orjson
import pytest
from csplade.integration.gateway_items import read_items
from csplade.integration.gateway_json import UnreadJson
from csplade.integration.gateway_names import Names
from csplade.tests.cluster_lines import ClusterLine
from csplade.tests.gateway_process import ask
from csplade.tests.gateway_searches import Json, Stage, hits, request, rules, stage, verdict
from csplade.tests.gateway_words import rewriting
from csplade.tests.rewrite_index import mapping
from csplade.tests.scripted_cluster import INDEX, Asked, Said, ids, lines, match, playing

BODY: Json = {**match("fresh salted bread"), "size": 20}
KIND = "application/x-ndjson"
BARE: Json = {"mappings": {"properties": {"text": {"type": "text"}}}}


@pytest.fixture
def staged(line: ClusterLine) -> Iterator[Stage]:
    """An index with weights, one without, one of another encoder, and a hidden one without; all have the same rules."""
    mapped = mapping(line.dialect.field_type, line.analyzer, joins=False)
    foreign = {**mapped, "_meta": {"csplade": {"fingerprint": "another"}}}
    with stage(line.url, "replace", mapped=mapped) as running:
        make = running.direct.indices.create
        make(index=running.index("replace-bare"), body=BARE)
        make(index=running.index("replace-foreign"), body={"mappings": foreign})
        make(index=running.index("replaced"), body={**BARE, "settings": {"index.hidden": True}})
        yield running


@pytest.mark.cluster
def test_of_indexes_of_which_some_are_missing_the_others_are_looked_at(staged: Stage) -> None:
    index, query = staged.index("replace"), "ignore_unavailable=true"
    wanted = hits(staged.ask("POST", f"/{index}/_search", BODY))
    for names, said in (
        (index, "rewritten"),
        (staged.index("replace-bare"), "passed; no_weights_field"),
        (staged.index("replace-foreign"), "passed; other_encoder"),
    ):
        answer = staged.ask("POST", f"/{names},{staged.name}-replace-gone/_search?{query}", BODY)
        assert verdict(answer) == said
        direct = hits(staged.ask("POST", f"/{names}/_search", BODY, direct=True))
        assert hits(answer) == (wanted if said == "rewritten" else direct)
        # Without it there is no such search.
        answer = staged.ask("POST", f"/{names},{staged.name}-replace-gone/_search", BODY)
        assert (answer.status, verdict(answer)) == (404, "passed; unresolved")
    answer = staged.ask("POST", f"/{staged.name}-nothing*/_search?allow_no_indices=false", BODY)
    assert (answer.status, verdict(answer)) == (404, "passed; unresolved")


@pytest.mark.cluster
def test_each_of_several_searches_may_say_which_indexes_it_means(staged: Stage) -> None:
    index, bare, gone = (staged.index(f"replace{more}") for more in ("", "-bare", "-gone"))
    headers: list[tuple[Json, bool]] = [
        ({"index": f"{index},{gone}", "ignore_unavailable": True}, True),
        ({"index": [index, gone], "ignoreUnavailable": "true"}, True),
        ({"index": f"{bare},{gone}", "ignore_unavailable": True}, False),
        ({"index": f"{index},{gone}"}, False),
        ({"index": f"{index}*,-{index}-*"}, True),
        # The hidden one has no weights.
        ({"index": f"{index}*,-{index}-*", "expand_wildcards": ["open", "hidden"]}, False),
        ({"index": f"{index}*,-{index}-*", "expandWildcards": "all"}, False),
    ]
    for whole in ("", "?expand_wildcards=open"):
        body = lines(*(each for header, _ in headers for each in (header, BODY)))
        answer = staged.ask("POST", f"/_msearch{whole}", body, content_type=KIND)
        assert verdict(answer) == "rewritten; 3 of 7"
        wanted = hits(staged.ask("POST", f"/{index}/_search", BODY))
        found = orjson.loads(answer.body)["responses"]
        ranked = [[(hit["_id"], hit["_score"]) for hit in one.get("hits", {}).get("hits", ())] for one in found]
        assert [one == wanted for one in ranked] == [rewritten for _, rewritten in headers]
    body = lines({"index": f"{index}*,-{index}-*"}, BODY)
    answer = staged.ask("POST", "/_msearch?expand_wildcards=all", body, content_type=KIND)
    assert verdict(answer) == "passed; no_weights_field"


@pytest.mark.cluster
def test_names_that_no_index_can_have_cost_the_rest_of_a_request_nothing(staged: Stage) -> None:
    index, odd = staged.index("replace"), b'"\\ud800"'
    good = lines({"index": index}, BODY)
    for header in (b'{"index":%b}\n' % odd, b'{"index":"%b","expand_wildcards":%b}\n' % (index.encode(), odd)):
        body = good + header + b'{"size":1}\n'
        answer, direct = (staged.ask("POST", "/_msearch", body, way, content_type=KIND) for way in (False, True))
        assert answer.status == direct.status
        assert answer.status >= 400 or verdict(answer) == "rewritten; 1 of 2"
    # A cluster that was to make an index of that name would lose its manager for a moment.
    written = b'{"index":{"_index":%b,"_id":"1","require_alias":true}}\n{"text":"rye"}\n' % odd
    body = written + lines({"index": {"_index": index, "_id": "new"}}, {"text": "bread"})
    answer = staged.ask("POST", "/_bulk", body, content_type=KIND)
    assert (answer.status, verdict(answer)) == (200, "rewritten; 1 of 2")
    assert staged.ask("GET", f"/{index}/_doc/new", direct=True).status == 200


def test_a_name_of_half_a_character_is_no_fault_where_weights_are_hidden() -> None:
    with playing(hide_weights=True) as play:
        answer = play.ask("POST", "/_mget", b'{"docs":[{"_index":"\\ud800","_id":"1"}]}')
        assert (answer.status, answer.refused) == (200, None)


@pytest.mark.cluster
def test_fields_that_are_older_than_the_cluster_are_asked_as_they_are(opensearch: str) -> None:
    # A newer Elasticsearch would make other fields. The one that can be fetched lacks the module for the older ones.
    with (
        stage(opensearch, "replace", options=("--dialect", "elasticsearch")) as running,
        rewriting(opensearch, {"index": [rules(f"{running.name}-replace*")]}) as usual,
    ):
        path = f"/{running.index('replace')}/_search"
        answer = running.ask("POST", path, BODY)
        assert verdict(answer) == "rewritten"
        assert hits(answer) == hits(ask(usual.port, request("POST", path, BODY, {})))


def test_fields_of_two_types_are_not_asked_in_one_search_but_written() -> None:
    def upgraded(asked: Asked) -> Said | None:
        if "/_resolve/index/" in asked.target:
            return Said(
                {"indices": [{"name": "articles-1"}, {"name": "articles-2"}], "aliases": [], "data_streams": []}
            )
        kinds = {"articles-1": "rank_features", "articles-2": "sparse_vector"}
        told = {name: {"mappings": mapping(kind)} for name, kind in kinds.items()}
        return Said(told) if "/_mapping" in asked.target else None

    with playing(upgraded, ("--dialect", "elasticsearch")) as play:
        answer = play.search()
        assert (verdict(answer), ids(answer)) == ("passed; mixed_fields", ["bm25"])
        assert verdict(play.ask("PUT", f"/{INDEX}/_doc/1", {"text": "bread"})) == "rewritten"


def test_what_a_header_says_is_stronger_than_the_request() -> None:
    (item,) = read_items(b'{"index":["a","b"],"expand_wildcards":["open","hidden"],"ignore_unavailable":false}\n{}\n')
    assert item.names == Names("a,b", "open,hidden", "false")
    whole = Names("c", "all", "true", "false")
    assert item.names.within(whole) == Names("a,b", "open,hidden", "false", "false")
    assert Names("").within(whole) == whole
    assert Names("a b,c*", ignore_unavailable="true").written() == (b"a%20b,c*", b"ignore_unavailable=true")


@pytest.mark.parametrize("header", [b'{"index":7}', b'{"ignore_unavailable":7}', b'{"expand_wildcards":[7]}'])
def test_a_header_that_is_not_understood_leaves_the_request_to_the_cluster(header: bytes) -> None:
    with pytest.raises(UnreadJson):
        read_items(header + b"\n{}\n")
