"""`csplade enrich --watch`: rounds until somebody stops the program, each that did something told in one line."""

import sys
import time
from datetime import datetime
from typing import TYPE_CHECKING

from csplade.commands.output import notice
from csplade.pipelines.number_of import number_of

if TYPE_CHECKING:
    from csplade.integration.enrich import Enricher, EnrichOptions
    from csplade.integration.enrich_report import EnrichReport


def watch(enricher: "Enricher", options: "EnrichOptions", seconds: float) -> "EnrichReport":
    """Make rounds with pauses between them until Ctrl-C or SIGTERM, which is the way in which this ends.

    Raises:
        ClusterError, IndexConflictError, SourceError: as `Enricher.round`.
    """
    fields = ", ".join(options.text_fields)
    before = enricher.report
    try:
        tell(f"Watching {options.index} every {seconds:g} s for changes in {fields}; Ctrl-C ends it.")
        while True:
            report = enricher.round()
            if done := _done(before, report):
                tell(f"{datetime.now():%Y-%m-%d %H:%M:%S} {done}.")
            before = report
            # What was superseded has changed already.
            if not report.pending:
                time.sleep(seconds)
    except KeyboardInterrupt:
        report = enricher.report
        rounds = number_of(report.rounds, "round")
        tell(f"Stopped after {rounds} in {report.seconds:.0f} s: {_sums(report.encoded, report.failed)}.")
        return report


def _done(before: "EnrichReport", report: "EnrichReport") -> str:
    """Return what a round has written or could not write; empty if there was nothing."""
    encoded, failed = report.encoded - before.encoded, report.failed - before.failed
    if not encoded and not failed:
        return ""
    changed = number_of(report.superseded - before.superseded, "document")
    later = f", {changed} changed meanwhile" if report.superseded > before.superseded else ""
    return f"{_sums(encoded, failed)}{later}"


def _sums(encoded: int, failed: int) -> str:
    return f"{number_of(encoded, 'document')} encoded, {failed} failed"


def tell(text: str) -> None:
    """Print a line where a progress bar may stand, which is drawn again below it."""
    from tqdm import tqdm

    # Without tqdm's lock, as nobody else draws between rounds: Ctrl-C while it is taken ends in tqdm's own error.
    with tqdm.external_write_mode(file=sys.stderr, nolock=True):
        notice(text)
