"""What reads scores in a search body, and what makes do without."""

import pytest
from csplade.integration.rewrite_scores import (
    aggregates_by_score,
    mentions_score,
    part_scripted_by_score,
    ranks_without_score,
    shows_hits_by_score,
)

LANGS = {"terms": {"field": "lang"}}


@pytest.mark.parametrize(
    ("value", "reads"),
    [
        ("_score", True),
        ({"script": {"source": "Math.log(2 + _score)"}}, True),
        ({"script": {"id": "stored"}}, True),
        ([{"_score": {"order": "desc"}}], True),
        ({"script": {"source": "doc['year'].value"}}, False),
        ({"script": {"source": "doc['stats._score'].value"}}, False),
        ({"script": "1.0*_score"}, True),
        ({"random_score": {}, "script_score": {"script": "params.max_score"}}, False),
        (None, False),
    ],
)
def test_what_mentions_scores(value: object, reads: bool) -> None:
    assert mentions_score(value) == reads


@pytest.mark.parametrize(
    ("body", "part"),
    [
        ({"sort": {"_script": {"type": "number", "script": "_score"}}}, "sort"),
        ({"sort": [{"_script": {"type": "number", "script": {"id": "stored"}}}]}, "sort"),
        ({"sort": ["_score", {"_script": {"type": "number", "script": "doc['year'].value"}}]}, None),
        ({"rescore": {"script": {"script": {"source": "_score * 2"}}}}, "rescore"),
        # Each query tells for itself.
        ({"rescore": [{"query": {"rescore_query": {"script_score": {"script": "_score"}}}}]}, None),
        ({"query": {"script_score": {"script": "_score"}}}, None),
        ({"script_fields": {"_score": {"script": "1"}}}, None),
        ({}, None),
    ],
)
def test_the_part_of_a_body_with_a_script_that_reads_scores(body: dict[str, object], part: str | None) -> None:
    assert part_scripted_by_score(body) == part


@pytest.mark.parametrize(
    ("body", "without"),
    [
        ({}, False),
        ({"sort": []}, False),
        ({"sort": "year"}, True),
        ({"sort": ["year", {"lang": "asc"}]}, True),
        ({"sort": ["year", "_score"]}, False),
        ({"sort": {"_score": "asc"}}, False),
        ({"sort": [{"stats._score": "desc"}]}, True),
        ({"sort": ["stats._score", {"price": {"order": "asc", "nested": {"path": "_score"}}}]}, True),
        ({"sort": {"_script": {"type": "number", "script": {"source": "doc['stats._score'].value"}}}}, True),
        ({"sort": "year", "track_scores": True}, False),
        ({"sort": "year", "track_scores": False}, True),
        ({"sort": "year", "track_scores": "false"}, True),
        ({"sort": {"_script": {"type": "number", "script": {"source": "_score * 2"}}}}, False),
    ],
)
def test_hits_that_are_ranked_without_their_score(body: dict[str, object], without: bool) -> None:
    assert ranks_without_score(body) == without


@pytest.mark.parametrize(
    ("aggregations", "by_score"),
    [
        (None, False),
        ({"langs": LANGS}, False),
        ({"best": {"sampler": {"shard_size": 2}}}, True),
        ({"langs": {**LANGS, "aggs": {"best": {"diversified_sampler": {"field": "lang"}}}}}, True),
        (
            {
                "langs": {
                    "terms": {"field": "lang", "order": {"best": "desc"}},
                    "aggs": {"best": {"max": {"script": "_score"}}},
                }
            },
            True,
        ),
        ({"hits": {"top_hits": {"size": 1}}}, False),
        ({"best": {"max": {"field": "stats._score"}}}, False),
        ({"hits": {"top_hits": {"size": 1, "sort": [{"_score": "desc"}]}}}, False),
        ({"hits": {"top_hits": {"script_fields": {"s": {"script": "_score"}}}}}, True),
        ({"best": {"max": {"script": {"id": "stored"}}}}, True),
        ({"best": {"scripted_metric": {"map_script": {"id": "stored"}}}}, True),
        ({"best": {"scripted_metric": {"map_script": {"source": "1"}, "combine_script": {"id": "stored"}}}}, True),
        ({"best": {"scripted_metric": {"map_script": {"source": "state.n = doc['id'].value"}}}}, False),
    ],
)
def test_aggregations_whose_counts_depend_on_scores(aggregations: object, by_score: bool) -> None:
    assert aggregates_by_score(aggregations) == by_score


@pytest.mark.parametrize(
    ("aggregations", "shows"),
    [
        ({"langs": LANGS}, False),
        ({"best": {"top_hits": {"size": 1}}}, True),
        ({"langs": {**LANGS, "aggs": {"best": {"top_hits": {"sort": [{"_score": "asc"}]}}}}}, True),
        ({"best": {"top_hits": {"sort": [{"year": "asc"}]}}}, False),
        ({"best": {"top_hits": []}}, False),
        (None, False),
    ],
)
def test_hits_that_aggregations_show_by_score(aggregations: object, shows: bool) -> None:
    assert shows_hits_by_score(aggregations) == shows
