"""What `csplade ingest` prints at its end.

With --json exactly one object

    {"index": name, "read": number, "indexed": number, "skipped": number, "failed": number, "seconds": number,
     "documents_per_second": number, "duplicates": number, "in_index": number or null, "cut": number or null,
     "runs_on": [name, ...] or null, "unnumbered": share or null, "dead_letters": path or null}

where `cut` counts texts of this run of which the model did not see the end, of an index that has long ones in windows
those windows; null where vectors were given. `runs_on` has the runtime's names of what the model runs on, here or in
Ray's workers, the preferred first; null where it does not run. `unnumbered` is the share of the weights whose terms
have no number in the index's SEISMIC field; null where it has none.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from csplade.commands.engine_options import tell_workers
from csplade.commands.output import notice, print_json, print_table
from csplade.pipelines.encode_processor import said
from csplade.pipelines.number_of import number_of

if TYPE_CHECKING:
    from csplade.integration.encoder import Encoder
    from csplade.integration.ingest_report import IngestReport


@dataclass(frozen=True)
class Told:
    """What an encoder tells of a run; None where it does not."""

    cut: int | None = None
    """Texts, or windows of them, of which the model did not see the end."""
    runs_on: tuple[str, ...] | None = None
    windows: bool = False
    """Whether long texts were read in windows, several of a document."""
    elsewhere: bool = False
    """Whether the model ran in Ray's workers, and not on this machine's processor."""


def told_by(encoder: "Encoder", windows: bool = False, elsewhere: bool = False) -> Told:
    """Return what the encoder, here or elsewhere, tells of texts, or of windows."""
    from csplade.integration.encoder import PlacedEncoder, TellingEncoder

    return Told(
        encoder.counts.cut if isinstance(encoder, TellingEncoder) else None,
        (encoder.runs_on or None) if isinstance(encoder, PlacedEncoder) else None,
        windows,
        elsewhere,
    )


def print_report(report: "IngestReport", counted: int | None, told: Told, index: str, as_json: bool) -> None:
    """Print the account, with the cluster's own count and what the encoder tells, where they are known."""
    speed = (report.indexed + report.failed) / report.seconds if report.seconds else 0.0
    if as_json:
        print_json(
            {
                "index": index,
                **{name: getattr(report, name) for name in ("read", "indexed", "skipped", "failed", "seconds")},
                "documents_per_second": speed,
                "duplicates": report.repeated,
                "in_index": counted,
                "cut": told.cut,
                "runs_on": told.runs_on,
                "unnumbered": report.unnumbered,
                "dead_letters": None if report.dead_letters is None else str(report.dead_letters),
            }
        )
    else:
        counts = (report.read, report.indexed, report.skipped, report.failed)
        row = (index, *counts, "?" if counted is None else counted, f"{report.seconds:.1f}", f"{speed:.1f}")
        columns = ("index", "read", "indexed", "skipped", "failed", "in index", "seconds", "documents/s")
        print_table("", columns, [row])
    if report.repeated:
        notice(f"{number_of(report.repeated, 'document')} had an id that came before: the index keeps the later one.")
    if report.unnumbered is not None:
        notice(
            f"{report.unnumbered:.2%} of the weights are of terms without a number in the SEISMIC field, which finds "
            "nothing by them."
        )
    if told.runs_on and not as_json:
        notice(tell_workers(told.runs_on) if told.elsewhere else f"Texts were encoded on {said(told.runs_on)}.")
    if told.cut and told.windows:
        notice(
            f"Of {number_of(told.cut, 'window')} of long texts the model did not see the end: too few tokens were "
            "estimated."
        )
    elif told.cut:
        notice(
            f"Of {number_of(told.cut, 'text')} the model did not see the end: an index made with --long max has "
            "texts whole."
        )
