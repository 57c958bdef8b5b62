"""Recipes run: ours train a tiny model for some steps, with all their settings but the sizes."""

import math
from pathlib import Path

import orjson
import pytest
from csplade.pipelines.curriculum import TrainRequest, run_stages
from csplade.pipelines.recipes import load_recipe, overridden, recipe_names
from csplade.pipelines.training_log import LOG_FILE, read_log
from csplade.pipelines.training_options import Recipe
from csplade.tests.tiny_backbone import pairs, write_backbone, write_collection

_STEPS, _NEGATIVES = 2, 2
_SAME = {"csplade-8b", "csplade-8b-bi", "csplade-8b-echo", "lion-8b"}
"""What differs from a 1B recipe in numbers only."""


@pytest.fixture(autouse=True)
def in_bf16_where_a_recipe_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the processor be one that multiplies bf16, as others train in float32 instead."""
    monkeypatch.setattr("csplade.pipelines.precision.read_processor", lambda: None)


@pytest.fixture(scope="module")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_backbone(tmp_path_factory.mktemp("backbone") / "llama")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write scored triples: a pair with the positives of two others, which a teacher likes less."""
    found = pairs(40)
    lines = [
        {
            **pair,
            "negatives": [other["positive"] for other in (found[number - 1], found[number - 2])],
            "scores": [4.0, 1.0, -1.0],
        }
        for number, pair in enumerate(found)
    ]
    path = tmp_path_factory.mktemp("data") / "triples.jsonl"
    path.write_bytes(b"".join(map(orjson.dumps, lines)).replace(b"}{", b"}\n{"))
    return path


def _small(recipe: Recipe) -> Recipe:
    # Scores from a file say something of hard negatives only.
    negatives = _NEGATIVES if recipe.batch.negatives or recipe.loss.kl else 0
    sizes = {"queries": 4, "negatives": negatives, "micro_queries": 2 if recipe.batch.micro_queries else 0}
    return overridden(recipe, [f"run.steps={_STEPS}", *(f"batch.{name}={value}" for name, value in sizes.items())])


@pytest.mark.parametrize("name", sorted({*recipe_names()} - _SAME))
def test_a_recipe_trains(name: str, backbone: Path, data: Path, tmp_path: Path) -> None:
    stages = tuple(_small(stage) for stage in load_recipe(name).stages)
    done = run_stages(TrainRequest((data,), str(backbone), tmp_path / "run", stages), lambda text: None)
    assert [stage.outcome.step for stage in done] == [_STEPS] * len(stages)
    for stage in done:
        lines = read_log(stage.folder / LOG_FILE)
        assert len(lines) == _STEPS
        for line in lines:
            assert math.isfinite(line["losses"]["total"])
            assert line["document_terms"] > 0
            assert line["query_terms"] > 0
    assert (tmp_path / "run" / "model").is_dir()


def test_a_development_collection_is_measured_in_bfloat16(backbone: Path, data: Path, tmp_path: Path) -> None:
    recipe = _small(load_recipe("csplade-mini").stages[0])
    assert recipe.batch.bf16
    collection = write_collection(tmp_path / "collection")
    request = TrainRequest((data,), str(backbone), tmp_path / "run", (recipe,), development=collection)
    (stage,) = run_stages(request, lambda text: None)
    assert stage.outcome.untrained is not None
    assert stage.outcome.best is not None
    assert 0 < stage.outcome.best.quality <= 1
