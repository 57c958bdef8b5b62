"""From the start of the process to the first hit: seconds that commands take, each time in a process of its own.

    csplade ingest docs/example --index articles
    python benchmarks/start.py --index articles [--times 7]

Commands run in turns, once and then so often again. The first run has a column of its own: it reads from the disk what
the system has not in its cache, which may be all of it or, where the command ran before, nothing. Nothing empties the
cache, so that a machine that was just started shows what is really cold. The other columns are of the runs after it.
"""

import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence

import click
from csplade.commands.output import print_json, print_table

_COLUMNS = ("median", "least", "most")
_TEXT = "how do I keep a loaf fresh"


def commands(index: str) -> dict[str, list[str]]:
    """Return what is run, by the name of its row."""
    query = ["query", _TEXT, "--index", index, "--json"]
    return {
        "csplade --help": ["--help"],
        "query --mode bm25": [*query, "--mode", "bm25"],
        "query --query-path table": [*query, "--query-path", "table"],
        "query": query,
        "query --mode hybrid": [*query, "--mode", "hybrid"],
    }


def measure(asked: Mapping[str, Sequence[str]], times: int) -> dict[str, list[float]]:
    """Return the seconds of each command's runs, one and so many `times` more."""
    found: dict[str, list[float]] = {name: [] for name in asked}
    for _ in range(times + 1):
        for name, arguments in asked.items():
            began = time.perf_counter()
            subprocess.run([sys.executable, "-m", "csplade.cli", *arguments], stdout=subprocess.DEVNULL, check=True)
            found[name].append(time.perf_counter() - began)
    return found


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--index", required=True, help="An index of the shipped encoder.")
@click.option("--times", default=7, show_default=True, type=click.IntRange(min=1), help="Runs after the first.")
@click.option("--json", "as_json", is_flag=True)
def main(index: str, times: int, as_json: bool) -> None:
    """Print the table."""
    found = measure(commands(index), times)
    if as_json:
        print_json({name: {"first": first, "later": later} for name, (first, *later) in found.items()})
        return
    rows = [
        (name, *(f"{value:.2f}" for value in (first, statistics.median(later), min(later), max(later))))
        for name, (first, *later) in found.items()
    ]
    print_table(f"Seconds of the first run, and of {times} later ones", ("command", "first", *_COLUMNS), rows)


if __name__ == "__main__":
    main()
