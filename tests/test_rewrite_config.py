"""The file that says how searches are rewritten: what it may hold, and messages that name the key."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from csplade.integration.dialect import dialect_for
from csplade.integration.field_map import Coverage, FieldMap
from csplade.integration.planner import PlanOptions
from csplade.integration.rewrite_config import load_config, read_config
from csplade.integration.rewrite_policy import Policies, Policy, RewriteMode, RewriteOptions, ScorePolicy, Shape
from csplade.pipelines.errors import UsageError

Json = dict[str, Any]  # Any: JSON values
WEIGHTS: Json = {"field": "terms", "covers": ["title", "text"]}
LEAST: Json = {"pattern": "articles", "weights": [WEIGHTS]}


def rules(**more: object) -> Any:  # noqa: ANN401 - rules of one index
    (only,) = read_config({"index": [{**LEAST, **more}]}, "rewrite.toml").rules
    return only


def test_the_least_that_a_configuration_holds() -> None:
    found = rules()
    assert found.field_map == FieldMap((Coverage("terms", {"title": 1.0, "text": 1.0}),))
    assert found.options == RewriteOptions()


def test_everything_that_it_may_hold() -> None:
    found = rules(
        mode="hybrid",
        bm25_weight=2,
        max_clauses=64,
        share=0.5,
        calibration=False,
        default_fields=["text"],
        weights=[{"field": "p.terms", "covers": {"p.text": 2}, "nested": "p"}],
        policy={"phrase": "required", "min_score": "keep", "score_script": "refuse"},
    )
    assert found.field_map == FieldMap((Coverage("p.terms", {"p.text": 2.0}, "p"),), ("text",))
    assert found.options == RewriteOptions(
        RewriteMode.HYBRID,
        2.0,
        Policies(phrase=Policy.REQUIRED, min_score=ScorePolicy.KEEP, score_script=ScorePolicy.REFUSE),
        PlanOptions(max_clauses=64, share=0.5, calibrated=False),
    )


def test_the_first_pattern_that_fits_counts() -> None:
    config = read_config({"index": [{**LEAST, "pattern": name} for name in ("logs-*", "art*", "articles")]}, "x")
    assert [found and found.pattern for found in map(config.for_index, ("articles", "logs-1", "logs", "other"))] == [
        *("art*", "logs-*"),
        *(None, None),
    ]


def test_toml_and_json_say_the_same(tmp_path: Path) -> None:
    toml, json = tmp_path / "rewrite.toml", tmp_path / "rewrite.json"
    toml.write_text('[[index]]\npattern = "articles"\n[[index.weights]]\nfield = "terms"\ncovers = ["title", "text"]\n')
    json.write_bytes(orjson.dumps({"index": [LEAST]}))
    assert load_config(toml) == load_config(json)
    other = dialect_for("elasticsearch", "9.2.0")
    (found,) = load_config(toml, other).rules
    assert found.options == replace(RewriteOptions(), dialect=other)


@pytest.mark.parametrize(
    ("index", "said"),
    [
        ({"weights": [WEIGHTS]}, "index[0].pattern is missing, it must be the name of an index"),
        ({"pattern": "a"}, "index[0].weights is missing"),
        ({**LEAST, "mode": "dense"}, "index[0].mode is 'dense', it must be one of replace, hybrid, anchored"),
        ({**LEAST, "bm25_weight": -1}, "index[0].bm25_weight is -1, it must be a number from 0 on"),
        ({**LEAST, "bm25_weight": True}, "index[0].bm25_weight is True"),
        ({**LEAST, "calibration": 1}, "index[0].calibration is 1, it must be true or false"),
        ({**LEAST, "max_clauses": 0}, "index[0].max_clauses is 0, it must be a whole number of at least 1"),
        ({**LEAST, "share": 0}, "index[0].share is 0"),
        ({**LEAST, "default_fields": "text"}, "index[0].default_fields is 'text', it must be a list of field names"),
        ({**LEAST, "modes": "replace"}, "index[0]: there is no setting modes; did you mean mode?"),
        (
            {**LEAST, "policy": {"phrases": "drop"}},
            "policy: there is no setting phrases; did you mean phrase?",
        ),
        ({**LEAST, "policy": {"phrase": "and"}}, "index[0].policy.phrase is 'and', it must be one of drop, boosting"),
        (
            {**LEAST, "policy": {"min_score": "required"}},
            "policy.min_score is 'required', it must be one of keep",
        ),
        ({**LEAST, "policy": {"score_script": "drop"}}, "index[0].policy: a script cannot be left out"),
        ({**LEAST, "policy": []}, "index[0].policy is [], it must be a table"),
        (
            {**LEAST, "default_fields": ["text", "title^2"]},
            "index[0].default_fields: 'title^2' is a field with a boost: write 'title' here; the boosts of text fields",
        ),
        (
            {**LEAST, "weights": [{**WEIGHTS, "covers": ["title^0.5"]}]},
            "index[0].weights[0]: 'title^0.5' is a field with a boost: write 'title' here",
        ),
        ({**LEAST, "weights": [{"field": "terms"}]}, "index[0].weights[0].covers is missing"),
        ({**LEAST, "weights": [{**WEIGHTS, "covers": {"text": 0}}]}, "index[0].weights[0].covers is {'text': 0}"),
        ({**LEAST, "weights": [{**WEIGHTS, "covers": []}]}, "index[0].weights[0].covers is []"),
        ({**LEAST, "weights": [{**WEIGHTS, "nested": "p"}]}, "index[0].weights[0]: 'terms' is not inside 'p'"),
        ({**LEAST, "weights": ["terms"]}, "index[0].weights[0] is 'terms', it must be a table"),
    ],
)
def test_a_message_names_the_key(index: Json, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_config({"index": [index]}, "rewrite.toml")
    assert str(caught.value).startswith("rewrite.toml: ")
    assert said in str(caught.value)


@pytest.mark.parametrize("raw", [{}, {"index": []}, {"index": {}}, {"indexes": []}, []])
def test_a_file_without_an_index_is_refused(raw: object) -> None:
    with pytest.raises(UsageError, match=r"^rewrite.toml"):
        read_config(raw, "rewrite.toml")


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nothing.toml cannot be read \(No such file"):
        load_config(tmp_path / "nothing.toml")
    for name in ("broken.toml", "broken.json"):
        (tmp_path / name).write_bytes(b"[[index\xff")
        with pytest.raises(UsageError, match=f"{name} cannot be read"):
            load_config(tmp_path / name)


def test_how_the_original_stands_beside_its_term_weights() -> None:
    def shapes(mode: RewriteMode, weight: float = 1.0) -> list[Shape]:
        options = RewriteOptions(mode, weight)
        return [options.shape(policy) for policy in (None, Policy.DROP, Policy.BOOSTING, Policy.REQUIRED)]

    alone, beside, required, scored = Shape
    assert shapes(RewriteMode.REPLACE) == [alone, alone, beside, required]
    assert shapes(RewriteMode.HYBRID) == [beside, beside, beside, scored]
    assert shapes(RewriteMode.ANCHORED) == [required] * 4
    assert shapes(RewriteMode.HYBRID, 0.0) == [alone, alone, alone, required]


@pytest.mark.parametrize("weight", [-1.0, float("inf"), float("nan")])
def test_a_weight_of_bm25_that_is_none_is_refused(weight: float) -> None:
    with pytest.raises(UsageError, match="from 0 on"):
        RewriteOptions(bm25_weight=weight)
