"""Contrastive training with and without the adaptation phase: dead vocabulary units, active terms, held-out loss.

    python benchmarks/adaptation.py PAIRS... --backbone SPEC --output FOLDER [--json]

The paper's claim (CSPLADE, arXiv 2504.10816): without adaptation, units die early in contrastive training. Both
trainings have the recipe csplade-1b (pieces as terms, the bare log(1 + relu(logit)) head, no calibration) at the sizes
given, the same pairs in the same order and the same seed; the adapted one begins with what `csplade adapt` makes of the
backbone and the documents of those pairs. Every few steps both read the same held-out pairs: a unit is dead if it fires
for none of their documents, an active term is a weight above 0, the loss is InfoNCE among them. FOLDER gets the adapted
model, measured.jsonl and adaptation.png.
"""

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click
import orjson
import torch
from csplade.commands.output import print_json, print_table
from csplade.pipelines.batches import Batch, Collator
from csplade.pipelines.devices import Devices
from csplade.pipelines.errors import CspladeError
from csplade.pipelines.losses import info_nce
from csplade.pipelines.recipes import load_recipe, overridden
from csplade.pipelines.start import begin, open_backbone
from csplade.pipelines.training_data import Example, read_examples
from csplade.pipelines.training_options import Recipe
from csplade.pipelines.training_run import Material, Run

_RECIPE = "csplade-1b"
_ADAPT = ("--batch", "8", "--length", "64", "--learning-rate", "5e-4")
_STARTS = ("plain", "adapted")
_PANELS = (
    ("dead_units", "dead units"),
    ("document_terms", "active terms per document"),
    ("query_terms", "active terms per query"),
    ("loss", "held-out InfoNCE"),
)


@dataclass(frozen=True)
class Sizes:
    """How much is trained and measured."""

    adapt_steps: int
    steps: int
    every: int
    sample: int
    queries: int
    learning_rate: float
    attention: str
    seed: int


@dataclass(frozen=True)
class Point:
    """What the held-out pairs say after a number of contrastive steps."""

    start: str
    step: int
    dead_units: int
    units: int
    document_terms: float
    query_terms: float
    loss: float


def recipe_of(sizes: Sizes) -> Recipe:
    """Return the paper's recipe at these sizes."""
    settings = (
        f"run.steps={sizes.steps}",
        f"run.seed={sizes.seed}",
        f"reading.attention={sizes.attention}",
        "reading.bos=false",
        "reading.query_tokens=24",
        "reading.document_tokens=64",
        "tune.lora_rank=16",
        "tune.lora_alpha=32",
        f"tune.learning_rate={sizes.learning_rate}",
        f"batch.queries={sizes.queries}",
        "batch.negatives=0",
        "batch.checkpointing=false",
        "batch.bf16=false",
    )
    return overridden(load_recipe(_RECIPE).stages[0], settings)


def adapt(documents: Sequence[str], backbone: str, folder: Path, sizes: Sizes) -> Path:
    """Run `csplade adapt` on the documents and return the model folder; one that is there is taken as it is."""
    adapted, texts = folder / "adapted", folder / "documents.jsonl"
    if not (adapted / "config.json").is_file():
        texts.write_bytes(b"".join(orjson.dumps({"text": text}) + b"\n" for text in documents))
        attention = "causal" if sizes.attention == "echo" else sizes.attention
        command = [sys.executable, "-m", "csplade.cli", "adapt", str(texts), "--backbone", backbone]
        command += ["--output", str(adapted), "--steps", str(sizes.adapt_steps), *_ADAPT]
        command += ["--attention", attention, "--seed", str(sizes.seed)]
        resume = ["--resume"] if (adapted / "adaptation.json").is_file() else []
        if subprocess.run([*command, *resume], check=False, stdout=sys.stderr).returncode:
            raise click.ClickException("the adaptation did not end: the same command goes on with it")
    return adapted


def measure(run: Run, batch: Batch, start: str, step: int) -> Point:
    """Read the held-out pairs with the model as it is."""
    run.model.eval()
    with torch.inference_mode():
        queries, documents = run.model(batch)
        loss = info_nce(queries.vectors @ documents.vectors.T, batch.targets(), batch.false_negatives(), 1.0)
    fires = documents.expansion > 0
    dead = int((~fires.any(dim=0)).sum())
    per_query = float((queries.expansion > 0).sum(dim=1).float().mean())
    return Point(start, step, dead, fires.shape[1], float(fires.sum(dim=1).float().mean()), per_query, float(loss))


def train(
    start: str, backbone: str, examples: Sequence[Example], held_out: Sequence[Example], folder: Path, sizes: Sizes
) -> list[Point]:
    """Train from one start and return what was measured on the way."""
    recipe = recipe_of(sizes)
    trained = begin(open_backbone(backbone, recipe.reading), recipe, [each.documents[0] for each in examples])
    collate = Collator(trained.tokenizer, trained.reading, trained.terms, trained.idf, trained.default_idf)
    batch = collate(held_out, 0, 0)
    run = Run(trained, recipe, Material(examples), folder / start, {}, Devices())
    points = [measure(run, batch, start, 0)]
    for step in range(sizes.steps):
        run.step(step)
        if (step + 1) % sizes.every == 0 or step + 1 == sizes.steps:
            points.append(measure(run, batch, start, step + 1))
            click.echo(f"{start}: {points[-1]}", err=True)
    return points


def draw(points: Sequence[Point], path: Path) -> None:
    """Write the picture, a panel for each measure."""
    # Not pyplot, which looks for a display.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 7), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    for axes, (name, title) in zip(figure.subplots(2, 2).flat, _PANELS, strict=True):
        for start in _STARTS:
            own = [point for point in points if point.start == start]
            axes.plot([each.step for each in own], [getattr(each, name) for each in own], marker="o", label=start)
        axes.set(title=title, xlabel="contrastive step", ylim=(0, None))
        axes.grid(alpha=0.3)
        axes.legend(frameon=False)
    figure.savefig(path)


def show(points: Sequence[Point]) -> None:
    """Print the table."""
    rows = [
        (p.step, p.start, p.dead_units, f"{p.document_terms:.1f}", f"{p.query_terms:.1f}", p.loss)
        for p in sorted(points, key=lambda point: point.step)
    ]
    columns = ("step", "start", "dead units", "terms per document", "terms per query", "held-out InfoNCE")
    print_table(f"{points[0].units} units", columns, rows)


@click.command(epilog="Example:  python benchmarks/adaptation.py pairs.jsonl --backbone SmolLM2-135M --output shown")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PAIRS...")
@click.option("--backbone", required=True, metavar="SPEC", help="As for csplade adapt.")
@click.option("--output", required=True, type=click.Path(path_type=Path), metavar="FOLDER")
@click.option("--adapt-steps", default=100, show_default=True, type=click.IntRange(1))
@click.option("--steps", default=40, show_default=True, type=click.IntRange(1), help="Contrastive steps.")
@click.option("--every", default=5, show_default=True, type=click.IntRange(1), help="Steps between measurements.")
@click.option("--sample", default=64, show_default=True, type=click.IntRange(2), help="Held-out pairs.")
@click.option("--queries", default=8, show_default=True, type=click.IntRange(2), help="Pairs of a contrastive step.")
@click.option("--learning-rate", default=1e-4, show_default=True, type=click.FloatRange(0, min_open=True))
@click.option(
    "--attention", default="causal", show_default=True, type=click.Choice(["causal", "echo", "bidirectional"])
)
@click.option("--seed", default=0, show_default=True, type=int)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def main(
    paths: tuple[Path, ...],
    backbone: str,
    output: Path,
    adapt_steps: int,
    steps: int,
    every: int,
    sample: int,
    queries: int,
    learning_rate: float,
    attention: str,
    seed: int,
    as_json: bool,
) -> None:
    """Train from the backbone as it is and from the adapted one, and compare."""
    sizes = Sizes(adapt_steps, steps, every, sample, queries, learning_rate, attention, seed)
    output.mkdir(parents=True, exist_ok=True)
    try:
        points = compare(paths, backbone, output, sizes)
    except CspladeError as error:
        raise click.ClickException(str(error)) from error
    (output / "measured.jsonl").write_bytes(b"".join(orjson.dumps(asdict(point)) + b"\n" for point in points))
    draw(points, output / "adaptation.png")
    if as_json:
        found: dict[str, Any] = {"sizes": asdict(sizes), "points": [asdict(point) for point in points]}  # Any: JSON
        print_json(found)
    else:
        show(points)


def compare(paths: Sequence[Path], backbone: str, output: Path, sizes: Sizes) -> list[Point]:
    """Hold pairs out at even distances, adapt on the others' documents, train twice."""
    examples = list(read_examples(paths))
    apart = max(1, len(examples) // sizes.sample)
    held_out = examples[::apart][: sizes.sample]
    kept = {id(example) for example in held_out}
    documents = {example.documents[0] for example in held_out}
    # A document of several questions must not be seen before it is measured.
    rest = [each for each in examples if id(each) not in kept and each.documents[0] not in documents]
    adapted = adapt([each.documents[0] for each in rest], backbone, output, sizes)
    starts = zip(_STARTS, (backbone, str(adapted)), strict=True)
    return [point for start, spec in starts for point in train(start, spec, rest, held_out, output, sizes)]


if __name__ == "__main__":
    main()
