"""From the start of the process to the first hit: seconds that commands take, cold each time.

    csplade ingest docs/example --index articles
    python benchmarks/start.py --index articles [--times 7]

Each command runs so often, in turns, in processes of its own; files are in the system's cache after the first time,
which does not count.
"""

import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence

import click
from csplade.commands.output import print_json, print_table

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
    """Return the seconds of each command's runs, the first one left out."""
    found: dict[str, list[float]] = {name: [] for name in asked}
    for _ in range(times + 1):
        for name, arguments in asked.items():
            began = time.perf_counter()
            subprocess.run([sys.executable, "-m", "csplade.cli", *arguments], stdout=subprocess.DEVNULL, check=True)
            found[name].append(time.perf_counter() - began)
    return {name: seconds[1:] for name, seconds in found.items()}


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--index", required=True, help="An index of the shipped encoder.")
@click.option("--times", default=7, show_default=True, type=click.IntRange(min=1))
@click.option("--json", "as_json", is_flag=True)
def main(index: str, times: int, as_json: bool) -> None:
    """Print the table."""
    found = measure(commands(index), times)
    if as_json:
        print_json(found)
        return
    rows = [
        (name, f"{statistics.median(seconds):.2f}", f"{min(seconds):.2f}", f"{max(seconds):.2f}")
        for name, seconds in found.items()
    ]
    print_table(f"Seconds of {times} runs", ("command", "median", "least", "most"), rows)


if __name__ == "__main__":
    main()
