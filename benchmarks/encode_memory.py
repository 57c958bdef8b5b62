"""Resident memory while short lines are encoded from a stream that does not end by itself.

    python benchmarks/encode_memory.py [--seconds 240] [--encoder FOLDER] [--plot FILE.png]

Lines of 3 to 8 words, all different, come from a generator, as from standard input. The size is sampled each second,
and compared with that after the first minute.
"""

import argparse
import itertools
import os
import random
import time
from collections.abc import Iterator
from pathlib import Path

from csplade.commands.options import SHIPPED_ENCODER
from csplade.commands.output import print_json
from csplade.pipelines.encode import EncodeOptions, Encoder
from csplade.pipelines.standard_library import read_standard_library

_WARM = 60.0
_PAGE = os.sysconf("SC_PAGE_SIZE")


def lines() -> Iterator[str]:
    """Give short lines without end; a number makes each a new one, with a new word."""
    words = sorted({word for entry in read_standard_library() for word in entry.text.split()})
    chance = random.Random(1)
    for number in itertools.count():
        yield " ".join([*chance.choices(words, k=chance.randint(2, 7)), f"n{number}"])


def resident() -> int:
    """Return the bytes of memory that this process has."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE


def measure(encoder: Encoder, seconds: float) -> tuple[int, list[tuple[float, int]]]:
    """Encode for so many seconds; return the lines, and samples of seconds and bytes."""
    samples: list[tuple[float, int]] = []
    began, count = time.monotonic(), 0
    for _ in encoder.documents(lines()):
        count += 1
        elapsed = time.monotonic() - began
        if not samples or elapsed - samples[-1][0] >= 1:
            samples.append((elapsed, resident()))
        if elapsed > seconds:
            break
    return count, samples


def plot(samples: list[tuple[float, int]], path: Path) -> None:
    """Draw the samples."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 3), layout="constrained")
    axes = figure.subplots()
    axes.plot([second for second, _ in samples], [size / 2**20 for _, size in samples])
    axes.set(xlabel="seconds", ylabel="resident MB", ylim=(0, None))
    figure.savefig(path)


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=240)
    parser.add_argument("--encoder", type=Path, default=SHIPPED_ENCODER)
    parser.add_argument("--plot", type=Path, default=None)
    chosen = parser.parse_args()
    cores = os.cpu_count() or 1
    encoder = Encoder.open(chosen.encoder, EncodeOptions(lanes=cores, threads=1))
    count, samples = measure(encoder, chosen.seconds)
    if chosen.plot is not None:
        plot(samples, chosen.plot)
    later = [size for second, size in samples if second >= _WARM] or [samples[-1][1]]
    print_json(
        {
            "lines": count,
            "seconds": samples[-1][0],
            "after_first_minute_mb": later[0] / 2**20,
            "smallest_later_mb": min(later) / 2**20,
            "largest_later_mb": max(later) / 2**20,
            "growth": max(later) / later[0] - 1,
        }
    )


if __name__ == "__main__":
    main()
