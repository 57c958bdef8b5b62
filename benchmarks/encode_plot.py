"""Plots of what `encode.py` measured: speed, latency, memory and size of each way, nDCG@10 of each precision."""

import statistics
from collections.abc import Mapping
from pathlib import Path

from csplade.benchmarks.encode_one import Row
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

_PLACES = "dddqqq\nmmssrr"
"""Documents, queries; memory, size, ranking."""
_COLOURS = [colormaps["tab20"](number) for number in range(20)]
"""More than there are ways."""


def plot(rows: Mapping[str, Row], disk_mb: Mapping[str, float], ndcg: Mapping[str, float], path: Path) -> None:
    """Draw a line or a bar for each way; `ndcg`, by the same names, may lack some or all."""
    figure = Figure(figsize=(11, 8), layout="constrained")
    axes = figure.subplot_mosaic(_PLACES, height_ratios=(4, 3))
    for (name, row), colour in zip(rows.items(), _COLOURS, strict=False):
        # Ours are drawn through, the others dashed: the legend alone would not tell them apart at a glance.
        style = "-" if name.startswith("csplade") else "--"
        axes["d"].plot(
            [*map(int, row.documents)], [*row.documents.values()], style, marker="o", color=colour, label=name
        )
        waits = [statistics.median(milliseconds) for milliseconds in row.queries.values()]
        axes["q"].plot([*map(int, row.queries)], waits, style, marker="o", color=colour)
    first = next(iter(rows.values()))
    _finish(axes["d"], "tokens of a document", "documents/s (more is better)", first.documents)
    _finish(axes["q"], "tokens of a query", "milliseconds of one query, median (less is better)", first.queries)
    _bars(axes["m"], "peak memory, MB", {name: row.peak_mb for name, row in rows.items()}, rows)
    _bars(axes["s"], "size on disk, MB", disk_mb, rows)
    _bars(axes["r"], "nDCG@10", ndcg, rows)
    figure.legend(loc="outside lower center", ncols=5, fontsize="small")
    figure.savefig(path, dpi=100)


def _bars(axes: Axes, title: str, values: Mapping[str, float], order: Mapping[str, object]) -> None:
    """Draw a bar of the way's colour for each value, written out, as small differences are what counts."""
    colours = dict(zip(order, _COLOURS, strict=False))
    shown = [name for name in order if name in values]
    bars = axes.barh(shown, [values[name] for name in shown], color=[colours[name] for name in shown])
    axes.bar_label(bars, fmt="{:,.0f}" if max(values.values(), default=0.0) > 1 else "{:.4f}", padding=2)
    axes.set(title=title, xticks=[], yticks=[])
    axes.margins(x=0.35)
    axes.invert_yaxis()
    axes.set_visible(bool(shown))


def _finish(axes: Axes, tokens: str, values: str, ticks: Mapping[str, object]) -> None:
    axes.set(xlabel=tokens, ylabel=values, xscale="log", yscale="log")
    places = [*map(int, ticks)]
    axes.set_xticks(places, [*ticks])
    axes.minorticks_off()
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.grid(alpha=0.3)
