"""Weights that the rules hide: what is read through the gateway is what the cluster has, without them."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache

import orjson
import pytest
from csplade.integration.client import connect
from csplade.integration.detect import read_dialect
from csplade.integration.rewrite_config import read_config
from csplade.tests.cluster_lines import MARK, SERVERS, USUAL, LineServers
from csplade.tests.gateway_process import Answer
from csplade.tests.gateway_searches import Json, Stage, odd_mapping, rules, stage, verdict
from csplade.tests.rewrite_index import mapping

pytestmark = pytest.mark.cluster

HIDDEN = ("csplade_terms", "summary_terms", "note_terms", "passages.terms", "csplade_seismic", "csplade_encoded")
QUERY: Json = {"query": {"term": {"lang": "en"}}, "sort": ["year", "title.keyword"], "size": 5}
FILTER: Json = {"term": {"lang": "en"}}
INNER: Json = {"nested": {"path": "passages", "query": {"match_all": {}}}}
ARTICLE: Json = {"title": "fresh bread", "text": "of rye", "passages": [{"text": "salted"}], "lang": "en", "year": 1}


@pytest.fixture(scope="module")
def stages(line_servers: LineServers) -> Iterator[Callable[[str], Stage]]:
    with ExitStack() as stack:

        @cache
        def opened(name: str) -> Stage:
            url = line_servers.url(name)
            dialect = read_dialect(connect(url))
            analyzer = "english" if dialect.distribution == "opensearch" else "standard"
            whole = mapping(dialect.field_type, analyzer, joins=name == "opensearch-3.8")
            keyword = {"type": "text", "fields": {"keyword": {"type": "keyword"}}}
            mapped = {"properties": {**whole["properties"], "csplade_encoded": {"type": "keyword"}, "title": keyword}}
            hide, gateway = {"hide_weights": True}, {"deadline_ms": 10_000, "rollout_header": "x-turn"}
            staged = stack.enter_context(stage(url, "anchored", gateway=gateway, more=hide, mapped=mapped))
            # This one has the mark, too.
            written = staged.ask("PUT", f"/{staged.index('anchored')}/_doc/mine?refresh=true", ARTICLE)
            assert verdict(written) == "rewritten"
            return staged

        yield opened


@pytest.fixture(
    params=[pytest.param(name, marks=[] if name in USUAL else getattr(pytest.mark, MARK)) for name in SERVERS]
)
def staged(request: pytest.FixtureRequest, stages: Callable[[str], Stage]) -> Stage:
    return stages(request.param)


def told(answer: Answer) -> Json:
    """Return an answer without how long it took."""
    found = orjson.loads(answer.body)
    assert answer.status == 200, found
    for each in (found, *found.get("responses", ())):
        each.pop("took", None)
        each.pop("_scroll_id", None)
    return dict(found)


def without(value: object, inside: bool = False) -> object:
    """Return an answer without weights in any `_source`; what is left of a nested object has its own names."""
    if isinstance(value, list):
        return [without(each, inside) for each in value]
    if not isinstance(value, dict):
        return value
    names = {*HIDDEN, "terms"} if inside else set()
    return {name: without(each, inside or name == "_source") for name, each in value.items() if name not in names}


def both(staged: Stage, method: str, path: str, body: object, **headers: str) -> tuple[Json, Json]:
    """Return what the cluster says and what the gateway does."""
    place = f"/{staged.index('anchored')}{path}"
    direct, through = (staged.ask(method, place, body, way, **headers) for way in (True, False))
    return told(direct), told(through)


def shows(answer: object) -> bool:
    return b"_terms" in orjson.dumps(answer) or b'"terms"' in orjson.dumps(answer)


HIDING: dict[str, tuple[str, str, Json | None]] = {
    "all": ("POST", "/_search", QUERY),
    "in a shadow of parameters": ("GET", "/_search?q=lang:en&sort=year&size=3", None),
    "true": ("POST", "/_search", {**QUERY, "_source": True}),
    "a pattern": ("POST", "/_search", {**QUERY, "_source": "*"}),
    "patterns": ("POST", "/_search", {**QUERY, "_source": ["title", "csplade*", "pass*"]}),
    "an object": ("POST", "/_search", {**QUERY, "_source": ["passages"]}),
    "nothing named": ("POST", "/_search", {**QUERY, "_source": []}),
    "no filter": ("POST", "/_search", {**QUERY, "_source": {}}),
    "includes": ("POST", "/_search", {**QUERY, "_source": {"includes": ["p*", "year", "l*"], "excludes": "lang"}}),
    "excludes": ("POST", "/_search", {**QUERY, "_source": {"excludes": ["title", "note*"]}}),
    "parameter true": ("POST", "/_search?_source=true", {**QUERY, "_source": ["csplade_terms"]}),
    "parameter over body": ("POST", "/_search?_source=t*,csplade*", {**QUERY, "_source": False}),
    "parameters": ("POST", "/_search?_source_includes=*_terms,year&_source_excludes=note*", QUERY),
    "stored": ("POST", "/_search", {**QUERY, "stored_fields": ["_source"]}),
    "stored parameter": ("POST", "/_search?stored_fields=_source", QUERY),
    "collapse": ("POST", "/_search", {**QUERY, "collapse": {"field": "year", "inner_hits": {"name": "a", "size": 2}}}),
    "collapse twice": (
        "POST",
        "/_search",
        {**QUERY, "collapse": {"field": "year", "inner_hits": [{"name": "a"}, {"name": "b", "_source": ["c*"]}]}},
    ),
    "inner hits": (
        "POST",
        "/_search",
        {**QUERY, "query": {"bool": {"filter": [{"nested": {**INNER["nested"], "inner_hits": {}}}]}}},
    ),
    "inner hits filtered": (
        "POST",
        "/_search",
        {
            **QUERY,
            "_source": False,
            "query": {"nested": {**INNER["nested"], "inner_hits": {"_source": ["passages.*"]}}},
        },
    ),
    "top hits": (
        "POST",
        "/_search",
        {
            "size": 0,
            "query": FILTER,
            "aggs": {"a": {"terms": {"field": "lang"}, "aggs": {"top_hits": {"top_hits": {"sort": ["year"]}}}}},
        },
    ),
    "several": ("POST", "/_msearch", None),
    "a document": ("GET", "/_doc/d1", None),
    "a document by parameters": ("GET", "/_doc/d1?_source=title,csplade*&_source_excludes=x", None),
    "its source": ("GET", "/_source/mine", None),
    "documents": ("POST", "/_mget", {"ids": ["d1", "d2", "mine", "none"]}),
    "documents with parameters": (
        "POST",
        "/_mget?_source=t*,p*",
        {"docs": [{"_id": "d1"}, {"_id": "d2", "_source": "*"}]},
    ),
    "documents by themselves": (
        "POST",
        "/_mget",
        {
            "docs": [
                {"_id": "d1"},
                {"_id": "d2", "_source": ["p*"]},
                {"_id": "d3", "_source": {"include": ["*"], "exclude": ["note"]}},
                {"_id": "d4", "_source": False},
            ]
        },
    ),
    "explained": ("POST", "/_explain/d1?_source=true", {"query": FILTER}),
}


@pytest.mark.parametrize("turn", ["on", "off"])
@pytest.mark.parametrize("form", HIDING)
def test_all_but_the_weights_comes_back(staged: Stage, form: str, turn: str) -> None:
    method, path, asked = HIDING[form]
    body: object = asked
    if path == "/_msearch":
        each = (QUERY, {**QUERY, "_source": ["pass*"]}, {**QUERY, "_source": False})
        body = b"".join(orjson.dumps(line) + b"\n" for one in each for line in ({}, one))
    direct, through = both(staged, method, path, body, x_turn=turn)
    if path == "/_source/mine":
        direct, through = {"_source": direct}, {"_source": through}
    assert through == without(direct)
    # Newer Elasticsearch keeps vectors out of all that it is not asked to show.
    assert shows(direct) or read_dialect(staged.direct).hides_weights
    assert not shows(through)


SAME: dict[str, tuple[str, str, Json | None]] = {
    "named": ("POST", "/_search", {**QUERY, "_source": ["title", "csplade_terms"]}),
    "named terms": ("POST", "/_search", {**QUERY, "_source": {"includes": ["csplade_terms.bread", "csplade_encoded"]}}),
    "none": ("POST", "/_search", {**QUERY, "_source": False}),
    "no parameter": ("POST", "/_search?_source=false", QUERY),
    "others": ("POST", "/_search", {**QUERY, "_source": ["title", "year"]}),
    "stored": ("POST", "/_search", {**QUERY, "stored_fields": []}),
    "nothing stored": ("POST", "/_search", {**QUERY, "stored_fields": "_none_"}),
    "nothing stored by parameter": ("POST", "/_search?stored_fields=_none_", QUERY),
    "stored parameter": ("POST", "/_search?stored_fields=title", QUERY),
    "to write back": ("POST", "/_search", {**QUERY, "seq_no_primary_term": True}),
    "document": ("GET", "/_doc/d1?_source=csplade_terms,title", None),
    "no source": ("GET", "/_doc/d1?_source=false", None),
    "stored of a document": ("GET", "/_doc/d1?stored_fields=title", None),
    "documents": (
        "POST",
        "/_mget",
        {"docs": [{"_id": "d1", "_source": "note_terms"}, {"_id": "d2", "stored_fields": "a"}]},
    ),
    "explained": ("POST", "/_explain/d1", {"query": FILTER}),
    "counted": ("POST", "/_count", {"query": FILTER}),
}


@pytest.mark.parametrize("form", SAME)
def test_what_is_named_or_not_asked_for_is_as_it_was(staged: Stage, form: str) -> None:
    direct, through = both(staged, *SAME[form])
    assert through == direct


def test_a_rewritten_search_hides_them_on_all_pages(staged: Stage) -> None:
    body = {"query": {"match": {"text": "fresh salted bread"}}, "size": 4}
    path = f"/{staged.index('anchored')}/_search?scroll=1m"
    answer = staged.ask("POST", path, body)
    assert verdict(answer) == "rewritten"
    while (page := orjson.loads(answer.body))["hits"]["hits"]:
        assert not shows(page)
        assert any("_source" in hit for hit in page["hits"]["hits"])
        answer = staged.ask("POST", "/_search/scroll", {"scroll": "1m", "scroll_id": page["_scroll_id"]})


def test_what_an_update_gives_back_is_without_them(staged: Stage) -> None:
    for path, more in (("?_source=true", {}), ("", {"_source": True}), ("?_source=t*,c*", {})):
        place = f"/{staged.index('anchored')}/_update/mine{path}"
        answer = staged.ask("POST", place, {"doc": {"text": f"of rye {path}"}, **more})
        found = orjson.loads(answer.body)["get"]["_source"]
        assert found["title"] == "fresh bread"
        assert not {*HIDDEN} & {*found}
    plain = staged.ask("POST", f"/{staged.index('anchored')}/_update/mine", {"doc": {"year": 2}})
    assert "get" not in orjson.loads(plain.body)


def test_a_document_that_is_read_and_written_back_keeps_its_weights(staged: Stage) -> None:
    place = f"/{staged.index('anchored')}/_doc/back"
    staged.ask("PUT", place, ARTICLE)
    read = orjson.loads(staged.ask("GET", place).body)["_source"]
    before = staged.ask("GET", f"{place}?_source=csplade_terms,csplade_encoded", direct=True).body
    assert not {*HIDDEN} & {*read}
    assert staged.ask("PUT", f"{place}?refresh=true", {**read, "year": 3}).status == 200
    after = staged.ask("GET", f"{place}?_source=csplade_terms,csplade_encoded", direct=True).body
    staged.ask("DELETE", f"{place}?refresh=true", direct=True)
    assert "csplade_encoded" in orjson.loads(after)["_source"]
    assert orjson.loads(after)["_source"] == orjson.loads(before)["_source"]


@pytest.mark.parametrize(
    ("method", "path", "body", "reason"),
    [
        ("POST", "/_search", {**QUERY, "fields": ["*"]}, "fields"),
        ("POST", "/_search", b'{"query": {"match_all": {}}, "size": 1, "size": 2}', "not_read"),
        ("POST", "/_search", {**QUERY, "_source": {"include": ["*"], "includes": ["*"]}}, "fields"),
    ],
)
def test_where_they_cannot_be_hidden_it_is_counted(
    staged: Stage, method: str, path: str, body: object, reason: str
) -> None:
    series = f'shown_weights_total{{reason="{reason}"}}'
    before = staged.gateway.counts()[series]
    direct = staged.ask(method, f"/{staged.index('anchored')}{path}", body, direct=True)
    assert staged.ask(method, f"/{staged.index('anchored')}{path}", body).status == direct.status
    assert staged.gateway.counts()[series] == before + 1


def test_nothing_is_hidden_unless_the_rules_say_so() -> None:
    for said, hidden in (({}, ()), ({"hide_weights": True}, HIDDEN)):
        (found,) = read_config({"index": [rules("a", **said)]}, "x").rules
        assert found.hidden_fields == hidden


def test_documents_of_several_indexes_have_the_rules_of_their_own(staged: Stage) -> None:
    body = {"docs": [{"_index": staged.index(name), "_id": "d1"} for name in ("anchored", "other")]}
    direct, through = (told(staged.ask("POST", "/_mget", body, way))["docs"] for way in (True, False))
    assert through == [without(direct[0]), direct[1]]
    series = 'shown_weights_total{reason="fields"}'
    before = staged.gateway.counts()[series]
    # What the address says holds for both.
    direct, through = (told(staged.ask("POST", "/_mget?_source=*", body, way))["docs"] for way in (True, False))
    assert through == direct
    assert staged.gateway.counts()[series] == before + 1


@pytest.fixture
def filling(stages: Callable[[str], Stage]) -> Iterator[Stage]:
    """Give a line with templates, one of them stored."""
    staged = stages("opensearch-3.8")
    source = '{"query": {"match": {"text": "{{q}}"}}{{#year}}, "sort": ["year"]{{/year}}}'
    staged.direct.put_script(id=staged.name, body={"script": {"lang": "mustache", "source": source}})
    yield staged
    staged.direct.delete_script(id=staged.name)


def test_hits_of_templates_come_without_them(filling: Stage) -> None:
    place = f"/{filling.index('anchored')}/_search/template"
    match, term = ({"match": {"text": "{{q}}"}}, {"term": {"lang": "{{q}}"}})
    for template in (
        {"id": filling.name, "params": {"q": "fresh bread"}},
        {"source": {"query": match, "size": "{{n}}"}, "params": {"q": "fresh bread", "n": 3}},
        {"source": orjson.dumps({"query": term}).decode(), "params": {"q": "en"}},
        {"source": {"query": match, "_source": ["title", "c*"]}, "params": {"q": "fresh bread"}},
    ):
        direct, through = (told(filling.ask("POST", place, template, way)) for way in (True, False))
        assert through["hits"]["total"] == direct["hits"]["total"]
        assert shows(direct["hits"]["hits"])
        assert not shows(through["hits"]["hits"])
        assert all("_source" in hit for hit in through["hits"]["hits"])


def test_a_template_that_is_not_rewritten_once_it_is_filled_shows_them_and_is_counted(filling: Stage) -> None:
    series = 'shown_weights_total{reason="template"}'
    before = filling.gateway.counts()[series]
    template = {"id": filling.name, "params": {"q": "fresh bread", "year": True}}
    place = f"/{filling.index('anchored')}/_search/template"
    direct, through = (told(filling.ask("POST", place, template, way)) for way in (True, False))
    assert through == direct
    assert filling.gateway.counts()[series] == before + 1


MATCH: Json = {"match": {"text": "{{q}}"}}
STORED: dict[str, Json] = {
    "good": {"query": MATCH},
    "sorted": {"query": MATCH, "sort": ["year"]},
    "fields": {"query": MATCH, "fields": ["csplade_en*"]},
}


@pytest.fixture
def stored(stages: Callable[[str], Stage]) -> Iterator[Stage]:
    """Give a line with stored templates, and an index of which the cluster refuses rewritten searches."""
    staged = stages("opensearch-3.8")
    for name, source in STORED.items():
        script = {"lang": "mustache", "source": orjson.dumps(source).decode()}
        staged.direct.put_script(id=f"{staged.name}-{name}", body={"script": script})
    bad = staged.index("anchored-bad")
    staged.direct.indices.create(index=bad, body={"mappings": odd_mapping()})
    staged.direct.index(index=bad, id="odd", body={"text": "bread"}, params={"refresh": "true"})
    yield staged
    staged.direct.indices.delete(index=bad)
    for name in STORED:
        staged.direct.delete_script(id=f"{staged.name}-{name}")


@pytest.mark.parametrize(
    ("names", "turn", "index", "counted"),
    [
        (["good"], "on", "anchored", (0, 0)),
        (["good"], "off", "anchored", (1, 0)),
        (["good"], "shadow", "anchored", (1, 0)),
        (["good"], "on", "anchored-bad", (1, 0)),
        (["fields"], "on", "anchored", (0, 1)),
        (["none"], "on", "anchored", (0, 0)),
        (["good", "sorted", "sorted", "fields"], "on", "anchored", (2, 1)),
        (["good", "sorted", "sorted", "fields"], "off", "anchored", (4, 0)),
    ],
)
def test_each_template_is_counted_as_it_is_answered(
    stored: Stage, names: list[str], turn: str, index: str, counted: tuple[int, int]
) -> None:
    def shown() -> list[float]:
        counts = stored.gateway.counts()
        return [counts[f'shown_weights_total{{reason="{reason}"}}'] for reason in ("template", "fields")]

    before, place = shown(), f"/{stored.index(index)}"
    each = [{"id": f"{stored.name}-{name}", "params": {"q": "fresh bread"}} for name in names]
    if len(each) == 1:
        stored.ask("POST", f"{place}/_search/template", each[0], x_turn=turn)
    else:
        body = b"".join(orjson.dumps(line) + b"\n" for one in each for line in ({}, one))
        stored.ask("POST", f"{place}/_msearch/template", body, content_type="application/x-ndjson", x_turn=turn)
    assert tuple(now - then for now, then in zip(shown(), before, strict=True)) == counted


@pytest.mark.parametrize("line", [pytest.param("elasticsearch-7.17", marks=getattr(pytest.mark, MARK))])
def test_a_path_with_the_type_of_documents_in_it_reads_one_too(stages: Callable[[str], Stage], line: str) -> None:
    staged = stages(line)
    direct, through = both(staged, "GET", "/_doc/d1/_source", None)
    assert {"_source": through} == without({"_source": direct})
    assert through != direct
