"""The stages of a recipe, run one after the other into an output folder; needs torch.

    run.json                what was asked for
    log.jsonl               one line per step
    checkpoints/  plots/
    model/                  the trained encoder, for `csplade export`

With several stages each has such a folder of its own, stage-1/ and so on, and model/ beside them is the last one's.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import orjson
from csplade.pipelines.backbone import check_language_model
from csplade.pipelines.broad_text import read_idf
from csplade.pipelines.development import Development, read_development
from csplade.pipelines.devices import Devices
from csplade.pipelines.errors import SourceError, UsageError
from csplade.pipelines.fingerprint import fingerprint_of
from csplade.pipelines.folder_lock import locked
from csplade.pipelines.own_documents import own_note
from csplade.pipelines.precision import FLOAT_INSTEAD, multiplies_bf16
from csplade.pipelines.recipe_values import to_json
from csplade.pipelines.start import begin, continued, open_backbone
from csplade.pipelines.teacher import BM25, Teacher, open_teacher, parse_specs
from csplade.pipelines.teacher_bm25 import has_word_idf, word_idf
from csplade.pipelines.train import Outcome, train
from csplade.pipelines.trained import Trained
from csplade.pipelines.trained_folder import is_trained, read_trained, write_trained
from csplade.pipelines.training_checks import RUN_FILE, check_output, check_stages
from csplade.pipelines.training_data import Example, read_examples
from csplade.pipelines.training_log import LOG_FILE, read_log
from csplade.pipelines.training_options import Recipe
from csplade.pipelines.training_plots import require_matplotlib, write_plots
from csplade.pipelines.training_run import Material, Run
from csplade.pipelines.whole_file import replace_bytes

MODEL = "model"
PLOTS = "plots"

Tell = Callable[[str], None]
"""Tells the user something that is not the result."""


@dataclass(frozen=True)
class TrainRequest:
    """What a training is asked to do."""

    paths: tuple[Path, ...]
    """What stages read that have no data of their own."""
    backbone: str
    """A language model as `open_language_model` takes it, or a folder of `write_trained`."""
    output: Path
    stages: tuple[Recipe, ...]
    teachers: tuple[str, ...] = ()
    development: Path | None = None
    development_documents: int = 20_000
    """Documents of the development collection that are ranked, at most; the judged ones always."""
    idf: Path | None = None
    split: str = "train"
    resume: bool = False
    stage_paths: Mapping[str, tuple[Path, ...]] = field(default_factory=dict)
    """What stages read instead of `paths`, by name of the recipe."""

    def paths_of(self, recipe: Recipe) -> tuple[Path, ...]:
        """Return what a stage reads."""
        return self.stage_paths.get(recipe.name, self.paths)


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
    with locked(request.output) if devices.is_main else nullcontext():
        return _run_locked(request, devices, tell if devices.is_main else _silent)


def _run_locked(request: TrainRequest, devices: Devices, tell: Tell) -> list[Stage]:
    check_output(request.output, request.resume)
    if request.teachers:
        parse_specs(request.teachers)
    _check_idf(request)
    if not is_trained(Path(request.backbone)):
        check_language_model(request.backbone)
    stages = _with_examples(request)
    check_stages(stages, bool(request.teachers), devices.count)
    if any(recipe.batch.bf16 for recipe, _ in stages) and not multiplies_bf16(devices.device):
        tell(FLOAT_INSTEAD)
    development = _development(request, tell)
    done: list[Stage] = []
    for number, (recipe, examples) in enumerate(stages, start=1):
        folder = request.output if len(stages) == 1 else request.output / f"stage-{number}"
        source = str(done[-1].folder / MODEL) if done else request.backbone
        stage = _run_stage(request, recipe, folder, source, examples, development, devices)
        done.append(stage)
        if stage.outcome.stopped:
            return done
    if len(done) > 1 and devices.is_main:
        write_trained(request.output / MODEL, read_trained(done[-1].folder / MODEL), to_json(done[-1].recipe))
    return done


def _with_examples(request: TrainRequest) -> list[tuple[Recipe, list[Example]]]:
    """Return each stage with its examples; stages that read the same share them in memory."""
    read: dict[tuple[Path, ...], list[Example]] = {}
    for recipe in request.stages:
        paths = request.paths_of(recipe)
        if not paths:
            raise UsageError(f"the stage {recipe.name} has no data: give it a --stage-data, or all of them a PATH")
        if paths not in read:
            read[paths] = list(read_examples(paths, request.split))
    return [(recipe, read[request.paths_of(recipe)]) for recipe in request.stages]


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
    fingerprint = fingerprint_of(started, recipe, examples, request.teachers, development)
    material = Material(examples, _teacher(request, started, examples), development)
    run = Run(started, recipe, material, folder, fingerprint, devices)
    begin = run.resume() if request.resume else 0
    # Now that nothing can be refused any more, and that no process will look for an empty folder.
    devices.wait()
    if devices.is_main and _is_to_be_noted(request, recipe):
        _note_request(request)
    outcome = train(run, begin)
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


def _teacher(request: TrainRequest, trained: Trained, examples: Sequence[Example]) -> Teacher | None:
    if not request.teachers:
        return None
    if all(spec.kind != BM25 for spec in parse_specs(request.teachers)):
        return open_teacher(request.teachers)
    idf = trained.idf, trained.default_idf
    if not has_word_idf(trained.reading):
        idf = word_idf([text for example in examples for text in example.documents], trained.tokenizer)
    return open_teacher(request.teachers, *idf)


def _check_idf(request: TrainRequest) -> None:
    if request.idf is not None and is_trained(Path(request.backbone)):
        raise UsageError(
            f"{request.backbone} is a trained encoder with a table of idf, and would not take {request.idf}: leave "
            "--idf out, or begin with a language model"
        )


def _development(request: TrainRequest, tell: Tell) -> Development | None:
    if request.development is None:
        return None
    found = read_development(request.development, request.development_documents)
    if found.left_out:
        tell(
            f"The development collection is ranked over {len(found.documents)} of its documents, all judged ones among "
            f"them; {found.left_out} are left out, so nDCG@10 is higher than over all."
        )
    note = own_note(found.collection)
    if note is not None:
        tell(note)
    return found


def _is_to_be_noted(request: TrainRequest, recipe: Recipe) -> bool:
    """Say whether a stage begins a training, or is the last whose checkpoints a resumed one had to match."""
    return recipe is request.stages[-1] or not (request.output / RUN_FILE).exists()


def _note_request(request: TrainRequest) -> None:
    try:
        request.output.mkdir(parents=True, exist_ok=True)
        noted = {
            "paths": [str(path) for path in request.paths],
            "stage_paths": {name: [str(path) for path in paths] for name, paths in request.stage_paths.items()},
            "backbone": request.backbone,
            "stages": [to_json(recipe) for recipe in request.stages],
            "teachers": list(request.teachers),
        }
        replace_bytes(request.output / RUN_FILE, orjson.dumps(noted, option=orjson.OPT_INDENT_2) + b"\n")
    except OSError as error:
        raise SourceError(f"{request.output} cannot be written ({error.strerror}): name another --output") from error


def _silent(text: str) -> None:
    """Say nothing: one process talks for all."""
