"""docs/recipes.md: its table is what the files say, its examples do what the text says."""

import re
import subprocess
import sys
from pathlib import Path

import orjson
import pytest
from csplade.pipelines.recipe_values import KEYS
from csplade.pipelines.recipes import load_recipe, recipe_names, to_json
from csplade.pipelines.training_options import Recipe, Tuned

DOCUMENT = (Path(__file__).resolve().parent.parent / "docs" / "recipes.md").read_text(encoding="utf-8")
_LOSSES = ("contrastive", "kl", "margin_mse", "bag_of_words")


def _row(recipe: Recipe) -> str:
    reading, tune, loss, batch = recipe.reading, recipe.tune, recipe.loss, recipe.batch
    lora = f"LoRA {tune.lora_rank} / {tune.lora_alpha}" if tune.tuned is Tuned.LORA else str(tune.tuned)
    weights = {name: getattr(loss, name) for name in _LOSSES}
    cells = (
        f"`{recipe.name}`",
        str(reading.attention),
        str(reading.term_space),
        f"{reading.query_tokens} / {reading.document_tokens}",
        lora,
        f"{tune.learning_rate:g}",
        " + ".join(f"{weight:g} {name}" for name, weight in weights.items() if weight),
        f"{loss.flops_query:g} / {loss.flops_document:g}",
        f"{batch.queries} × (1 + {batch.negatives})",
        f"{recipe.run.steps:,}",
    )
    return f"| {' | '.join(cells)} |"


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_is_in_the_table_as_its_file_says(name: str) -> None:
    for stage in load_recipe(name).stages:
        assert _row(stage) in DOCUMENT.splitlines()


def test_the_table_has_no_recipe_that_is_not_there() -> None:
    names = {stage.name for name in recipe_names() for stage in load_recipe(name).stages}
    assert set(re.findall(r"^\| `([\w-]+)` \| (?:causal|echo|bidirectional)", DOCUMENT, re.MULTILINE)) == names


def test_every_setting_is_described_with_its_default() -> None:
    defaults = to_json(Recipe())
    for key in KEYS:
        table, name = key.split(".")
        value = defaults[table][name]
        shown = value if isinstance(value, str) else orjson.dumps(value).decode()
        assert f"| `{key}` | {shown or '(empty)'} | " in DOCUMENT


def test_the_example_of_an_own_recipe_gives_what_stands_below_it(tmp_path: Path) -> None:
    (recipe,) = re.findall(r"```toml\n(.*?)```", DOCUMENT, re.DOTALL)
    (program,) = re.findall(r"```python\n(.*?)```", DOCUMENT, re.DOTALL)
    (shown,) = re.findall(r"```text\n(.*?)```", DOCUMENT, re.DOTALL)
    (tmp_path / "support.toml").write_text(recipe, encoding="utf-8")
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout == shown
