"""Recipes: those of the papers have the papers' numbers; files are found, extended and staged."""

import dataclasses
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import orjson
import pytest
from csplade.pipelines.attention_kinds import Attention
from csplade.pipelines.errors import UsageError
from csplade.pipelines.recipes import Curriculum, from_json, load_recipe, recipe_names, to_json
from csplade.pipelines.training_options import Recipe, TermSpace, Tuned

RECIPES = Path(__file__).resolve().parent.parent / "pipelines" / "recipes"


class Published(NamedTuple):
    """One training as its paper, or its authors' scripts, describe it."""

    attention: str
    tokens: tuple[int, int]
    """Of queries and documents."""
    lora: tuple[int, int] | None
    rate: float
    warm_up: float
    flops: tuple[float, float]
    """Weights of queries and documents."""
    queries: int
    negatives: int
    passes: tuple[int, int]
    """Examples of the data set, and how often each was seen."""
    losses: tuple[float, float]
    """Weights of the contrastive loss and of distillation."""
    flops_warm_up: float | None = None
    """Share of the steps; None where it is not stated."""
    dropout: float | None = None
    temperature: float | None = None
    checkpointing: bool | None = None


# MS MARCO as CSPLADE used it: 500,000 queries; alpha and lengths are not stated there.
_CSPLADE_1B = Published(
    "causal", (64, 192), (64, 128), 5e-5, 0.05, (0.003, 0.003), 32, 15, (500_000, 3), (1.0, 0.0), checkpointing=True
)
_CSPLADE_8B = Published(
    "causal", (64, 192), (16, 32), 1e-4, 0.05, (0.03, 0.03), 32, 15, (500_000, 1), (1.0, 0.0), checkpointing=True
)
_LION_1B = Published(
    "bidirectional", (64, 128), (16, 32), 1e-4, 0.04, (0.05, 0.04), 112, 16, (532_751, 7), (0.5, 0.5), 1 / 3, 0.1, 1.0
)
_LACONIC = Published(
    "bidirectional",
    (256, 256),
    (32, 64),
    1e-4,
    0.05,
    (0.0005, 0.0005),
    2048,
    0,
    (9_259_451, 3),
    (1.0, 0.0),
    1000 / 3390,
    0.1,
    1.0,
)
PUBLISHED: dict[str, Published] = {
    "csplade-1b": _CSPLADE_1B,
    "csplade-1b-echo": _CSPLADE_1B._replace(attention="echo"),
    "csplade-1b-bi": _CSPLADE_1B._replace(attention="bidirectional"),
    "csplade-8b": _CSPLADE_8B,
    "csplade-8b-echo": _CSPLADE_8B._replace(attention="echo"),
    "csplade-8b-bi": _CSPLADE_8B._replace(attention="bidirectional"),
    "laconic-pairs": _LACONIC,
    "laconic-negatives": _LACONIC._replace(
        rate=5e-5, flops=(0.001, 0.001), queries=32, negatives=15, passes=(648_766, 1), flops_warm_up=25 / 5068
    ),
    "lion-1b": _LION_1B,
    "lion-8b": _LION_1B._replace(queries=128, passes=(532_751, 1)),
    "prosper": Published(
        "causal", (64, 64), None, 3e-5, 0.06, (0.005, 0.001), 512, 0, (100_000, 5), (1.0, 0.0), 0.3, None, 1.0
    ),
}


def _published() -> dict[str, Recipe]:
    return {stage.name: stage for name in recipe_names() for stage in load_recipe(name).stages}


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_recipe_has_the_numbers_of_its_paper(name: str) -> None:
    recipe, paper = _published()[name], PUBLISHED[name]
    reading, tune, loss, batch = recipe.reading, recipe.tune, recipe.loss, recipe.batch
    assert reading.attention == paper.attention
    assert (reading.query_tokens, reading.document_tokens) == paper.tokens
    if paper.lora is None:
        assert tune.tuned is Tuned.FULL
    else:
        assert tune.tuned is Tuned.LORA
        assert (tune.lora_rank, tune.lora_alpha) == paper.lora
    assert (tune.learning_rate, tune.warm_up) == (paper.rate, paper.warm_up)
    assert (loss.flops_query, loss.flops_document) == paper.flops
    assert (batch.queries, batch.negatives) == (paper.queries, paper.negatives)
    assert (loss.contrastive, loss.kl + loss.margin_mse) == paper.losses
    assert loss.bag_of_words == 0
    examples, times = paper.passes
    # Lion's scripts round the steps of a pass.
    assert recipe.run.steps == pytest.approx(examples * times / batch.queries, rel=0.01)


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_recipe_has_what_its_paper_or_scripts_state_beyond_that(name: str) -> None:
    recipe, paper = _published()[name], PUBLISHED[name]
    stated = (
        (recipe.loss.flops_warm_up, paper.flops_warm_up),
        (recipe.tune.lora_dropout, paper.dropout),
        (recipe.loss.temperature, paper.temperature),
    )
    for ours, theirs in stated:
        assert theirs is None or ours == pytest.approx(theirs, rel=0.02)
    assert paper.checkpointing in (None, recipe.batch.checkpointing)


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_recipe_weighs_pieces_by_their_bare_logits(name: str) -> None:
    recipe = _published()[name]
    assert recipe.reading.term_space is TermSpace.PIECES
    assert not recipe.start.calibrate
    assert not recipe.start.centred
    assert recipe.start.strength == 1.0
    assert recipe.batch.bf16
    assert recipe.paper.startswith("arXiv ")


def test_every_recipe_but_ours_is_checked_against_a_paper() -> None:
    assert set(_published()) - set(PUBLISHED) == {"csplade-mini"}


def test_laconic_has_two_phases_with_its_prefixes_and_without_bos() -> None:
    curriculum = load_recipe("laconic")
    assert [stage.name for stage in curriculum.stages] == ["laconic-pairs", "laconic-negatives"]
    for stage in curriculum.stages:
        assert (stage.reading.query_prefix, stage.reading.document_prefix) == ("query: ", "passage: ")
        assert not stage.reading.bos
        assert (stage.reading.query_terms, stage.reading.document_terms) == (512, 512)
        assert stage.reading.last_resort
        assert stage.loss.flops_warm_up > 0


def test_lion_reads_logits_scaled_by_its_width_and_scores_as_they_are() -> None:
    for name, width in (("lion-1b", 2048), ("lion-8b", 4096)):
        (recipe,) = load_recipe(name).stages
        assert recipe.start.logit_scale == pytest.approx(width**-0.25, abs=1e-6)
        assert recipe.loss.teacher_temperature == 1.0


def test_prosper_has_its_residual_and_fixed_windows_of_256_and_512() -> None:
    (recipe,) = load_recipe("prosper").stages
    loss = recipe.loss
    assert recipe.reading.literal_residual
    assert (loss.focus_start, loss.focus_end, loss.focus_share) == (512, 512, 1.0)
    assert loss.focus_start * loss.focus_query == 256
    assert loss.normalized_queries
    assert recipe.tune.weight_decay == 0.1
    assert loss.flops_warm_up == 0.3


def test_our_recipe_is_the_one_that_method_describes() -> None:
    (recipe,) = load_recipe("csplade-mini").stages
    assert recipe.reading.term_space is TermSpace.WORDS
    assert recipe.start.calibrate
    assert (recipe.loss.kl, recipe.loss.contrastive) == (1.0, 0.5)
    assert 0 < recipe.loss.bag_of_words < 0.3
    assert recipe.batch.one_source


def test_a_recipe_is_found_by_its_name_in_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert recipe_names() == sorted(file.stem for file in RECIPES.glob("*.toml"))
    for name in recipe_names():
        curriculum = load_recipe(name)
        assert curriculum.name == name
        assert curriculum.paper


def _write(folder: Path, text: str, name: str = "mine.toml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_is_read_over_the_defaults_and_named_after_itself(tmp_path: Path) -> None:
    path = _write(tmp_path, '[loss]\nkl = 1\n[reading]\nattention = "echo"\n')
    curriculum = load_recipe(str(path))
    default = Recipe()
    expected = dataclasses.replace(
        default,
        name="mine",
        reading=dataclasses.replace(default.reading, attention=Attention.ECHO),
        loss=dataclasses.replace(default.loss, kl=1.0),
    )
    assert curriculum == Curriculum("mine", "", (expected,))
    # A whole number where a number is wanted becomes one.
    assert type(curriculum.stages[0].loss.kl) is float


def test_a_file_extends_one_of_ours_or_one_beside_it(tmp_path: Path) -> None:
    _write(tmp_path, 'extends = "csplade-1b-echo"\n[batch]\nqueries = 8\n', "small.toml")
    (recipe,) = load_recipe(str(_write(tmp_path, 'extends = "small.toml"\n[run]\nsteps = 10\n'))).stages
    assert (recipe.name, recipe.run.steps, recipe.batch.queries) == ("mine", 10, 8)
    assert (recipe.batch.negatives, recipe.reading.attention) == (15, Attention.ECHO)
    assert recipe.paper == load_recipe("csplade-1b").paper


def test_stages_take_what_stands_outside_them_unless_they_say_otherwise(tmp_path: Path) -> None:
    text = """
paper = "none"
[run]
steps = 7
seed = 3
[[stage]]
[[stage]]
name = "long"
[stage.run]
steps = 70
"""
    curriculum = load_recipe(str(_write(tmp_path, text)))
    assert [(stage.name, stage.run.steps, stage.run.seed, stage.paper) for stage in curriculum.stages] == [
        ("mine-1", 7, 3, "none"),
        ("mine-long", 70, 3, "none"),
    ]


def test_a_recipe_that_is_not_there_is_refused_with_the_nearest_name(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no recipe 'laconik'; did you mean laconic\\?"):
        load_recipe("laconik")
    with pytest.raises(UsageError, match="cannot be read"):
        path = tmp_path / "latin.toml"
        path.write_bytes(b'name = "\xe9"')
        load_recipe(str(path))


@pytest.mark.parametrize("name", sorted({*PUBLISHED, "csplade-mini"}))
def test_a_recipe_survives_json(name: str) -> None:
    recipe = _published()[name]
    saved = orjson.loads(orjson.dumps(to_json(recipe)))
    assert from_json(saved) == recipe


def test_a_saved_recipe_of_an_older_csplade_takes_defaults_and_of_a_newer_one_is_refused() -> None:
    saved = to_json(Recipe())
    del saved["loss"]["kl"]
    assert from_json(saved) == Recipe()
    saved["loss"]["later"] = 1
    with pytest.raises(UsageError, match=r"the saved recipe: there is no setting loss\.later"):
        from_json(saved)


def test_recipes_need_no_torch() -> None:
    code = "import sys, csplade.pipelines.recipes as r; r.load_recipe('laconic'); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
