"""Templates that the cluster has to fill: it is asked, and the body that they stand for is rewritten.

The archives of the older lines lack the module for templates, which Maven Central has for them; that of Elasticsearch 9
is nowhere.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from functools import cache
from urllib.parse import quote

import orjson
import pytest
from csplade.integration.client import connect
from csplade.integration.detect import read_dialect
from csplade.integration.dialect import Dialect
from csplade.integration.rewrite import rewrite
from csplade.integration.rewrite_policy import RewriteMode, RewriteOptions
from csplade.integration.servers import Server
from csplade.tests.cluster_lines import MARK, SERVERS, LineServers
from csplade.tests.extended_server import add_templates, extended
from csplade.tests.gateway_process import Answer
from csplade.tests.gateway_searches import Json, Stage, hits, stage, verdict
from csplade.tests.rewrite_case import match
from csplade.tests.rewrite_index import FIELD_MAP, mapping
from csplade.tests.rewrite_template_cases import SECTIONS, STORED, TEMPLATE_CASES, TemplateCase
from csplade.tests.word_encoder import word_vector

pytestmark = pytest.mark.cluster

TEXT = "fresh salted bread"
PARAMS: Json = {"q": TEXT, "lang": "en"}

LACKING = ("opensearch-2.19", "elasticsearch-7.17")
OTHERS = ("opensearch-2.19", "elasticsearch-7.17", "opensearch-3.6-neural")


@dataclass(frozen=True)
class Templates:
    """A line with templates, the gateway in front, and a stored template."""

    staged: Stage
    dialect: Dialect

    def ask(self, template: object, mode: str = "replace", params: str = "", direct: bool = False) -> Answer:
        return self.staged.ask("POST", f"/{self.staged.index(mode)}/_search/template{params}", template, direct)

    def wanted(self, body: Json, mode: str = "replace") -> list[tuple[str, float]]:
        """Return the hits of what the rewriter makes of a body, asked of the cluster itself."""
        done = rewrite(body, FIELD_MAP, word_vector, RewriteOptions(RewriteMode(mode), dialect=self.dialect))
        path = f"/{self.staged.index(mode)}/_search"
        return hits(self.staged.ask("POST", path, dict(done.body), direct=True))

    def several(self, *templates: object, direct: bool = False, mode: str = "replace") -> Answer:
        lines = b"".join(orjson.dumps(line) + b"\n" for template in templates for line in ({}, template))
        path = f"/{self.staged.index(mode)}/_msearch/template"
        return self.staged.ask("POST", path, lines, direct, content_type="application/x-ndjson")


def search(lang: str = "en") -> Json:
    """Return what the stored template stands for."""
    return {"query": {"bool": {"must": [match(TEXT)], "filter": [{"term": {"lang": lang}}]}}}


@pytest.fixture(scope="module")
def lines_with_templates(line_servers: LineServers) -> Iterator[Callable[[str], Templates]]:
    with ExitStack() as stack:

        @cache
        def opened(name: str) -> Templates:
            url = stack.enter_context(_with_module(SERVERS[name])) if name in LACKING else line_servers.url(name)
            dialect = read_dialect(connect(url))
            whole = dialect.distribution == "opensearch"
            mapped = mapping(
                dialect.field_type, "english" if whole else "standard", joins=whole and name not in LACKING
            )
            staged = stack.enter_context(
                stage(url, "replace", "anchored", gateway={"deadline_ms": 10_000}, mapped=mapped)
            )
            staged.direct.put_script(id=STORED, body={"script": {"lang": "mustache", "source": SECTIONS}})
            stack.callback(staged.direct.delete_script, id=STORED)
            return Templates(staged, dialect)

        yield opened


def _with_module(server: Server) -> AbstractContextManager[str]:
    return extended(server, lambda _ground, home: add_templates(server, home))


@pytest.fixture(
    params=["opensearch-3.8", *(pytest.param(name, marks=getattr(pytest.mark, MARK)) for name in OTHERS)],
)
def templates(request: pytest.FixtureRequest, lines_with_templates: Callable[[str], Templates]) -> Templates:
    """Give each line that has templates, or can be given them, in turn."""
    return lines_with_templates(request.param)


@pytest.mark.parametrize("mode", ["replace", "anchored"])
def test_a_stored_template_is_rewritten_once_it_is_filled(templates: Templates, mode: str) -> None:
    template = {"id": STORED, "params": PARAMS}
    answer = templates.ask(template, mode)
    assert verdict(answer) == "rewritten"
    assert hits(answer) == templates.wanted(search(), mode)
    assert hits(answer) != hits(templates.ask(template, mode, direct=True))
    direct, through = (orjson.loads(templates.ask(template, mode, direct=way).body) for way in (True, False))
    assert [*through] == [*direct]
    if mode == "anchored":
        assert through["hits"]["total"] == direct["hits"]["total"]


@pytest.mark.parametrize("case", TEMPLATE_CASES, ids=lambda case: case.about)
def test_whatever_the_cluster_fills_is_rewritten(templates: Templates, case: TemplateCase) -> None:
    answer = templates.ask(case.template)
    assert hits(answer) == templates.wanted(case.search)
    assert verdict(answer) == ("passed; nothing_to_rewrite" if case.search.get("sort") == ["year"] else "rewritten")


def test_options_of_templates_and_of_the_address_mean_what_they_did(templates: Templates) -> None:
    template = {"id": STORED, "params": PARAMS, "explain": True, "profile": True}
    plain = {"id": STORED, "params": PARAMS}
    for asked, params in (
        (template, ""),
        (plain, "?typed_keys=true&routing=d1"),
        (plain, "?rest_total_hits_as_int=true&preference=_local&request_cache=false"),
        (plain, "?scroll=1m"),
        # What clusters pass over with templates.
        (plain, "?size=1&_source=false&explain=true&sort=year"),
        (plain, "?search_type=dfs_query_then_fetch&filter_path=hits.hits._id,hits.hits._explanation"),
        (template, "?filter_path=hits.hits._id,hits.hits._explanation.value,profile.shards.searches.rewrite_time"),
    ):
        direct, through = (templates.ask(asked, "anchored", params, way) for way in (True, False))
        assert verdict(through) == "rewritten", params
        told = [orjson.loads(answer.body) for answer in (direct, through)]
        assert [names(each) for each in told] == [names(told[0])] * 2, params
        if "hits" in told[0] and "total" in told[0]["hits"]:
            assert told[1]["hits"]["total"] == told[0]["hits"]["total"]


def names(answer: object) -> object:
    """Return the names in an answer, without what differs by the query that is explained."""
    own = ("_explanation", "profile", "_scroll_id", "_source", "_routing")
    if isinstance(answer, dict):
        return {name: None if name in own else names(value) for name, value in answer.items()}
    return sorted({str(names(each)) for each in answer} - {"None"}) if isinstance(answer, list) else None


def test_a_query_beside_a_template_is_the_cluster_s_to_judge(templates: Templates) -> None:
    answer = templates.ask({"id": STORED, "params": PARAMS}, params="?q=rye")
    assert verdict(answer) == "passed; not_read"


def test_a_template_in_the_address_is_rewritten(templates: Templates) -> None:
    source = orjson.dumps({"id": STORED, "params": PARAMS}).decode()
    path = f"/{templates.staged.index('replace')}/_search/template"
    answer = templates.staged.ask("GET", f"{path}?source_content_type=application/json&source={quote(source)}")
    assert verdict(answer) == "rewritten"
    assert hits(answer) == templates.wanted(search())


@pytest.mark.parametrize(
    "template",
    [
        {"id": "no-such-template", "params": PARAMS},
        {"source": "{{#open}}", "params": PARAMS},
        {"source": '{"query": {{q}}}', "params": {"q": "{"}},
        {"source": '{"query": {"match": {"text": "{{q}}"}}, "x": {{y}}', "params": {"q": "bread", "y": 1}},
        {"id": STORED, "source": 7},
        {"id": STORED, "params": [1]},
        {"id": STORED, "nonsense": 1, "params": PARAMS},
        {"source": '{"query": {"nonsense": {"text": "{{#q}}{{q}}{{/q}}"}}}', "params": PARAMS},
        {"source": '{"from": -{{n}}, "query": {"match": {"text": "{{q}}"}}}', "params": {"q": "bread", "n": 5}},
    ],
)
def test_what_is_wrong_with_a_template_the_cluster_says_itself(templates: Templates, template: Json) -> None:
    direct, through = (templates.ask(template, direct=way) for way in (True, False))
    assert (through.status, through.body) == (direct.status, direct.body)
    # Elasticsearch 7 stumbles over a negative number.
    assert through.status in (400, 404, 500)
    assert not (verdict(through) or "").startswith("rewritten")


@pytest.mark.parametrize("name", ["template_output", "more"])
def test_a_template_with_a_brace_too_many_is_left_to_the_cluster(templates: Templates, name: str) -> None:
    # Clusters read it up to that brace. In their answer it stands beside what they made of it.
    template = {
        "source": f'{{"query": {{"match": {{"text": "{{{{q}}}} bread"}}}}}}, "{name}": {{"size": 1',
        "params": PARAMS,
    }
    direct, through = (templates.ask(template, direct=way) for way in (True, False))
    assert verdict(through) == "failed-open; not_rendered"
    assert hits(through) == hits(direct)


def test_of_several_templates_each_is_rewritten_that_can_be_filled(templates: Templates) -> None:
    asked = (
        {"id": STORED, "params": PARAMS, "explain": True},
        {"id": "no-such-template"},
        {"source": {"query": match("{{q}}")}, "params": PARAMS},
        {"source": '{"query": {{q}}}', "params": {"q": "{"}},
        {"source": SECTIONS, "params": {**PARAMS, "lang": "de"}},
        {"source": {"query": {"term": {"lang": "{{lang}}"}}}, "params": PARAMS},
        {"id": STORED, "params": PARAMS},
    )
    direct, through = (templates.several(*asked, direct=way) for way in (True, False))
    assert verdict(through) == "rewritten; 4 of 7"
    told, found = (orjson.loads(answer.body)["responses"] for answer in (direct, through))
    for place in (1, 3):
        assert found[place] == told[place]
        assert "error" in found[place]
    ranked = [[(hit["_id"], hit["_score"]) for hit in one.get("hits", {}).get("hits", ())] for one in found]
    wanted = (search(), {"query": match(TEXT)}, search("de"), search())
    assert [ranked[place] for place in (0, 2, 4, 6)] == [*map(templates.wanted, wanted)]
    assert "_explanation" in found[0]["hits"]["hits"][0]
    assert "_explanation" not in found[6]["hits"]["hits"][0]
    assert [*map(sorted, found)] == [*map(sorted, told)]


def test_a_stored_template_is_compiled_once_whatever_is_asked_for(templates: Templates) -> None:
    # A cluster compiles 75 new ones in five minutes, and refuses what comes then.
    for number in range(120):
        answer = templates.ask({"id": STORED, "params": {**PARAMS, "q": f"fresh bread {number}"}})
        assert (answer.status, verdict(answer)) == (200, "rewritten"), answer.body
