"""What each ingredient of the recipe is worth: the same short training with and without it, from several seeds.

    python -m csplade.models.recipe.ablation GGUF_FILE MINILM_FOLDER WORK_FOLDER SEEDS COLLECTION...

Every run adds a line to `ablation.jsonl` in the work folder; those that are there are not run again. So that many runs
are affordable, there are few steps of few texts, and documents are read to 64 tokens, measured as well.
"""

import random
import statistics
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import orjson
import torch
from csplade.commands.output import print_table
from csplade.models.recipe.assemble import trained_of
from csplade.models.recipe.corpus import Corpus, read_corpus
from csplade.models.recipe.dictionary import Dictionary, read_dictionary
from csplade.models.recipe.expansion import read_expansion
from csplade.models.recipe.plan import MINI, Stage
from csplade.models.recipe.pupil import Pupil, build
from csplade.models.recipe.reader import open_reader
from csplade.models.recipe.start import start
from csplade.models.recipe.teacher import Teacher
from csplade.models.recipe.train import lessons_of, run_stage
from csplade.pipelines.development import BEST_MEASURE, Development, measured, read_development
from torch import nn

_TOKENS = 64
_BUDGET = Stage(40, 8, _TOKENS, (10, 40), ranking=1.0, contrastive=0.3, rate=3e-4, head_rate=3e-4, warm_up=5, decay=0.5)
_WITHOUT_START = 0.02
"""Standard deviation of the head's numbers where it begins by chance, as is usual."""


@dataclass(frozen=True)
class Arm:
    """One way to train, at the same number of steps and texts."""

    stage: Stage = _BUDGET
    layers: int = MINI.layers
    frozen: int = MINI.frozen
    started: bool = True
    """The head begins as the dictionary, read through a regression."""
    gates: bool = True
    """Gates are trained."""


ARMS: Mapping[str, Arm] = {
    "all": Arm(),
    "without training": Arm(replace(_BUDGET, steps=0, decay=0.0)),
    "without the calibrated start": Arm(started=False),
    "without the dictionary's terms": Arm(replace(_BUDGET, imitation=0.0)),
    "without the teachers' ranking": Arm(replace(_BUDGET, ranking=0.0)),
    "teacher without BM25": Arm(replace(_BUDGET, literal=0.0)),
    "teacher without MiniLM": Arm(replace(_BUDGET, dense=0.0)),
    "without InfoNCE": Arm(replace(_BUDGET, contrastive=0.0)),
    "without hard negatives": Arm(replace(_BUDGET, seeds=32, neighbours=0)),
    "head and gates alone": Arm(frozen=MINI.layers),
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
    _begin(bench, arm, pupil)
    pupil.model.gate.requires_grad_(arm.gates)
    lessons = lessons_of(pupil, bench.corpus, arm.stage, bench.teacher, random.Random(seed))
    run_stage(pupil, lessons, bench.dictionary, arm.stage, nn.Parameter(bench.dictionary.log_scale.clone()), "")
    trained = trained_of(pupil)
    short = replace(trained, reading=replace(trained.reading, document_tokens=_TOKENS))
    with torch.autocast("cpu", torch.bfloat16):
        return {name: measured(short, each)[BEST_MEASURE] for name, each in bench.collections.items()}


def _begin(bench: Bench, arm: Arm, pupil: Pupil) -> None:
    """Set the head; the regression is the same for all seeds, and kept."""
    if not arm.started:
        nn.init.normal_(pupil.model.head, std=_WITHOUT_START)
        return
    kept = bench.work / f"ablation-start-{arm.layers}.pt"
    if not kept.exists():
        start(pupil, bench.corpus, bench.dictionary, random.Random(0))
        torch.save([pupil.model.head.data, pupil.model.shift.data, pupil.model.strength.data], kept)
    head, shift, strength = torch.load(kept)
    pupil.model.head.data.copy_(head)
    pupil.model.shift.data.copy_(shift)
    pupil.model.strength.data.copy_(strength)


def table(lines: Iterable[Mapping[str, str | int | dict[str, float]]]) -> list[tuple[str | float, ...]]:
    """Return a row for each arm: means over seeds of each collection and of all, least and largest of these means."""
    found: dict[str, list[dict[str, float]]] = {}
    for line in lines:
        scores = line["scores"]
        assert isinstance(scores, dict)
        found.setdefault(str(line["arm"]), []).append(scores)
    rows: list[tuple[str | float, ...]] = []
    for arm, runs in found.items():
        means = [statistics.fmean(each.values()) for each in runs]
        columns = [statistics.fmean(each[name] for each in runs) for name in runs[0]]
        rows.append((arm, *columns, statistics.fmean(means), f"{min(means):.4f}-{max(means):.4f}"))
    return rows


def main() -> None:
    """Run what is missing, seed by seed, and print the table."""
    gguf, folder, work, seeds = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), int(sys.argv[4])
    collections = {Path(name).name: read_development(Path(name), 100_000) for name in sys.argv[5:]}
    bench = Bench(gguf, work, read_corpus(work, folder), read_dictionary(work), Teacher(folder), collections)
    kept = work / "ablation.jsonl"
    lines = [orjson.loads(line) for line in kept.read_bytes().splitlines()] if kept.exists() else []
    done = {(line["arm"], line["seed"]) for line in lines}
    for seed in range(seeds):
        for name, arm in ARMS.items():
            if (name, seed) not in done:
                lines.append({"arm": name, "seed": seed, "scores": run(bench, arm, seed)})
                with kept.open("ab") as file:
                    file.write(orjson.dumps(lines[-1]) + b"\n")
    print_table("nDCG@10", ("", *collections, "mean", "of a seed"), table(lines))


if __name__ == "__main__":
    main()
