"""Values of recipes: files and overrides are read strictly, and told where they are wrong."""

import dataclasses
import re
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from csplade.pipelines.attention_kinds import Attention
from csplade.pipelines.errors import UsageError
from csplade.pipelines.recipe_values import KEYS, TABLES
from csplade.pipelines.recipes import load_recipe, overridden
from csplade.pipelines.training_options import Recipe, Tuned

_FILE = r"mine\.toml"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[loss]\nklx = 1", rf"{_FILE}: there is no setting loss\.klx; did you mean loss\.kl\?"),
        ("[los]\nkl = 1", rf"{_FILE}: there is no setting los; did you mean loss\?"),
        ("kl = 1", rf"{_FILE}: there is no setting kl; did you mean loss\.kl\?"),
        ("[zzz]", rf"{_FILE}: there is no setting zzz; there are reading, start, tune, loss, batch, run, name, paper"),
        ("loss = 1", rf"{_FILE}: loss is 1, it must be a table: write its keys below \[loss\]"),
        ("[loss]\nkl = 'much'", rf"{_FILE}: loss\.kl is 'much', it must be a number of at least 0"),
        ("[loss]\nkl = nan", rf"{_FILE}: loss\.kl is nan, it must be a number of at least 0"),
        ("[loss]\nkl = -1", rf"{_FILE}: loss\.kl is -1, it must be a number of at least 0"),
        ("[loss]\ntemperature = 0", rf"{_FILE}: loss\.temperature is 0, it must be a number above 0"),
        ("[tune]\nlora_dropout = 1.0", r"it must be a number of at least 0 and below 1"),
        ("[tune]\nwarm_up = 5", r"tune\.warm_up is 5, it must be a number of at least 0 and at most 1"),
        ("[batch]\nqueries = true", r"batch\.queries is true, it must be a whole number of at least 1"),
        ("[batch]\nqueries = 2.0", r"batch\.queries is 2\.0, it must be a whole number of at least 1"),
        ("[batch]\nbf16 = 1", r"batch\.bf16 is 1, it must be true or false"),
        ("[reading]\nattention = 'bi'", r"is 'bi', it must be one of causal, echo, bidirectional"),
        ("[reading]\nanalysis = 'welsh'", r"reading\.analysis is 'welsh', it must be one of english, plain"),
        ("[reading]\nquery_prefix = 3", r"reading\.query_prefix is 3, it must be a text"),
        ("name = 3", r"name is 3, it must be a text"),
        ("[loss]\ncontrastive = 0", r"are all 0, so that nothing is learned: give one of them a weight"),
        ("[batch]\nqueries = 4\nmicro_queries = 5", r"micro_queries is 5, more than the 4 of batch\.queries"),
        ("[loss]\nfocus_start = 8", r"from loss\.focus_start = 8 to loss\.focus_end = 0: let it narrow or stay"),
        ("[loss]\nfocus_start = 8\nfocus_end = 9", r"let it narrow or stay, or set both to 0"),
        ("[reading]\nliteral_residual = true", r"set reading\.term_space to pieces, or leave the residual out"),
        ("[reading]\nlast_resort = true", r"set reading\.term_space to pieces, or leave the last resort out"),
        ("kl = = 1", rf"{_FILE} is not TOML \(.*line 1.*\): mend it"),
        ("extends = 3", rf"{_FILE}: extends is 3, it must name another recipe or its file"),
        ("extends = 'nobody'", r"there is no recipe 'nobody'; take the path of a TOML file, or one of csplade-1b, "),
        ("extends = 'mine.toml'", r"extends goes in a circle"),
        ("extends = 'laconic'", r"which has stages: copy its file, and change the copy"),
        ("stage = 3", rf"{_FILE}: stage must be tables: begin each with \[\[stage\]\]"),
        ("[[stage]]\n[stage.loss]\nkl = -1\n", rf"{_FILE}, stage 1: loss\.kl is -1"),
        ("[[stage]]\nname='a'\n[[stage]]\nname='a'", r"two stages have the same name: give each its own"),
    ],
)
def test_a_file_that_is_wrong_is_refused_with_its_place_and_the_next_step(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        path = tmp_path / "mine.toml"
        path.write_text(text, encoding="utf-8")
        load_recipe(str(path))


def test_overrides_change_one_setting_each_and_the_last_one_wins() -> None:
    (recipe,) = load_recipe("csplade-1b").stages
    changed = overridden(
        recipe,
        ["loss.kl=0.5", "reading.attention=echo", 'tune.tuned="full"', "batch.bf16=false", "loss.kl = 2"],
    )
    assert changed == dataclasses.replace(
        recipe,
        reading=dataclasses.replace(recipe.reading, attention=Attention.ECHO),
        tune=dataclasses.replace(recipe.tune, tuned=Tuned.FULL),
        loss=dataclasses.replace(recipe.loss, kl=2.0),
        batch=dataclasses.replace(recipe.batch, bf16=False),
    )
    assert overridden(recipe, []) == recipe


def test_an_overridden_text_is_taken_as_it_stands() -> None:
    recipe = overridden(Recipe(), ["reading.query_prefix=query: ", "reading.document_prefix=3", "reading.bos=false"])
    assert (recipe.reading.query_prefix, recipe.reading.document_prefix) == ("query: ", "3")


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("loss.kl", r"'loss\.kl' changes nothing: write it as table\.key=value, such as loss\.kl=0\.5"),
        ("loss.klx=1", r"loss\.klx=1: there is no setting loss\.klx; did you mean loss\.kl\?"),
        ("learning_rate=1", r"learning_rate=1: there is no setting learning_rate; did you mean tune\.learning_rate\?"),
        ("loss=1", r"'loss=1' changes nothing: write it as table\.key=value"),
        ("loss.kl=abc", r"loss\.kl=abc: loss\.kl is 'abc', it must be a number of at least 0"),
        ("loss.contrastive=0", r"loss\.contrastive=0: .* are all 0"),
    ],
)
def test_an_override_that_is_wrong_is_refused_with_its_own_words(setting: str, said: str) -> None:
    with pytest.raises(UsageError, match=f"^{said}") as caught:
        overridden(Recipe(), ["run.steps=7", setting, "run.seed=5"])
    assert "run." not in str(caught.value)


def test_of_overrides_that_exclude_each_other_those_are_named() -> None:
    settings = ["run.seed=5", "batch.queries=4", "batch.micro_queries=8", "batch.queries=2"]
    with pytest.raises(UsageError, match=r"^batch\.micro_queries=8 batch\.queries=2: batch\.micro_queries is 8, more"):
        overridden(Recipe(), settings)
    with pytest.raises(UsageError, match=r"^batch\.queries=4: batch\.micro_queries is 6, more than the 4 of"):
        overridden(overridden(Recipe(), ["batch.micro_queries=6"]), settings[:2])


def test_every_number_has_a_range() -> None:
    """A negative value shows it: no setting may take one."""
    for key in KEYS:
        table, name = key.split(".")
        kind: Any = get_type_hints(TABLES[table])[name]
        if kind in (int, float):
            with pytest.raises(UsageError, match=re.escape(f"{key} is -1")):
                overridden(Recipe(), [f"{key}=-1"])
