"""The stages of a recipe, run one after the other into an output folder; needs torch.

    run.json                what was asked for
    log.jsonl               one line per step
    checkpoints/  plots/
    model/                  the trained encoder, for `csplade export`

With several stages each has such a folder of its own, stage-1/ and so on, and model/ beside them is the last one's.
"""

import dataclasses
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import torch
from csplade.pipelines.broad_text import read_idf
from csplade.pipelines.development import Development, read_development
from csplade.pipelines.devices import Devices
from csplade.pipelines.errors import SourceError, UsageError
from csplade.pipelines.recipe_values import to_json
from csplade.pipelines.start import begin, continued, open_backbone
from csplade.pipelines.teacher import Teacher, open_teacher, parse_specs
from csplade.pipelines.train import Outcome, train
from csplade.pipelines.trained import Trained
from csplade.pipelines.trained_folder import is_trained, read_trained, write_trained
from csplade.pipelines.training_data import Example, read_examples
from csplade.pipelines.training_log import LOG_FILE, read_log
from csplade.pipelines.training_options import Recipe
from csplade.pipelines.training_plots import require_matplotlib, write_plots
from csplade.pipelines.training_run import Material, Run

RUN_FILE = "run.json"
MODEL = "model"
PLOTS = "plots"

_SAMPLED = 256
"""Numbers of each weight that tell one backbone from another."""
_NOT_COMPARED = ("keep", "save_every", "evaluate_every")
"""Settings of `run` that change no weight."""

Tell = Callable[[str], None]
"""Tells the user something that is not the result."""


@dataclass(frozen=True)
class TrainRequest:
    """What a training is asked to do."""

    paths: tuple[Path, ...]
    backbone: str
    """A language model as `open_language_model` takes it, or a folder of `write_trained`."""
    output: Path
    stages: tuple[Recipe, ...]
    teachers: tuple[str, ...] = ()
    development: Path | None = None
    development_documents: int = 20_000
    """Documents of the development collection that are ranked, at most, besides the judged ones."""
    idf: Path | None = None
    split: str = "train"
    resume: bool = False


@dataclass(frozen=True)
class Stage:
    """How one stage ended."""

    recipe: Recipe
    folder: Path
    outcome: Outcome


def run_stages(request: TrainRequest, tell: Tell) -> list[Stage]:
    """Train stage after stage, and write model and plots of each; a stage that was stopped is the last.

    Raises:
        UsageError: recipe, data, model and teacher do not fit together.
        SourceError: a file cannot be read or written, or the output folder holds something else.
        TrainingError: the loss is not finite, or memory does not suffice.
        MissingExtraError: a package is not installed.
    """
    require_matplotlib()
    devices = Devices()
    check_output(request.output, request.resume)
    examples = list(read_examples(request.paths, request.split))
    if request.teachers:
        parse_specs(request.teachers)
    else:
        check_teacher(request.stages, examples)
    development = _development(request, tell if devices.is_main else _silent)
    devices.wait()
    if devices.is_main:
        _note_request(request)
    done: list[Stage] = []
    for number, recipe in enumerate(request.stages, start=1):
        folder = request.output if len(request.stages) == 1 else request.output / f"stage-{number}"
        source = str(done[-1].folder / MODEL) if done else request.backbone
        stage = _run_stage(request, recipe, folder, source, examples, development, devices)
        done.append(stage)
        if stage.outcome.stopped:
            return done
    if len(done) > 1 and devices.is_main:
        write_trained(request.output / MODEL, read_trained(done[-1].folder / MODEL), to_json(done[-1].recipe))
    return done


def check_output(folder: Path, resume: bool) -> None:
    """Refuse a folder that holds something else, or a training that nobody asked to resume.

    Raises:
        SourceError: it does, or is a file.
    """
    if folder.exists() and not folder.is_dir():
        raise SourceError(f"{folder} is a file: name a new folder with --output")
    if (folder / RUN_FILE).is_file():
        if not resume:
            raise SourceError(f"{folder} holds a training already: go on with --resume, or name a new folder")
    elif folder.exists() and any(folder.iterdir()):
        raise SourceError(f"{folder} is not empty and holds no training: name a new folder with --output")


def check_teacher(stages: Sequence[Recipe], examples: Sequence[Example]) -> None:
    """Look whether the data has the scores that distillation without a teacher needs.

    Raises:
        UsageError: an example has none.
    """
    if not any(recipe.loss.kl or recipe.loss.margin_mse for recipe in stages):
        return
    for example in examples:
        if example.scores is None:
            raise UsageError(
                f"the recipe distils a teacher's scores and line {example.line} of {example.source} has none: name a "
                "--teacher, or set loss.kl=0 and loss.margin_mse=0"
            )


def backbone_digest(trained: Trained) -> str:
    """Return a digest of the shapes and of a sample of the language model's weights."""
    digest = hashlib.sha256()
    for name, weight in sorted(trained.model.backbone.state_dict().items()):
        flat = weight.detach().cpu().reshape(-1)
        sample = flat[:: max(1, flat.numel() // _SAMPLED)].to(torch.float64).numpy()
        digest.update(f"{name} {tuple(weight.shape)}".encode() + sample.tobytes())
    return digest.hexdigest()[:16]


def examples_digest(examples: Sequence[Example]) -> str:
    """Return a digest of all that training sees of the examples."""
    digest = hashlib.sha256()
    for example in examples:
        digest.update(orjson.dumps([example.query, example.documents, example.scores, example.source]))
    return digest.hexdigest()[:16]


def fingerprint_of(
    trained: Trained, recipe: Recipe, examples: Sequence[Example], teachers: Sequence[str]
) -> dict[str, Any]:  # Any: JSON values
    """Return what decides a training's weights, so that no checkpoint of another one is taken for its own."""
    settings = to_json(recipe)
    settings["run"] = {name: value for name, value in settings["run"].items() if name not in _NOT_COMPARED}
    return {
        "recipe": settings,
        "backbone": {"name": trained.about.base_model, "weights": backbone_digest(trained)},
        "data": {"examples": len(examples), "digest": examples_digest(examples)},
        "idf": {"terms": len(trained.idf), "default": trained.default_idf},
        "teachers": list(teachers),
    }


def _run_stage(
    request: TrainRequest,
    recipe: Recipe,
    folder: Path,
    source: str,
    examples: Sequence[Example],
    development: Development | None,
    devices: Devices,
) -> Stage:
    started = _named(_start(request, recipe, source, examples), recipe, examples)
    fingerprint = fingerprint_of(started, recipe, examples, request.teachers)
    material = Material(examples, _teacher(request, started), development)
    run = Run(started, recipe, material, folder, fingerprint, devices)
    outcome = train(run, request.resume)
    finished = None if outcome.stopped else run.finish(outcome.best)
    if finished is not None:
        write_trained(folder / MODEL, finished, to_json(recipe))
    if devices.is_main:
        write_plots(read_log(folder / LOG_FILE), folder / PLOTS)
    devices.wait()
    return Stage(recipe, folder, outcome)


def _start(request: TrainRequest, recipe: Recipe, source: str, examples: Sequence[Example]) -> Trained:
    if is_trained(Path(source)):
        return continued(read_trained(Path(source)), recipe.reading)
    idf = None if request.idf is None else read_idf(request.idf)
    documents = [text for example in examples for text in example.documents]
    return begin(open_backbone(source, recipe.reading), recipe, documents, idf)


def _named(trained: Trained, recipe: Recipe, examples: Sequence[Example]) -> Trained:
    data = dict.fromkeys((*trained.about.training, *(example.source for example in examples)))
    return dataclasses.replace(
        trained, about=dataclasses.replace(trained.about, name=recipe.name, training=tuple(data))
    )


def _teacher(request: TrainRequest, trained: Trained) -> Teacher | None:
    return open_teacher(request.teachers, trained.idf, trained.default_idf) if request.teachers else None


def _development(request: TrainRequest, tell: Tell) -> Development | None:
    if request.development is None:
        return None
    found = read_development(request.development, request.development_documents)
    if found.left_out:
        tell(
            f"The development collection is ranked over {len(found.documents)} of its documents, all judged ones among "
            f"them; {found.left_out} are left out, so nDCG@10 is higher than over all."
        )
    return found


def _note_request(request: TrainRequest) -> None:
    try:
        request.output.mkdir(parents=True, exist_ok=True)
        noted = {
            "paths": [str(path) for path in request.paths],
            "backbone": request.backbone,
            "stages": [to_json(recipe) for recipe in request.stages],
            "teachers": list(request.teachers),
        }
        (request.output / RUN_FILE).write_bytes(orjson.dumps(noted, option=orjson.OPT_INDENT_2) + b"\n")
    except OSError as error:
        raise SourceError(f"{request.output} cannot be written ({error.strerror}): name another --output") from error


def _silent(text: str) -> None:
    """Say nothing: one process talks for all."""
