"""Plots of what `encode.py` measured: documents/s and milliseconds of a query, by tokens."""

import statistics
from collections.abc import Mapping
from pathlib import Path

from csplade.benchmarks.encode_one import Row
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator


def plot(rows: Mapping[str, Row], path: Path) -> None:
    """Draw a line for each way."""
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    documents, queries = figure.subplots(1, 2)
    for name, row in rows.items():
        # Ours are drawn through, the others dashed: the legend alone would not tell them apart at a glance.
        style = "-" if name.startswith("csplade") else "--"
        documents.plot([*map(int, row.documents)], [*row.documents.values()], style, marker="o", label=name)
        waits = [statistics.median(milliseconds) for milliseconds in row.queries.values()]
        queries.plot([*map(int, row.queries)], waits, style, marker="o")
    first = next(iter(rows.values()))
    _finish(documents, "tokens of a document", "documents/s (more is better)", first.documents)
    _finish(queries, "tokens of a query", "milliseconds of one query, median (less is better)", first.queries)
    figure.legend(loc="outside right center", fontsize="small")
    figure.savefig(path, dpi=110)


def _finish(axes: Axes, tokens: str, values: str, ticks: Mapping[str, object]) -> None:
    axes.set(xlabel=tokens, ylabel=values, xscale="log", yscale="log")
    places = [*map(int, ticks)]
    axes.set_xticks(places, [*ticks])
    axes.minorticks_off()
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.grid(alpha=0.3)
