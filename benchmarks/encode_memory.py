"""Resident memory of `csplade encode -` while millions of short lines come from standard input.

    python benchmarks/encode_memory.py --lines 2000000 --tiny [--plot FILE.png]
    python benchmarks/encode_memory.py --lines 100000 [--encoder FOLDER]

Lines hold 3 to 8 words, each line another one. The size is sampled each second, and compared with that after the first
minute; a run that is shorter tells nothing of growth (null). `--tiny` takes the tests' random encoder, which is small
enough to see millions of lines; all but the graph is what any encoder runs through.
"""

import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO

import click
from csplade.benchmarks.gateway_memory import memory_of
from csplade.commands.options import SHIPPED_ENCODER
from csplade.commands.output import print_json
from csplade.pipelines.standard_library import read_standard_library
from csplade.tests.tiny_encoder import write_tiny_encoder

_WARM = 60.0

Samples = list[tuple[float, float]]
"""Seconds and MB."""


def lines(count: int) -> Iterator[bytes]:
    """Give short lines; a number makes each a new one, with a new word."""
    words = sorted({word for entry in read_standard_library() for word in entry.text.split() if word.isalnum()})
    chance = random.Random(1)
    for number in range(count):
        text = " ".join([*chance.choices(words, k=chance.randint(2, 7)), f"n{number}"])
        yield b'{"id": %d, "text": "%s"}\n' % (number, text.encode())


def feed(stdin: IO[bytes], count: int) -> None:
    """Write the lines as fast as they are taken."""
    stdin.writelines(lines(count))
    stdin.close()


def measure(encoder: Path, count: int) -> Samples:
    """Run the command to its end; return what its memory was meanwhile.

    Raises:
        CalledProcessError: it fails.
    """
    command = [sys.executable, "-m", "csplade.cli", "encode", "-", "--encoder", str(encoder)]
    samples: Samples = []
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
        assert process.stdin is not None
        threading.Thread(target=feed, args=(process.stdin, count), daemon=True).start()
        began = time.monotonic()
        while process.poll() is None:
            # Between the question and this it may have ended.
            with suppress(FileNotFoundError, ProcessLookupError, KeyError):
                samples.append((time.monotonic() - began, memory_of(process.pid).resident))
            time.sleep(1)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return samples


def growth(samples: Samples) -> dict[str, float | None]:
    """Return what memory was after the first minute and how it grew then, as a share; null in a shorter run."""
    later = [size for second, size in samples if second >= _WARM]
    names = ("after_first_minute_mb", "smallest_later_mb", "largest_later_mb", "growth")
    if not later:
        return dict.fromkeys(names)
    return dict(zip(names, (later[0], min(later), max(later), max(later) / later[0] - 1), strict=True))


def plot(samples: Samples, path: Path) -> None:
    """Draw the samples."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 3), layout="constrained")
    axes = figure.subplots()
    axes.plot(*zip(*samples, strict=True))
    axes.set(xlabel="seconds", ylabel="resident MB", ylim=(0, None))
    figure.savefig(path)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--lines", "count", default=2_000_000, show_default=True)
@click.option("--encoder", type=click.Path(path_type=Path, exists=True), default=SHIPPED_ENCODER)
@click.option("--tiny", is_flag=True, help="Take the tests' encoder instead.")
@click.option("--plot", "picture", type=click.Path(path_type=Path), help="A .png that shows the samples.")
def main(count: int, encoder: Path, tiny: bool, picture: Path | None) -> None:
    """Print one JSON object."""
    with tempfile.TemporaryDirectory() as folder:
        if tiny:
            encoder = Path(folder)
            write_tiny_encoder(encoder)
        samples = measure(encoder, count)
    if picture is not None:
        plot(samples, picture)
    print_json({"lines": count, "seconds": samples[-1][0], **growth(samples)})


if __name__ == "__main__":
    main()
