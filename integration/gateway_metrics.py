"""Counters of all worker processes together, in the text format of Prometheus.

Each worker counts in a memory-mapped file of its own, so that nobody waits for anybody; whoever is asked adds all files
up. What a worker that has gone counted stays, but for what it had under way. A worker that can write no file works all
the same, and its counts are not shown.
"""

import logging
import mmap
import os
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from csplade.integration.gateway_folder import restore, write_whole
from csplade.integration.gateway_refusals import Reason
from csplade.integration.gateway_verdict import Outcome, Shown, Verdict, Why
from csplade.integration.rewrite_budget import TEXT_KINDS

_LOG = logging.getLogger(__name__)
_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_CLASSES = ("1xx", "2xx", "3xx", "4xx", "5xx")
_BYTES = 8


# Names of clauses are callers' own words, so that others have no series.
_OTHER = "other"
_CLAUSES = (
    *sorted(TEXT_KINDS),
    *("function_score", "has_child", "has_parent", "intervals", "more_like_this", "nested", "script_score", _OTHER),
)
_SHADOWS = ("compared", "failed", "left_out")


@dataclass(frozen=True)
class _Family:
    name: str
    kind: str
    help: str
    labels: tuple[str, ...] = ("",)
    """As they are written, such as {status="2xx"}."""


def _labelled(name: str, values: Sequence[str]) -> tuple[str, ...]:
    return tuple(f'{{{name}="{value}"}}' for value in values)


_VERDICTS = tuple(f'{{outcome="{outcome}",reason="{why}"}}' for outcome in Outcome for why in Why)
_LEFT = _labelled("clause", _CLAUSES)
_SHOWN = _labelled("reason", tuple(Shown))
_BUCKETS = (*_labelled("le", [*map(str, _BOUNDS), "+Inf"]), "sum")
_FAMILIES = (
    _Family("requests_total", "counter", "Answered requests, by class of status.", _labelled("status", _CLASSES)),
    _Family(
        "refused_total", "counter", "Requests that the gateway answered itself.", _labelled("reason", tuple(Reason))
    ),
    _Family("broken_answers_total", "counter", "Answers of the cluster that ended before their end."),
    _Family("callers_gone_total", "counter", "Requests whose caller left before the end of the answer."),
    _Family("missed_log_lines_total", "counter", "Lines of the log that were lost or late."),
    _Family("request_bytes_total", "counter", "Bytes of request bodies."),
    _Family("answer_bytes_total", "counter", "Bytes of answer bodies."),
    _Family("rewriting_total", "counter", "Searches and writes, by what became of them.", _VERDICTS),
    _Family("passed_clauses_total", "counter", "Clauses that passed where others were rewritten.", _LEFT),
    _Family("shown_weights_total", "counter", "Requests that may show weights which rules hide.", _SHOWN),
    _Family("remembered_vectors_total", "counter", "Vectors of queries that were not made anew."),
    _Family("cut_queries_total", "counter", "Texts of searches whose end the model did not see."),
    _Family("shadows_total", "counter", "Searches by term weights that ran beside BM25's.", _labelled("end", _SHADOWS)),
    _Family("shadow_hits_total", "counter", "Of both top tens of shadows, compared.", _labelled("in", ("one", "both"))),
    _Family("encoding_seconds", "histogram", "Of the vectors of one request.", _BUCKETS),
    _Family("in_flight", "gauge", "Requests under way."),
    _Family("seconds", "histogram", "From the head of a request to the end of its answer.", _BUCKETS),
    _Family("upstream_seconds", "histogram", "From the head of a request to the head of the cluster's.", _BUCKETS),
)
_PLACES = MappingProxyType(
    {
        (family.name, label): place
        for place, (family, label) in enumerate((family, label) for family in _FAMILIES for label in family.labels)
    }
)


class Metrics:
    """What one worker counts."""

    def __init__(self, folder: Path) -> None:
        self._values = memoryview(_mapped(folder, len(_PLACES) * _BYTES)).cast("d")

    def add(self, name: str, amount: float = 1.0, label: str = "") -> None:
        """Add to one series."""
        self._values[_PLACES[name, label]] += amount

    def answered(self, status: int) -> None:
        """Count an answered request."""
        self.add("requests_total", 1.0, f'{{status="{status // 100}xx"}}')

    def refused(self, reason: Reason) -> None:
        """Count a request that the gateway answers itself."""
        self.add("refused_total", 1.0, f'{{reason="{reason}"}}')

    def judged(self, verdict: Verdict) -> None:
        """Count a search or a write."""
        self.add("rewriting_total", 1.0, f'{{outcome="{verdict.outcome}",reason="{verdict.why}"}}')

    def left(self, clause: str) -> None:
        """Count a clause that passed in a search of which others were rewritten."""
        self.add("passed_clauses_total", 1.0, f'{{clause="{clause if clause in _CLAUSES else _OTHER}"}}')

    def shown(self, reason: Shown) -> None:
        """Count a request that may show weights, though the rules hide them."""
        self.add("shown_weights_total", 1.0, f'{{reason="{reason}"}}')

    def took(self, name: str, seconds: float) -> None:
        """Count a duration; each bucket counts only what lies in it, until they are shown."""
        self._values[_PLACES[name, _BUCKETS[0]] + bisect_left(_BOUNDS, seconds)] += 1.0
        self.add(name, seconds, "sum")


def _mapped(folder: Path, size: int) -> mmap.mmap:
    """Return zeros in a file of this worker, or in its memory alone if there is no room for one."""
    path = folder / f"{os.getpid()}.counts"
    try:
        restore(folder)
        write_whole(path, bytes(size))
        with path.open("r+b") as file:
            return mmap.mmap(file.fileno(), size)
    except OSError as error:
        _LOG.error("the metrics leave out what the worker %d counts: %s", os.getpid(), error)
        return mmap.mmap(-1, size)


def exposition(folder: Path, alive: frozenset[int]) -> str:
    """Return the counts of all workers; `alive`: process numbers of those that still work."""
    totals = [0.0] * len(_PLACES)
    gauges = [place for (name, _), place in _PLACES.items() if name == "in_flight"]
    for path in sorted(folder.glob("*.counts")):
        values = memoryview(path.read_bytes()).cast("d")
        gone = int(path.stem) not in alive
        for place, value in enumerate(values):
            totals[place] += 0.0 if gone and place in gauges else value
    lines = [f"csplade_gateway_workers {len(alive)}"]
    for family in _FAMILIES:
        lines += _shown(family, totals)
    return "\n".join(["# TYPE csplade_gateway_workers gauge", *lines, ""])


def _shown(family: _Family, totals: Sequence[float]) -> list[str]:
    name = f"csplade_gateway_{family.name}"
    lines = [f"# HELP {name} {family.help}", f"# TYPE {name} {family.kind}"]
    values = [totals[_PLACES[family.name, label]] for label in family.labels]
    if family.kind != "histogram":
        pairs = zip(family.labels, values, strict=True)
        # Most pairs of outcome and reason never meet.
        some = family.name == "rewriting_total"
        return lines + [f"{name}{label} {value:.0f}" for label, value in pairs if value or not some]
    so_far = 0.0
    for label, value in zip(family.labels[:-1], values[:-1], strict=True):
        so_far += value
        lines.append(f"{name}_bucket{label} {so_far:.0f}")
    return [*lines, f"{name}_sum {values[-1]:.6f}", f"{name}_count {so_far:.0f}"]
