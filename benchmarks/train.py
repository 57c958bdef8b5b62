"""Memory and seconds of one training step through the max-pooled head: plain, and in vocabulary chunks.

    python benchmarks/train.py
    python benchmarks/train.py --texts 4 --tokens 128 --vocabulary 49152 --live 0 --json

Plain is `(hidden @ head.T).amax(dim=1)`, differentiated by PyTorch. A step is forward and backward for states and head
with a random loss that, as after a relu, reaches only the largest `--live` terms of each text. Each head runs in a
process of its own, on the processor (no graphics card): the peak is the largest resident size after the first
step less that before it, when states and head exist and the libraries are warm. It holds the gradients themselves;
that of the head is as large as the head. Seconds are those of the fastest step, timed one head after the other.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import numpy as np
import orjson
import torch
from csplade.benchmarks.peak_memory import peak_mb
from csplade.commands.output import print_json, print_table
from csplade.pipelines.pooling import max_pool_for_training
from torch import Tensor

_PLAIN, _CHUNKED = "plain", "chunked"
_INSIDE = "--inside"
_GRADIENTS = ("hidden", "head")


@dataclass(frozen=True)
class Shape:
    """Sizes of one step; `live` 0 is all terms."""

    texts: int
    tokens: int
    vocabulary: int
    width: int
    live: int
    steps: int


@dataclass(frozen=True)
class Cost:
    """What a step through one head took."""

    peak_mb: float
    seconds: float


@dataclass(frozen=True)
class Comparison:
    """What is printed."""

    shape: Shape
    plain: Cost
    chunked: Cost
    memory_ratio: float
    speed_ratio: float
    largest_gradient_difference: dict[str, float]


def plain_pool(hidden: Tensor, head: Tensor, mask: Tensor) -> Tensor:
    """Return the maxima from the whole (batch, length, vocabulary) tensor; all positions count, no mask is needed."""
    return (hidden @ head.T).amax(dim=1)


_HEADS: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {_PLAIN: plain_pool, _CHUNKED: max_pool_for_training}


def inputs(shape: Shape) -> tuple[Tensor, Tensor, Tensor]:
    """Return states, head and mask, the same in each process; logits are about as large as 1."""
    torch.manual_seed(0)
    hidden = torch.randn(shape.texts, shape.tokens, shape.width, requires_grad=True)
    head = torch.randn(shape.vocabulary, shape.width).div_(shape.width**0.5).requires_grad_()
    return hidden, head, torch.ones(shape.texts, shape.tokens, dtype=torch.long)


def step(name: str, given: tuple[Tensor, Tensor, Tensor], live: int) -> tuple[float, tuple[Tensor, ...]]:
    """Return the seconds and the gradients, for states and head, of one step."""
    torch.manual_seed(1)
    began = time.perf_counter()
    pooled = _HEADS[name](*given)
    weights = torch.randn_like(pooled)
    if live:
        weights *= pooled.detach() >= pooled.detach().topk(live, dim=-1).values[:, -1:]
    gradients = torch.autograd.grad((pooled * weights).sum(), given[:2])
    return time.perf_counter() - began, gradients


def measure(name: str, shape: Shape, folder: Path) -> Cost:
    """Take the steps in this process, and leave the gradients in the folder."""
    step(name, inputs(Shape(2, 8, 64, shape.width, 4, 1)), 4)
    given = inputs(shape)
    before = peak_mb()
    seconds, gradients = step(name, given, shape.live)
    peak = peak_mb() - before
    for label, gradient in zip(_GRADIENTS, gradients, strict=True):
        np.save(folder / f"{name}-{label}.npy", gradient.numpy())
    del gradients
    return Cost(peak, min([seconds, *(step(name, given, shape.live)[0] for _ in range(shape.steps - 1))]))


def measure_apart(name: str, shape: Shape, folder: Path) -> Cost:
    """Do `measure` in a process of its own."""
    order = orjson.dumps(asdict(shape)).decode()
    command = [sys.executable, __file__, _INSIDE, name, order, str(folder)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return Cost(**orjson.loads(done.stdout))


def largest_difference(folder: Path) -> dict[str, float]:
    """Return, for each gradient, how far the two heads are apart at most."""
    found = {}
    for label in _GRADIENTS:
        plain, chunked = (np.load(folder / f"{name}-{label}.npy", mmap_mode="r") for name in (_PLAIN, _CHUNKED))
        found[label] = float(max(np.abs(mine - theirs).max() for mine, theirs in zip(plain, chunked, strict=True)))
    return found


def compare(shape: Shape) -> Comparison:
    """Measure both heads, one after the other."""
    with tempfile.TemporaryDirectory() as folder:
        plain, chunked = (measure_apart(name, shape, Path(folder)) for name in _HEADS)
        differences = largest_difference(Path(folder))
    memory, speed = plain.peak_mb / chunked.peak_mb, plain.seconds / chunked.seconds
    return Comparison(shape, plain, chunked, memory, speed, differences)


def show(found: Comparison) -> None:
    """Print the table."""
    shape, plain, chunked = found.shape, found.plain, found.chunked
    ratios = f"{found.memory_ratio:.1f}", f"{found.speed_ratio:.1f}"
    differences = [f"{found.largest_gradient_difference[label]:.1e}" for label in _GRADIENTS]
    print_table(
        f"{shape.texts} x {shape.tokens} tokens, vocabulary {shape.vocabulary}, width {shape.width}, "
        f"{shape.live or 'all'} live terms a text",
        ("head", "peak MB", "seconds", "memory ratio", "speed ratio", "largest difference: states", "head"),
        (
            (_PLAIN, f"{plain.peak_mb:.0f}", f"{plain.seconds:.2f}", "1.0", "1.0", "-", "-"),
            (_CHUNKED, f"{chunked.peak_mb:.0f}", f"{chunked.seconds:.2f}", *ratios, *differences),
        ),
    )


@click.command(epilog="Example:  python benchmarks/train.py --texts 4 --tokens 128 --live 0 --json")
@click.option("--texts", default=8, show_default=True, type=click.IntRange(1), help="Texts of a batch.")
@click.option("--tokens", default=256, show_default=True, type=click.IntRange(1), help="Tokens of a text.")
@click.option("--vocabulary", default=128_256, show_default=True, type=click.IntRange(1), help="Rows of the head.")
@click.option("--width", default=576, show_default=True, type=click.IntRange(1), help="Size of a state.")
@click.option("--live", default=300, show_default=True, type=click.IntRange(0), help="Terms of a text; 0: all.")
@click.option("--steps", default=2, show_default=True, type=click.IntRange(1), help="Steps; the fastest counts.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def main(texts: int, tokens: int, vocabulary: int, width: int, live: int, steps: int, as_json: bool) -> None:
    """Compare the plain and the chunked head of training."""
    if live > vocabulary:
        raise click.UsageError(f"--live {live} is more than --vocabulary {vocabulary}: give fewer live terms")
    found = compare(Shape(texts, tokens, vocabulary, width, live, steps))
    if as_json:
        print_json(asdict(found))
    else:
        show(found)


if __name__ == "__main__":
    if sys.argv[1:2] == [_INSIDE]:
        _, _, head_name, order, folder_name = sys.argv
        print_json(asdict(measure(head_name, Shape(**orjson.loads(order)), Path(folder_name))))
    else:
        main()
