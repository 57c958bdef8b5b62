"""Search templates: rewritten where a parameter is a whole text, passed where a blank could be anything."""

from typing import Any

import orjson
import pytest
from csplade.integration.rewrite_policy import RewriteMode, RewriteOptions
from csplade.integration.rewrite_report import Rewritten
from csplade.integration.rewrite_template import rewrite_template
from csplade.pipelines.sparse import SparseVector
from csplade.tests.rewrite_case import Q, anchored, filled, match, weights
from csplade.tests.rewrite_index import FIELD_MAP, terms
from csplade.tests.word_encoder import word_vector

Json = dict[str, Any]  # Any: JSON values
PARAMS = {"q": Q, "lang": "en", "size": 5, "number": 7}


def done(source: object, mode: RewriteMode = RewriteMode.REPLACE, **more: object) -> Rewritten:
    return rewrite_template({"source": source, "params": PARAMS, **more}, FIELD_MAP, word_vector, RewriteOptions(mode))


def test_a_parameter_that_is_a_whole_text_is_known() -> None:
    source = {
        "query": {"bool": {"must": [match("{{q}}")], "filter": [{"term": {"lang": "{{lang}}"}}]}},
        "size": "{{size}}",
    }
    result = done(source, profile=True)
    query = {"bool": {"must": [terms(Q)], "filter": [{"term": {"lang": "{{lang}}"}}]}}
    assert result.body == {"source": {"query": query, "size": "{{size}}"}, "params": PARAMS, "profile": True}
    assert result.changes[0].path == "$.source.query.bool.must[0]"


def test_the_original_keeps_its_blank() -> None:
    result = done({"query": match("{{ q }}")}, RewriteMode.ANCHORED)
    assert result.body["source"] == {"query": filled(anchored(match("{{ q }}"), weights(Q)))}


def test_a_source_that_is_a_string_stays_one() -> None:
    result = done(orjson.dumps({"query": match("{{q}}"), "size": "{{size}}"}).decode())
    assert isinstance(result.body["source"], str)
    assert orjson.loads(result.body["source"]) == {"query": terms(Q), "size": "{{size}}"}


@pytest.mark.parametrize("text", ["{{unknown}}", "{{number}}", "fresh {{q}}", "{{q}}{{q}}"])
def test_a_text_that_only_the_cluster_knows_passes(text: str) -> None:
    result = done({"query": {"bool": {"should": [match(text), match(Q)]}}})
    assert result.body["source"] == {"query": {"bool": {"should": [match(text), terms(Q)]}}}
    assert len(result.passed) == 1


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


def test_a_stored_template_passes() -> None:
    body = {"id": "mine", "params": PARAMS}
    result = rewrite_template(body, FIELD_MAP, word_vector, RewriteOptions())
    assert result.body is body
    assert result.passed


def test_a_term_that_the_cluster_would_take_for_a_blank_is_left_out() -> None:
    def encode(text: str) -> SparseVector:
        return SparseVector({"a{{b": 2.0, "bread": 1.0})

    result = rewrite_template({"source": {"query": match(Q)}}, FIELD_MAP, encode, RewriteOptions())
    (clause,) = result.body["source"]["query"]["bool"]["should"]
    assert clause["rank_feature"]["field"] == "csplade_terms.bread"
