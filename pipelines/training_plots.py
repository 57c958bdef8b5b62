"""Plots of a training from its log: loss, active terms, FLOPS, nDCG@10 on the development collection."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from csplade.pipelines.errors import MissingExtraError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_Line = Mapping[str, Any]  # Any: JSON values
_MANY = 200
"""Points of a curve from which on single steps are shown pale behind their running mean."""
_WINDOW = 25
_DOTS = 150
_FLOPS = "flops_"
_SIDES = ("document", "query")


@dataclass(frozen=True)
class Curve:
    """Values over steps."""

    label: str
    steps: tuple[int, ...]
    values: tuple[float, ...]


@dataclass(frozen=True)
class Plot:
    """One picture."""

    name: str
    """Of the file, without its ending."""
    title: str
    unit: str
    """What the vertical axis counts."""
    curves: tuple[Curve, ...]


def plots_of(lines: Sequence[_Line]) -> list[Plot]:
    """Return the pictures that a log has numbers for."""
    names = {name for line in lines for name in line.get("losses", {}) if not name.startswith(_FLOPS)}
    losses = [_curve(name, lines, ("losses", name)) for name in sorted(names, key=lambda name: (name != "total", name))]
    terms = [_curve(side, lines, (f"{side}_terms",)) for side in _SIDES]
    flops = [_curve(side, lines, ("losses", f"{_FLOPS}{side}")) for side in _SIDES]
    quality = [_curve("nDCG@10", lines, ("development", "nDCG@10"))]
    found = [
        Plot("loss", "Loss", "loss", tuple(losses)),
        Plot("active-terms", "Active expansion terms", "terms per text", tuple(terms)),
        Plot("flops", "FLOPS", "sum of squared mean weights", tuple(flops)),
        Plot("development", "Development collection", "nDCG@10", tuple(quality)),
    ]
    alive = [Plot(plot.name, plot.title, plot.unit, tuple(c for c in plot.curves if c.steps)) for plot in found]
    return [plot for plot in alive if plot.curves]


def write_plots(lines: Sequence[_Line], folder: Path) -> list[Path]:
    """Draw `plots_of` the log as PNG files and return their paths.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    require_matplotlib()
    folder.mkdir(parents=True, exist_ok=True)
    return [_draw(plot, folder / f"{plot.name}.png") for plot in plots_of(lines)]


def require_matplotlib() -> None:
    """Check, before long work, that plots can be drawn.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("matplotlib", "eval") from error


def running_mean(values: Sequence[float], window: int) -> list[float]:
    """Return the mean of each value and those before it, `window` at most."""
    return [sum(part) / len(part) for end in range(1, len(values) + 1) if (part := values[max(0, end - window) : end])]


def _curve(label: str, lines: Sequence[_Line], keys: tuple[str, ...]) -> Curve:
    points = [(line["step"], value) for line in lines if (value := _inside(line, keys)) is not None]
    return Curve(label, tuple(step for step, _ in points), tuple(value for _, value in points))


def _inside(line: _Line, keys: tuple[str, ...]) -> float | None:
    value: Any = line  # Any: a JSON value
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return float(value) if isinstance(value, int | float) else None


def _draw(plot: Plot, path: Path) -> Path:
    # Not pyplot, which looks for a display and keeps every figure.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), dpi=_DOTS, layout="constrained")
    axes = figure.add_subplot()
    for number, curve in enumerate(plot.curves):
        _add(axes, curve, f"C{number}")
    axes.set(title=plot.title, xlabel="step", ylabel=plot.unit)
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    FigureCanvasAgg(figure)
    figure.savefig(path)
    return path


def _add(axes: "Axes", curve: Curve, colour: str) -> None:
    if len(curve.steps) >= _MANY:
        axes.plot(curve.steps, curve.values, color=colour, alpha=0.25, linewidth=0.8)
        axes.plot(curve.steps, running_mean(curve.values, _WINDOW), color=colour, linewidth=1.6, label=curve.label)
    else:
        marker = "o" if len(curve.steps) < 20 else None
        axes.plot(curve.steps, curve.values, color=colour, linewidth=1.6, marker=marker, label=curve.label)
