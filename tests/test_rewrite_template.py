"""Search templates: rewritten where a parameter is a whole text, passed where a blank could be anything."""

import copy
import re
from typing import Any

import orjson
import pytest
from csplade.integration.rewrite_policy import RewriteMode, RewriteOptions
from csplade.integration.rewrite_report import Rewritten
from csplade.integration.rewrite_template import rewrite_rendered, rewrite_template, wants_rendering
from csplade.pipelines.sparse import SparseVector
from csplade.tests.rewrite_case import Q, anchored, filled, match, multi, weights
from csplade.tests.rewrite_index import FIELD_MAP, terms
from csplade.tests.rewrite_template_cases import TEMPLATE_CASES, TemplateCase
from csplade.tests.word_encoder import word_vector

Json = dict[str, Any]  # Any: JSON values
_WEIGHTS = re.compile(r"\{\{#toJson\}\}(\w+)\{\{/toJson\}\}")
PARAMS = {"q": Q, "lang": "en", "size": 5, "number": 7}


def done(source: object, mode: RewriteMode = RewriteMode.REPLACE, **more: object) -> Rewritten:
    return rewrite_template({"source": source, "params": PARAMS, **more}, FIELD_MAP, word_vector, RewriteOptions(mode))


def nested(**options: object) -> Json:
    return {"nested": {"path": "passages", "query": match("{{q}}", "passages.text"), **options}}


def filled_in(result: Rewritten) -> Json:
    """Return the body with its source as the cluster reads it, weights filled in, other blanks as they are."""
    params = dict(result.body["params"])
    source = _WEIGHTS.sub(lambda found: orjson.dumps(params.pop(found[1])).decode(), result.body["source"])
    assert not [name for name in params if name not in PARAMS]
    return {**result.body, "source": orjson.loads(source), "params": params}


def test_a_parameter_that_is_a_whole_text_is_known() -> None:
    source = {
        "query": {"bool": {"must": [match("{{q}}")], "filter": [{"term": {"lang": "{{lang}}"}}]}},
        "size": "{{size}}",
    }
    result = done(source, profile=True)
    query = {"bool": {"must": [terms(Q)], "filter": [{"term": {"lang": "{{lang}}"}}]}}
    assert filled_in(result) == {"source": {"query": query, "size": "{{size}}"}, "params": PARAMS, "profile": True}
    assert result.changes[0].path == "$.source.query.bool.must[0]"


def test_the_original_keeps_its_blank() -> None:
    result = done({"query": match("{{ q }}")}, RewriteMode.ANCHORED)
    assert filled_in(result)["source"] == {"query": filled(anchored(match("{{ q }}"), weights(Q)))}


def test_a_source_may_be_a_string() -> None:
    result = done(orjson.dumps({"query": match("{{q}}"), "size": "{{size}}"}).decode())
    assert filled_in(result)["source"] == {"query": terms(Q), "size": "{{size}}"}


@pytest.mark.parametrize("mode", list(RewriteMode))
def test_the_same_source_is_sent_whatever_text_is_asked_for(mode: RewriteMode) -> None:
    # A cluster compiles few new ones a minute.
    should = [match("{{q}}", boost=2), match("{{ q }}", "summary"), {"term": {"lang": "{{lang}}"}}]
    body = {"source": {"query": {"bool": {"should": should}}, "highlight": {"fields": {"text": {}}}}}
    sent = {
        rewrite_template({**body, "params": {"q": text}}, FIELD_MAP, word_vector, RewriteOptions(mode)).body["source"]
        for text in ("fresh bread", "rye", "how to keep a loaf from going stale")
    }
    assert len(sent) == 1


def test_names_that_are_used_here_are_left_to_others() -> None:
    for body in (
        {"source": {"query": match("{{q}}")}, "params": {"q": Q, "csplade_part_0": 1}},
        {"source": {"query": {"bool": {"must": [match("{{q}}"), match("csplade_part_0")]}}}, "params": PARAMS},
        {"source": {"query": match("bread")}, "params": [1]},
    ):
        assert rewrite_template(body, FIELD_MAP, word_vector, RewriteOptions()).body is body


@pytest.mark.parametrize("text", ["{{unknown}}", "{{number}}", "fresh {{q}}", "{{q}}{{q}}"])
def test_a_text_that_only_the_cluster_knows_passes(text: str) -> None:
    result = done({"query": {"bool": {"should": [match(text), match(Q)]}}})
    assert filled_in(result)["source"] == {"query": {"bool": {"should": [match(text), terms(Q)]}}}
    assert len(result.passed) == 1


def test_blanks_that_change_nothing_of_what_is_read_stay_for_the_cluster() -> None:
    script = {"source": "doc['year'].value * params.factor", "params": {"factor": "{{size}}"}}
    source: Json = {
        "query": {
            "bool": {
                "must": [match("{{q}}"), {"nested": {"path": "{{path}}", "query": match()}}],
                "should": [match(Q, "{{field}}"), match("rye", "text.{{field}}"), multi("text", "{{field}}")],
                "filter": [{"term": {"{{field}}": "{{lang}}"}}],
            }
        },
        "script_fields": {"s": {"script": script}},
    }
    query = copy.deepcopy(source["query"])
    query["bool"]["must"][0] = terms(Q)
    result = done(source)
    assert filled_in(result)["source"] == {**source, "query": query}
    assert [each.reason.partition(" is not ")[0] for each in result.passed] == ["a field's name"] * 3


@pytest.mark.parametrize(
    "source",
    [
        {"query": match("{{{q}}}")},
        {"query": match("{{&q}}")},
        {"query": match("{{#toJson}}q{{/toJson}}")},
        {"query": {"bool": {"must": [match("{{q}}")], "filter": ["{{#lang}}", {"term": {"lang": "en"}}, "{{/lang}}"]}}},
        {"query": match("{{q}}"), "sort": ["{{by}}"]},
        {"query": match("{{q}}"), "min_score": "{{least}}"},
        {"query": match("{{q}}"), "aggs": {"a": {"terms": {"field": "lang", "order": {"{{by}}": "desc"}}}}},
        {"{{part}}": match("{{q}}")},
        {"query": {"bool": {"must": [match("{{q}}")], "{{occur}}": [{"term": {"lang": "en"}}]}}},
        # What comes without escapes could bring quotes and more with it.
        {"query": {"bool": {"must": [match("{{q}}")], "filter": [{"term": {"lang": "{{{lang}}}"}}]}}},
        {"query": match("{{q}}"), "size": "{{{size}}}"},
        {"query": {"function_score": {"query": match("{{q}}"), "weight": 2, "boost_mode": "{{b}}"}}},
        {"query": nested(score_mode="{{m}}")},
        {"query": {"bool": {"should": [nested(score_mode="{{m}}")]}}},
        {"query": {"script_score": {"query": match("{{q}}"), "script": {"source": "{{s}}"}}}},
        {"query": {"script_score": {"query": match("{{q}}"), "script": "1 + {{s}}"}}},
        {"query": match("{{q}}"), "script_fields": {"s": {"script": {"source": "{{s}}"}}}},
        {"query": match("{{q}}"), "script_fields": {"s": {"script": {"id": "{{s}}"}}}},
        {"query": match("{{q}}"), "rescore": {"query": {"rescore_query": match(), "score_mode": "{{m}}"}}},
        {"query": match("{{q}}"), "runtime_mappings": {"{{f}}": {"type": "keyword"}}},
        '{"query": {"match": {"text": "{{q}}"}}, "size": {{size}}}',
        "",
        None,
        [],
    ],
)
def test_a_template_in_doubt_passes(source: object) -> None:
    result = done(source)
    assert result.body == {"source": source, "params": PARAMS}
    assert not result.changes
    assert len(result.passed) == 1


def test_a_string_that_is_too_deep_to_be_written_again_passes() -> None:
    filters = '{"bool": {"filter": ' * 300 + '{"match_all": {}}' + "}}" * 300
    source = f'{{"query": {{"bool": {{"must": {{"match": {{"text": "bread"}}}}, "filter": {filters}}}}}}}'
    result = done(source)
    assert result.body == {"source": source, "params": PARAMS}
    assert [each.reason for each in result.passed] == ["its source is nested too deeply"]


def test_a_stored_template_that_is_not_filled_passes() -> None:
    body = {"id": "mine", "params": PARAMS}
    result = rewrite_template(body, FIELD_MAP, word_vector, RewriteOptions())
    assert result.body is body
    (passed,) = result.passed
    assert passed.reason.startswith("its source is not here: `csplade serve` has the cluster fill it")


def test_a_term_that_the_cluster_would_take_for_a_blank_is_left_out() -> None:
    def encode(text: str) -> SparseVector:
        return SparseVector({"a{{b": 2.0, "bread": 1.0})

    result = rewrite_template({"source": {"query": match(Q)}}, FIELD_MAP, encode, RewriteOptions())
    (clause,) = filled_in(result)["source"]["query"]["bool"]["should"]
    assert clause["rank_feature"]["field"] == "csplade_terms.bread"


@pytest.mark.parametrize("case", TEMPLATE_CASES, ids=lambda case: case.about)
def test_the_cluster_is_asked_about_what_cannot_be_read_here(case: TemplateCase) -> None:
    assert wants_rendering(case.template, FIELD_MAP, RewriteOptions()) is case.asked


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"source": None},
        {"source": 7},
        {"source": '{"query": '},
        {"source": {"query": {"intervals": {"text": {}}}}},
        {"source": {"query": {"match_phrase": {"text": "{{q}}"}}}, "params": PARAMS},
        {"source": {"query": {"term": {"lang": "{{lang}}"}}}, "params": PARAMS},
    ],
)
def test_it_is_not_asked_where_nothing_would_come_of_it(body: Json) -> None:
    assert not wants_rendering(body, FIELD_MAP, RewriteOptions())


def test_what_the_cluster_has_filled_goes_to_it_as_a_template_that_is_always_the_same() -> None:
    body = {"id": "mine", "params": PARAMS, "explain": True}
    sort = {"_score": "desc", "year": "asc"}
    result = rewrite_rendered(body, {"sort": sort, "query": match(Q)}, FIELD_MAP, word_vector, RewriteOptions())
    assert result.changes[0].path == "$.source.query"
    assert {**result.body, "params": None} == {"explain": True, "source": "{{{csplade_body}}}", "params": None}
    sent = result.body["params"]["csplade_body"]
    assert orjson.loads(sent) == {"sort": sort, "query": terms(Q)}
    # What is sorted by first stands first.
    assert [*orjson.loads(sent)["sort"]] == [*sort]


def test_what_the_cluster_has_filled_passes_if_nothing_of_it_is_rewritten() -> None:
    body = {"id": "mine"}
    for filled_body in ({"size": 1}, {"query": {"match_phrase": {"text": Q}}}):
        result = rewrite_rendered(body, filled_body, FIELD_MAP, word_vector, RewriteOptions())
        assert result.body is body
        assert not result.changes
