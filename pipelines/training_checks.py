"""What can be refused of a training before its first stage begins: output folder, data, teachers and recipes."""

from collections.abc import Sequence
from pathlib import Path

from csplade.pipelines.batch_order import order
from csplade.pipelines.batches import check_negatives
from csplade.pipelines.errors import UsageError
from csplade.pipelines.folder_lock import contents
from csplade.pipelines.training_data import Example
from csplade.pipelines.training_options import Recipe

RUN_FILE = "run.json"
"""Tells a folder with a training from any other."""


def check_output(folder: Path, resume: bool) -> None:
    """Refuse a folder that holds something else, a training that nobody asked to resume, or none to be resumed.

    Raises:
        UsageError: it does.
    """
    ours = (folder / RUN_FILE).is_file()
    if ours and not resume:
        raise UsageError(f"{folder} holds a training already: go on with --resume, or name a new folder")
    if not ours and contents(folder):
        raise UsageError(f"{folder} is not empty and holds no training: name a new folder with --output")
    if resume and not ours:
        raise UsageError(f"{folder} holds no training to resume: leave --resume out, or correct --output")


def check_stages(stages: Sequence[tuple[Recipe, Sequence[Example]]], taught: bool, devices: int) -> None:
    """Look whether every stage can draw its batches from its examples; `taught` says that there is a teacher.

    Raises:
        UsageError: a stage cannot; the message names it where there are several. Or no stage asks the teacher.
    """
    if taught and not any(distils(recipe) for recipe, _ in stages):
        raise UsageError("the recipe distils nothing: set loss.kl or loss.margin_mse, or leave --teacher out")
    for recipe, examples in stages:
        try:
            _check_stage(recipe, examples, taught, devices)
        except UsageError as error:
            if len(stages) == 1:
                raise
            raise UsageError(f"the stage {recipe.name}: {error}") from error


def distils(recipe: Recipe) -> bool:
    """Say whether a recipe learns from a teacher's scores."""
    return bool(recipe.loss.kl or recipe.loss.margin_mse)


def _check_stage(recipe: Recipe, examples: Sequence[Example], taught: bool, devices: int) -> None:
    batch = recipe.batch
    check_negatives(examples, batch.negatives)
    order([example.source for example in examples], batch.queries, recipe.run.seed, batch.one_source)
    if batch.queries % devices:
        raise UsageError(
            f"{batch.queries} queries cannot be dealt out evenly to {devices} devices: set batch.queries to a multiple "
            f"of {devices}"
        )
    if distils(recipe) and not taught:
        _check_scores(examples, batch.negatives)


def _check_scores(examples: Sequence[Example], negatives: int) -> None:
    """Look whether the data has the scores that distillation without a teacher needs."""
    for example in examples:
        if example.scores is None:
            raise UsageError(
                f"the recipe distils a teacher's scores and line {example.line} of {example.source} has none: name a "
                "--teacher, or set loss.kl=0 and loss.margin_mse=0"
            )
    if not negatives:
        raise UsageError(
            "the data's scores say nothing of a positive alone, and batch.negatives is 0: set it to 1 or more, or name "
            "a --teacher"
        )
