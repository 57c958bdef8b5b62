"""Contrastive training with and without the adaptation phase: dead units, active terms, held-out loss and ranking.

    python benchmarks/adaptation.py PAIRS... --backbone SPEC --output FOLDER [--seeds 3] [--json]

The paper's claim (CSPLADE, arXiv 2504.10816): without adaptation, units die early in contrastive training. Three
starts: the backbone as it is (`plain`), what `csplade adapt` makes of it on documents of the pairs (`adapted`), and,
with --control, what as many steps of the same reading make of it without L_relu (`read`). Each is trained with the
recipe csplade-1b (pieces as terms, the bare log(1 + relu(logit)) head, no calibration) at the sizes given, on the same
pairs in the same order with the same seed. Every few steps the same held-out pairs are read: a unit is dead if it fires
for none of their queries and documents, an active term is a weight above 0, the loss is InfoNCE and the rank that of
the query's document, both among all held-out documents. A document that ties with the right one counts as before it, so
that a model which has nothing to say ranks last.

FOLDER gets the models, a file per start and seed in `measured`, and adaptation.png. The same command goes on where it
was stopped.
"""

import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from statistics import fmean

import click
import orjson
import torch
from csplade.commands.adapt import command as adapt
from csplade.commands.output import print_json, print_table
from csplade.pipelines.batches import Batch, Collator
from csplade.pipelines.devices import Devices
from csplade.pipelines.errors import CspladeError
from csplade.pipelines.losses import info_nce
from csplade.pipelines.recipes import load_recipe, overridden
from csplade.pipelines.start import begin, open_backbone
from csplade.pipelines.training_data import Example, read_examples
from csplade.pipelines.training_options import Recipe, Tuned
from csplade.pipelines.training_run import Material, Run
from torch import Tensor

_RECIPE = "csplade-1b"
_READ_AT_ONCE = 32
_BEST = 10
_LAMBDA = {"plain": None, "read": 0.0, "adapted": 1.0}
"""Weight of L_relu in what a start reads before the contrastive training; None reads nothing."""
_PANELS = (
    ("dead_units", "dead units"),
    ("document_terms", "active terms per document"),
    ("query_terms", "active terms per query"),
    ("loss", "held-out InfoNCE"),
    ("rank", f"held-out MRR@{_BEST}"),
    ("silent", "texts without a term"),
)


@dataclass(frozen=True)
class Sizes:
    """How much is trained and measured."""

    adapt_steps: int
    adapt_rate: float
    adapt_tuned: str
    steps: int
    every: int
    sample: int
    queries: int
    learning_rate: float
    flops: float
    attention: str


@dataclass(frozen=True)
class Point:
    """What the held-out pairs say after a number of contrastive steps."""

    start: str
    seed: int
    step: int
    units: int
    dead_units: int
    silent: int
    """Queries and documents for which no unit fires."""
    document_terms: float
    query_terms: float
    loss: float
    rank: float
    """MRR@10 among all held-out documents."""


_MEASURES = tuple(field.name for field in fields(Point))[4:]


@dataclass(frozen=True)
class Pairs:
    """What is trained on and what is measured on; no document is in both."""

    trained: Sequence[Example]
    held_out: Sequence[Example]


def split(examples: Sequence[Example], sample: int) -> Pairs:
    """Hold pairs out at even distances; of several questions on a document the first is kept."""
    single = {example.documents[0]: example for example in reversed(examples)}
    kept = list(reversed(single.values()))
    apart = max(1, len(kept) // sample)
    held_out = kept[::apart][:sample]
    measured = {example.documents[0] for example in held_out}
    return Pairs([each for each in kept if each.documents[0] not in measured], held_out)


def recipe_of(sizes: Sizes, seed: int) -> Recipe:
    """Return the paper's recipe at these sizes."""
    settings = (
        f"run.steps={sizes.steps}",
        f"run.seed={seed}",
        f"reading.attention={sizes.attention}",
        "reading.bos=false",
        "reading.query_tokens=24",
        "reading.document_tokens=64",
        "tune.lora_rank=16",
        "tune.lora_alpha=32",
        f"tune.learning_rate={sizes.learning_rate}",
        f"loss.flops_query={sizes.flops}",
        f"loss.flops_document={sizes.flops}",
        f"batch.queries={sizes.queries}",
        "batch.negatives=0",
        "batch.checkpointing=false",
        "batch.bf16=false",
    )
    return overridden(load_recipe(_RECIPE).stages[0], settings)


def read(pairs: Pairs, backbone: str, output: Path, weight: float, sizes: Sizes, seed: int) -> None:
    """Run `csplade adapt` on the documents that are trained on; a model that is there is taken as it is."""
    if (output / "config.json").is_file():
        return
    texts = output.with_suffix(".jsonl")
    texts.write_bytes(b"".join(orjson.dumps({"text": each.documents[0]}) + b"\n" for each in pairs.trained))
    attention = "causal" if sizes.attention == "echo" else sizes.attention
    arguments = [str(texts), "--backbone", backbone, "--output", str(output)]
    arguments += ["--steps", str(sizes.adapt_steps), "--batch", "8", "--length", "64"]
    arguments += ["--learning-rate", str(sizes.adapt_rate), "--lambda-relu", str(weight)]
    arguments += ["--tuned", sizes.adapt_tuned]
    arguments += ["--attention", attention, "--seed", str(seed)]
    resume = ["--resume"] if (output / "adaptation.json").is_file() else []
    with redirect_stdout(sys.stderr):
        adapt.main([*arguments, *resume], prog_name="csplade adapt", standalone_mode=False)
    if not (output / "config.json").is_file():
        raise click.ClickException("the adaptation did not end: the same command goes on with it")


def mean_reciprocal_rank(scores: Tensor) -> float:
    """Return MRR@10 of scores (queries, documents) whose diagonal is right; a tie counts as before it."""
    right = scores.diagonal().unsqueeze(1)
    before = (scores >= right).sum(dim=1) - 1
    return float(torch.where(before < _BEST, 1 / (before + 1), 0.0).mean())


@torch.inference_mode()
def measure(run: Run, batch: Batch, start: str, seed: int, step: int) -> Point:
    """Read the held-out pairs with the model as it is."""
    run.model.eval()
    parts = [run.model(chunk) for chunk in batch.chunks(_READ_AT_ONCE)]
    queries = torch.cat([part.queries.vectors for part in parts])
    documents = torch.cat([part.documents.vectors for part in parts])
    scores = queries @ documents.T
    per_query, per_document = (queries > 0).sum(dim=1), (documents > 0).sum(dim=1)
    return Point(
        start,
        seed,
        step,
        queries.shape[1],
        int((~((queries > 0).any(dim=0) | (documents > 0).any(dim=0))).sum()),
        int((per_query == 0).sum() + (per_document == 0).sum()),
        float(per_document.float().mean()),
        float(per_query.float().mean()),
        float(info_nce(scores, batch.targets(), batch.false_negatives(), 1.0)),
        mean_reciprocal_rank(scores),
    )


def train(start: str, backbone: str, pairs: Pairs, folder: Path, sizes: Sizes, seed: int) -> list[Point]:
    """Train from one start and return what was measured on the way."""
    recipe = recipe_of(sizes, seed)
    documents = [example.documents[0] for example in pairs.held_out]
    trained = begin(open_backbone(backbone, recipe.reading), recipe, documents)
    collate = Collator(trained.tokenizer, trained.reading, trained.terms, trained.idf, trained.default_idf)
    batch = collate(pairs.held_out, 0, 0)
    run = Run(trained, recipe, Material(pairs.trained), folder, {}, Devices())
    points = [measure(run, batch, start, seed, 0)]
    for step in range(sizes.steps):
        run.step(step)
        if (step + 1) % sizes.every == 0 or step + 1 == sizes.steps:
            points.append(measure(run, batch, start, seed, step + 1))
            click.echo(str(points[-1]), err=True)
    return points


def compare(pairs: Pairs, backbone: str, output: Path, starts: Sequence[str], seeds: int, sizes: Sizes) -> list[Point]:
    """Train from every start with every seed; what is measured already is read from its file."""
    (output / "measured").mkdir(parents=True, exist_ok=True)
    points = []
    for start, seed in [(start, seed) for seed in range(seeds) for start in starts]:
        file, model, weight = output / "measured" / f"{start}-{seed}.jsonl", output / f"{start}-{seed}", _LAMBDA[start]
        if not file.is_file():
            if weight is not None:
                read(pairs, backbone, model, weight, sizes, seed)
            spec = backbone if weight is None else str(model)
            found = train(start, spec, pairs, output, sizes, seed)
            file.write_bytes(b"".join(orjson.dumps(asdict(point)) + b"\n" for point in found))
        points += [Point(**orjson.loads(line)) for line in file.read_bytes().splitlines()]
    return points


def claim(output: Path, paths: Sequence[Path], backbone: str, sizes: Sizes) -> None:
    """Note in the folder what is measured, so that no run goes on with what another has left."""
    chosen = {"pairs": [path.name for path in paths], "backbone": backbone} | asdict(sizes)
    note = output / "sizes.json"
    if note.is_file() and orjson.loads(note.read_bytes()) != chosen:
        raise click.ClickException(f"{output} holds measurements at other sizes: name another --output")
    output.mkdir(parents=True, exist_ok=True)
    note.write_bytes(orjson.dumps(chosen, option=orjson.OPT_INDENT_2))


def draw(points: Sequence[Point], path: Path) -> None:
    """Write the picture, a panel for each measure, a thin line for each seed and a thick one for their mean."""
    # Not pyplot, which looks for a display.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 7), dpi=90, layout="constrained")
    FigureCanvasAgg(figure)
    starts, steps = list(dict.fromkeys(each.start for each in points)), sorted({each.step for each in points})
    for axes, (name, title) in zip(figure.subplots(2, 3).flat, _PANELS, strict=True):
        for number, start in enumerate(starts):
            for seed in sorted({each.seed for each in points}):
                own = [each for each in points if (each.start, each.seed) == (start, seed)]
                axes.plot([p.step for p in own], [getattr(p, name) for p in own], color=f"C{number}", alpha=0.3, lw=0.8)
            means = [fmean(_values(points, start, step, name)) for step in steps]
            axes.plot(steps, means, color=f"C{number}", marker="o", ms=3, label=start)
        axes.set(title=title, xlabel="contrastive step")
        if name == "loss":
            # It falls by orders of magnitude, and what counts is where it ends.
            axes.set_yscale("log")
        else:
            axes.set_ylim(0, None)
        axes.grid(alpha=0.3)
    figure.axes[0].legend(frameon=False)
    figure.savefig(path)


def show(points: Sequence[Point]) -> None:
    """Print the table: the mean over the seeds, and their least and largest."""
    keys = sorted({(p.step, p.start) for p in points}, key=lambda key: (key[0], list(_LAMBDA).index(key[1])))
    rows = [(step, start, *(_cell(_values(points, start, step, name)) for name in _MEASURES)) for step, start in keys]
    columns = ("step", "start", "dead", "silent", "terms/document", "terms/query", "InfoNCE", f"MRR@{_BEST}")
    print_table(f"{points[0].units} units, seeds: {len({p.seed for p in points})}", columns, rows)


def _values(points: Sequence[Point], start: str, step: int, name: str) -> list[float]:
    return [getattr(each, name) for each in points if (each.start, each.step) == (start, step)]


def _cell(values: Sequence[float]) -> str:
    mean, least, largest = (f"{value:.4g}" for value in (fmean(values), min(values), max(values)))
    return mean if least == largest else f"{mean} ({least}-{largest})"


@click.command(epilog="Example:  python benchmarks/adaptation.py pairs.jsonl --backbone SmolLM2-135M --output shown")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PAIRS...")
@click.option("--backbone", required=True, metavar="SPEC", help="As for csplade adapt.")
@click.option("--output", required=True, type=click.Path(path_type=Path), metavar="FOLDER")
@click.option("--seeds", default=1, show_default=True, type=click.IntRange(1), help="Runs from each start.")
@click.option("--control", is_flag=True, help="Also read without L_relu, then train.")
@click.option("--adapt-steps", default=100, show_default=True, type=click.IntRange(1), help="Of 8 x 64 tokens.")
@click.option("--adapt-rate", default=5e-4, show_default=True, type=click.FloatRange(0, min_open=True))
@click.option("--adapt-tuned", default="lora", show_default=True, type=click.Choice([each.value for each in Tuned]))
@click.option("--steps", default=40, show_default=True, type=click.IntRange(1), help="Contrastive steps.")
@click.option("--every", default=5, show_default=True, type=click.IntRange(1), help="Steps between measurements.")
@click.option("--sample", default=256, show_default=True, type=click.IntRange(2), help="Held-out pairs.")
@click.option("--queries", default=8, show_default=True, type=click.IntRange(2), help="Pairs of a contrastive step.")
@click.option("--learning-rate", default=1e-4, show_default=True, type=click.FloatRange(0, min_open=True))
@click.option("--flops", default=0.003, show_default=True, type=click.FloatRange(0), help="Weight of both FLOPS terms.")
@click.option(
    "--attention", default="causal", show_default=True, type=click.Choice(["causal", "echo", "bidirectional"])
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def main(
    paths: tuple[Path, ...],
    backbone: str,
    output: Path,
    seeds: int,
    control: bool,
    adapt_steps: int,
    adapt_rate: float,
    adapt_tuned: str,
    steps: int,
    every: int,
    sample: int,
    queries: int,
    learning_rate: float,
    flops: float,
    attention: str,
    as_json: bool,
) -> None:
    """Train from the backbone as it is and from the adapted one, and compare."""
    sizes = Sizes(adapt_steps, adapt_rate, adapt_tuned, steps, every, sample, queries, learning_rate, flops, attention)
    starts = [start for start in _LAMBDA if control or start != "read"]
    claim(output, paths, backbone, sizes)
    try:
        points = compare(split(list(read_examples(paths)), sample), backbone, output, starts, seeds, sizes)
    except CspladeError as error:
        raise click.ClickException(str(error)) from error
    draw(points, output / "adaptation.png")
    if as_json:
        print_json({"sizes": asdict(sizes), "points": [asdict(point) for point in points]})
    else:
        show(points)


if __name__ == "__main__":
    main()
