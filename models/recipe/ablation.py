"""What each ingredient of the recipe is worth: the same short training with and without it, from several seeds.

    python -m csplade.models.recipe.ablation GGUF_FILE MINILM_FOLDER WORK_FOLDER SEEDS COLLECTION... [--arm NAME]...

Every run adds a line to `ablation.jsonl` in the work folder; those of the same arm, seed, dictionary and collections
are not run again. So that many runs are affordable, there are few steps of few texts, and documents are read to 64
tokens, measured as well. The dictionary itself, from which the head starts and which gives each text its terms, is the
same in all arms.
"""

import hashlib
import random
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import click
import orjson
import torch
from csplade.commands.output import print_table
from csplade.models.recipe import arguments
from csplade.models.recipe.assemble import trained_of
from csplade.models.recipe.corpus import Corpus, read_corpus
from csplade.models.recipe.dictionary import Dictionary, read_dictionary
from csplade.models.recipe.expansion import read_expansion
from csplade.models.recipe.narrow import NARROW, narrowly
from csplade.models.recipe.plan import MINI, Stage
from csplade.models.recipe.pupil import Pupil, build
from csplade.models.recipe.reader import open_reader
from csplade.models.recipe.start import start
from csplade.models.recipe.teacher import Teacher
from csplade.models.recipe.train import lessons_of, run_stage
from csplade.pipelines.development import BEST_MEASURE, Development, measured, read_development
from csplade.pipelines.whole_file import replace_file
from torch import nn

_TOKENS = 64
_ALL = 100_000
"""Documents of a collection that are read at the most."""
_BUDGET = Stage(40, 8, _TOKENS, (10, 40), ranking=1.0, contrastive=0.3, rate=3e-4, head_rate=3e-4, warm_up=5, decay=0.5)
_HALF = replace(_BUDGET, steps=_BUDGET.steps // 2, decay=0.0)
_WHOLE_TEXTS = replace(_BUDGET, steps=_BUDGET.steps // 2, seeds=4, document_tokens=144, crops=None)
_WITHOUT_START = 0.02
"""Standard deviation of the head's numbers where it begins by chance, as is usual."""
_SPREADS_OF_PAIRS = 4.0 / 1.41, 0.1 / 0.074
"""By how much both parts of the target grow with the spreads that `spreads.py` finds."""


@dataclass(frozen=True)
class Arm:
    """One way to train, at the same number of steps and texts."""

    stages: tuple[Stage, ...] = (_BUDGET,)
    layers: int = MINI.layers
    frozen: int = MINI.frozen
    started: bool = True
    """The head begins as the dictionary, read through a regression."""
    gates: bool = True
    """Gates are trained."""


ARMS: Mapping[str, Arm] = {
    "all": Arm(),
    "no training: the start alone": Arm(()),
    "head begun by chance": Arm(started=False),
    "no imitation of the dictionary's terms": Arm((replace(_BUDGET, imitation=0.0),)),
    "imitation alone: no ranking, no InfoNCE": Arm((replace(_BUDGET, ranking=0.0),)),
    "ranking target without BM25": Arm((replace(_BUDGET, literal=0.0),)),
    "ranking target without MiniLM": Arm((replace(_BUDGET, dense=0.0),)),
    "ranking target in the pairs' own spreads": Arm(
        (replace(_BUDGET, literal=_SPREADS_OF_PAIRS[0], dense=_SPREADS_OF_PAIRS[1]),)
    ),
    "no InfoNCE": Arm((replace(_BUDGET, contrastive=0.0),)),
    "no near documents in a batch": Arm((replace(_BUDGET, seeds=32, neighbours=0),)),
    "whole texts in the second half": Arm((_HALF, _WHOLE_TEXTS)),
    "head, gates and last norm alone": Arm(frozen=MINI.layers),
    "gates at 1": Arm(gates=False),
    "6 layers": Arm(layers=6, frozen=2),
}


@dataclass(frozen=True)
class Bench:
    """What all runs share."""

    gguf: Path
    work: Path
    corpus: Corpus
    dictionary: Dictionary
    teacher: Teacher
    collections: Mapping[str, Development]


def run(bench: Bench, arm: Arm, seed: int) -> dict[str, float]:
    """Train one arm from one seed and return nDCG@10 on each collection."""
    torch.manual_seed(seed)
    reader = open_reader(bench.gguf, bench.work, read_expansion(bench.work).terms)
    pupil = build(bench.gguf, reader, arm.layers, arm.frozen)
    teach(bench, arm, pupil, seed)
    trained = trained_of(pupil)
    short = replace(trained, reading=replace(trained.reading, document_tokens=_TOKENS))
    with narrowly():
        return {name: measured(short, each)[BEST_MEASURE] for name, each in bench.collections.items()}


def teach(bench: Bench, arm: Arm, pupil: Pupil, seed: int) -> None:
    """Train a pupil as the arm says."""
    _begin(bench, arm, pupil)
    chance, log_scale = random.Random(seed), nn.Parameter(bench.dictionary.log_scale.clone())
    for stage in arm.stages:
        lessons = lessons_of(pupil, bench.corpus, stage, bench.teacher, chance)
        run_stage(replace(pupil, gates=arm.gates), lessons, bench.dictionary, stage, log_scale, "")


def _begin(bench: Bench, arm: Arm, pupil: Pupil) -> None:
    """Set head, shifts and strengths; the regression is the same for all seeds, and kept."""
    if not arm.started:
        nn.init.normal_(pupil.model.head, std=_WITHOUT_START)
        return
    model, kept = pupil.model, bench.work / f"ablation-start-{arm.layers}-{bench.dictionary.digest}.pt"
    if not kept.exists():
        start(pupil, bench.corpus, bench.dictionary, random.Random(0))
        begun = [model.head.data, model.shift.data, model.strength.data]
        replace_file(kept, lambda file: torch.save(begun, file))
    for weight, value in zip((model.head, model.shift, model.strength), torch.load(kept), strict=True):
        weight.data.copy_(value)


def settings(bench: Bench, arm: Arm) -> str:
    """Return what tells a run of these settings from another of the same name."""
    # Runs in float32, on a processor without bf16, are not those of the others.
    kind = "" if NARROW is torch.bfloat16 else f" {NARROW}"
    return hashlib.sha256(f"{arm} {bench.dictionary.digest} {bench.corpus.digest}{kind}".encode()).hexdigest()[:12]


def table(runs: Mapping[str, Sequence[Mapping[str, float]]]) -> list[tuple[str | float, ...]]:
    """Return a row for each arm: the means of its seeds on each collection and on all, and its seeds' own means.

    Args:
        runs: of each arm the scores of its seeds, by collection, in the order of the columns.
    """
    rows: list[tuple[str | float, ...]] = []
    for arm, scores in runs.items():
        means = [statistics.fmean(each.values()) for each in scores]
        columns = [statistics.fmean(each[name] for each in scores) for name in scores[0]]
        rows.append((arm, *columns, statistics.fmean(means), " ".join(f"{mean:.4f}" for mean in means)))
    return rows


Line = Mapping[str, str | int | dict[str, float]]


def finished(lines: Iterable[Line], bench: Bench, name: str, seed: int) -> dict[str, float] | None:
    """Return the scores of a run that an earlier command made with the same settings, by the bench's collections."""
    wanted = (name, seed, settings(bench, ARMS[name]))
    for line in lines:
        scores = line["scores"]
        assert isinstance(scores, dict)
        if (line["arm"], line["seed"], line.get("settings")) == wanted and bench.collections.keys() <= scores.keys():
            return {collection: scores[collection] for collection in bench.collections}
    return None


def run_missing(bench: Bench, names: Iterable[str], seeds: int) -> dict[str, list[dict[str, float]]]:
    """Run what an earlier command did not, seed by seed, and return the scores of each arm's seeds."""
    kept = bench.work / "ablation.jsonl"
    lines: list[Line] = [orjson.loads(line) for line in kept.read_bytes().splitlines()] if kept.exists() else []
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    for seed in range(seeds):
        for name, scores_of_seeds in runs.items():
            scores = finished(lines, bench, name, seed)
            if scores is None:
                scores = run(bench, ARMS[name], seed)
                line = {"arm": name, "seed": seed, "settings": settings(bench, ARMS[name]), "scores": scores}
                with kept.open("ab") as file:
                    file.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
            scores_of_seeds.append(scores)
    return runs


@click.command(cls=arguments.Step)
@arguments.gguf
@arguments.minilm
@arguments.work
@click.argument("seeds", type=click.IntRange(min=1))
@arguments.collections
@click.option("--arm", "arms", multiple=True, type=click.Choice(list(ARMS)), help="Run this arm alone; repeatable.")
def main(
    gguf: Path, minilm: Path, work: Path, seeds: int, collections: tuple[Path, ...], arms: tuple[str, ...]
) -> None:
    """Run what is missing, and print the table."""
    judged = {path.name: read_development(path, _ALL) for path in collections}
    bench = Bench(gguf, work, read_corpus(work, minilm), read_dictionary(work), Teacher(minilm), judged)
    runs = run_missing(bench, arms or ARMS, seeds)
    print_table("nDCG@10", ("", *judged, "mean", "of each seed"), table(runs))


if __name__ == "__main__":
    main()
