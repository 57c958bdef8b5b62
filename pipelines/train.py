"""The training loop: steps, checkpoints, log and measurements, until the last step or Ctrl-C; needs torch."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from csplade.pipelines.checkpoints import Best
from csplade.pipelines.development import BEST_MEASURE, Development
from csplade.pipelines.stopping import StopSignal
from csplade.pipelines.training_log import LOG_FILE, TrainingLog, read_log
from csplade.pipelines.training_options import RunOptions
from csplade.pipelines.training_run import Run
from tqdm import tqdm

Write = Callable[[Mapping[str, Any]], None]
"""Takes a line of the log. Any: JSON values."""


@dataclass(frozen=True)
class Outcome:
    """How a training ended."""

    step: int
    """Steps done."""
    stopped: bool
    """Asked to stop before its last step."""
    best: Best | None
    """The measured step whose weights were taken; None without a development collection."""
    untrained: float | None
    """nDCG@10 before the first step."""


def train(run: Run, begin: int = 0) -> Outcome:
    """Run from a step, the one that `Run.resume` told, to the last, or until Ctrl-C; a checkpoint has the state then.

    Raises:
        SourceError: a checkpoint cannot be written.
        TrainingError: the loss is not finite, or memory does not suffice.
    """
    run.folder.mkdir(parents=True, exist_ok=True)
    path = run.folder / LOG_FILE
    if run.devices.is_main:
        with TrainingLog(path, begin) as log, StopSignal() as stop:
            last, stopped = _loop(run, begin, log.write, stop)
    else:
        with StopSignal() as stop:
            last, stopped = _loop(run, begin, _silent, stop)
    run.devices.wait()
    best = run.checkpoints.best() if run.material.development is not None else None
    return Outcome(last, stopped, best, _untrained(path))


def _loop(run: Run, begin: int, write: Write, stop: StopSignal) -> tuple[int, bool]:
    """Do the steps that are left; return how many are done, and whether a stop was asked for."""
    steps = run.recipe.run.steps
    _measure_start(run, begin, write)
    # disable=None: no bar where standard error is not a terminal.
    with tqdm(total=steps, initial=begin, unit=" steps", disable=None if run.devices.is_main else True) as bar:
        for step in range(begin, steps):
            line = run.step(step)
            write(line)
            show(bar, line)
            stopped = run.devices.any(stop.asked)
            _keep(run, step + 1, write, stopped)
            if stopped:
                return step + 1, True
    # Once more, for who asked during the last measurement: what follows, perhaps another stage, is not wanted.
    return steps, run.devices.any(stop.asked)


def show(bar: "tqdm[NoReturn]", line: Mapping[str, Any]) -> None:  # Any: JSON values
    """Move the bar by one step, and tell the loss and the active terms of a text."""
    bar.set_postfix(
        loss=line["losses"]["total"], document=line["document_terms"], query=line["query_terms"], refresh=False
    )
    bar.update()


def _measure_start(run: Run, begin: int, write: Write) -> None:
    """Measure what the steps begin with, unless a run before this one has done it."""
    if run.material.development is None:
        return
    if not begin:
        run.save(0)
    # Only the process that writes the log may ask it: another could read it while it is written.
    due = run.devices.is_main and _is_measured(run.recipe.run, begin) and not _has_measured(run, begin)
    if run.devices.any(due):
        _measure(run, begin, run.material.development, write)


def _keep(run: Run, done: int, write: Write, stopped: bool) -> None:
    """Write a checkpoint and measure, where it is time to."""
    options, development = run.recipe.run, run.material.development
    measuring = development is not None and _is_measured(options, done)
    if measuring or stopped or done == options.steps or done % options.save_every == 0:
        run.save(done)
    # Whoever asks to stop does not want to wait; the run that goes on from here measures first.
    if measuring and development is not None and not stopped:
        _measure(run, done, development, write)


def _is_measured(options: RunOptions, done: int) -> bool:
    return done in (0, options.steps) or done % (options.evaluate_every or options.save_every) == 0


def _measure(run: Run, done: int, development: Development, write: Write) -> None:
    found = run.measure(development)
    if run.devices.is_main:
        # In this order: a step whose line is there is not measured again by a run that goes on.
        _note(run, Best(done, found[BEST_MEASURE]))
        write({"step": done, "development": found})
    run.devices.wait()


def _note(run: Run, measured: Best) -> None:
    best = run.checkpoints.best()
    if best is None or measured.quality > best.quality:
        run.checkpoints.note_best(measured)


def _has_measured(run: Run, done: int) -> bool:
    return any(line["step"] == done and "development" in line for line in read_log(run.folder / LOG_FILE))


def _untrained(path: Path) -> float | None:
    measured = (line for line in read_log(path) if line["step"] == 0 and "development" in line)
    return next((line["development"][BEST_MEASURE] for line in measured), None)


def _silent(line: Mapping[str, Any]) -> None:  # Any: JSON values
    """Write nothing: one process keeps the log for all."""
