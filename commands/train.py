"""`csplade train`: from a language model and pairs to a sparse encoder.

With --json exactly one object, one item of `stages` for each stage that was run:

    {"model": folder | null, "stopped": boolean,
     "stages": [{"name": text, "folder": folder, "step": number, "steps": number, "loss": number | null,
                 "document_terms": number | null, "query_terms": number | null, "untrained": number | null,
                 "best_step": number | null, "nDCG@10": number | null}, ...]}
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from csplade.commands.given import check_files, check_folder
from csplade.commands.options import json_option
from csplade.commands.output import notice, print_json, print_table
from csplade.pipelines.errors import MissingExtraError, UsageError

if TYPE_CHECKING:
    from csplade.pipelines.curriculum import Stage
    from csplade.pipelines.training_options import Recipe


@click.command("train")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path), metavar="[PATH]...")
@click.option(
    "--backbone",
    required=True,
    metavar="SPEC",
    help="A causal language model: folder, .gguf file or hub id; or the model/ folder of an earlier training.",
)
@click.option("--output", required=True, type=click.Path(path_type=Path), metavar="FOLDER", help="A new folder.")
@click.option(
    "--recipe", "recipe_name", default="csplade-mini", show_default=True, metavar="NAME|FILE", help="Its settings."
)
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Change a setting, e.g. loss.kl=0.5.")
@click.option("--steps", type=click.IntRange(min=1), metavar="N", help="Short for --set run.steps=N.")
@click.option("--stage", type=click.IntRange(min=1), metavar="N", help="Run this stage of the recipe only.")
@click.option(
    "--stage-data",
    multiple=True,
    metavar="STAGE=PATH",
    help="What a stage reads instead of PATH, by its name; several times for several files.",
)
@click.option(
    "--teacher",
    "teachers",
    multiple=True,
    metavar="SPEC",
    help="dense:FOLDER, cross-encoder:FOLDER or bm25; several, each with @WEIGHT behind it, are a mix.",
)
@click.option(
    "--development",
    type=click.Path(path_type=Path),
    metavar="BEIR_FOLDER",
    help="A judged collection; the checkpoint with its best nDCG@10 becomes the model.",
)
@click.option("--idf", type=click.Path(path_type=Path), metavar="FILE", help="Take this table of idf, count none.")
@click.option(
    "--split", default="train", show_default=True, metavar="NAME", help="Of a BEIR folder as PATH: read qrels/NAME.tsv."
)
@click.option("--resume", is_flag=True, help="Go on from the newest checkpoint in the output folder.")
@json_option
@click.pass_context
def command(
    context: click.Context,
    paths: tuple[Path, ...],
    backbone: str,
    output: Path,
    recipe_name: str,
    settings: tuple[str, ...],
    steps: int | None,
    stage: int | None,
    stage_data: tuple[str, ...],
    teachers: tuple[str, ...],
    development: Path | None,
    idf: Path | None,
    split: str,
    resume: bool,
    as_json: bool,
) -> None:
    """Train a sparse encoder on pairs.

    PATH is what `csplade data` checks. The output folder gets log.jsonl, checkpoints/, plots/ and model/, which
    `csplade export` takes. Ctrl-C leaves a checkpoint; the same command with --resume goes on from there. Several
    devices train together under `accelerate launch`.

    \b
    Example:
      csplade train pairs.jsonl --backbone SmolLM2-135M --output run --set loss.kl=0
      csplade train pairs.jsonl --backbone adapted --output run --teacher dense:all-MiniLM-L6-v2 --resume
      csplade train msmarco.jsonl --backbone Llama-3.2-1B --recipe csplade-1b-bi --output run --development scifact
      csplade train rest.jsonl --backbone Llama-3.2-1B --recipe laconic --output run --stage-data pairs=pairs.jsonl.gz
      accelerate launch -m csplade.cli train pairs.jsonl --backbone SmolLM2-135M --output run --set loss.kl=0
    """
    _require_training()
    check_files((*paths, *(() if idf is None else (idf,))))
    check_folder(development, "--development")
    stages = _stages(recipe_name, stage, settings, steps)
    own = _stage_paths(stage_data, [each.name for each in stages])
    _check_paths(paths, own, len(stages))
    # It loads torch, which takes seconds: what is wrong with a command line is told before.
    from csplade.pipelines.curriculum import TrainRequest, run_stages

    request = TrainRequest(
        paths, backbone, output, stages, teachers, development, idf=idf, split=split, resume=resume, stage_paths=own
    )
    done = run_stages(request, notice)
    stopped = done[-1].outcome.stopped
    if _is_main():
        _report(done, output, stopped, as_json)
    if stopped:
        context.exit(1)


def _require_training() -> None:
    """Look for what training needs before the modules that import it.

    Raises:
        MissingExtraError: a package is not installed.
    """
    from importlib.util import find_spec

    for module in ("torch", "transformers", "accelerate", "safetensors"):
        if find_spec(module) is None:
            raise MissingExtraError(module, "train")


def _stages(name: str, stage: int | None, settings: tuple[str, ...], steps: int | None) -> "tuple[Recipe, ...]":
    from csplade.pipelines.recipes import load_recipe, overridden

    stages = load_recipe(name).stages
    if stage is not None:
        if stage > len(stages):
            raise UsageError(f"the recipe {name} has {len(stages)} stages, not {stage}: choose one of them")
        stages = stages[stage - 1 : stage]
    asked = (*settings, *([] if steps is None else [f"run.steps={steps}"]))
    return tuple(overridden(recipe, asked) if asked else recipe for recipe in stages)


def _stage_paths(given: tuple[str, ...], stages: list[str]) -> dict[str, tuple[Path, ...]]:
    """Return what stages read, by the whole name of each; the part behind the recipe's name will do as well."""
    found: dict[str, tuple[Path, ...]] = {}
    for text in given:
        name, _, path = text.partition("=")
        if not path:
            raise UsageError(f"--stage-data {text!r} must be a stage and its file, like pairs=pairs.jsonl")
        fits = [stage for stage in stages if stage == name] or [s for s in stages if s.endswith(f"-{name}")]
        if len(fits) != 1:
            raise UsageError(f"--stage-data {text!r}: there is no stage {name!r} to be run, only {', '.join(stages)}")
        check_files((Path(path),))
        found[fits[0]] = (*found.get(fits[0], ()), Path(path))
    return found


def _check_paths(paths: tuple[Path, ...], own: dict[str, tuple[Path, ...]], stages: int) -> None:
    if not paths and not own:
        raise click.UsageError("Missing argument 'PATH...'.")
    if paths and len(own) == stages:
        raise UsageError(f"every stage has a --stage-data, so that none would read {paths[0]}: leave it out")


def _is_main() -> bool:
    from csplade.pipelines.collectives import device_rank

    return device_rank() == 0


def _report(done: "list[Stage]", output: Path, stopped: bool, as_json: bool) -> None:
    rows = [_row(stage) for stage in done]
    if as_json:
        print_json({"model": None if stopped else str(output / "model"), "stopped": stopped, "stages": rows})
    else:
        columns = [name for name in rows[0] if any(row[name] is not None for row in rows)]
        print_table("", [name.replace("_", " ") for name in columns], [[row[name] for name in columns] for row in rows])
    if stopped:
        notice(f"Stopped after step {rows[-1]['step']} of {rows[-1]['steps']}: the same command with --resume goes on.")
    else:
        notice(f"The encoder is in {output / 'model'}: csplade export {output / 'model'} --output encoder")


def _row(stage: "Stage") -> dict[str, Any]:  # Any: JSON values
    from csplade.pipelines.training_log import LOG_FILE, read_log

    lines = [line for line in read_log(stage.folder / LOG_FILE) if "losses" in line]
    last = lines[-1] if lines else {}
    best = stage.outcome.best
    return {
        "name": stage.recipe.name,
        "folder": str(stage.folder),
        "step": stage.outcome.step,
        "steps": stage.recipe.run.steps,
        "loss": last.get("losses", {}).get("total"),
        "document_terms": last.get("document_terms"),
        "query_terms": last.get("query_terms"),
        "untrained": stage.outcome.untrained,
        "best_step": None if best is None else best.step,
        "nDCG@10": None if best is None else best.quality,
    }
