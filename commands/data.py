"""`csplade data`: what training data holds, and which of its lines cannot be used.

With --json exactly one object; `total` is like a source, its problems are those of the sources:

    {"sources": [{"name": text, "examples": number, "pairs": number, "triples": number, "scored": number,
                  "repeated_queries": number, "repeated_pairs": number, "positive_as_negative": number,
                  "query_words": {"median": number, "p95": number} | null, "document_words": the same,
                  "broken": number,
                  "problems": [{"file": text, "line": number | null, "reason": text}, ...]}, ...],
     "total": {...}}
"""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from csplade.commands.given import check_files
from csplade.commands.options import json_option
from csplade.commands.output import notice, print_json, print_table
from csplade.pipelines.errors import SourceError
from csplade.pipelines.number_of import number_of

if TYPE_CHECKING:
    from csplade.pipelines.data_report import DataReport, Lengths, SourceReport


@click.command("data")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PATH...")
@click.option(
    "--split", default="train", show_default=True, metavar="NAME", help="Of a BEIR folder: read qrels/NAME.tsv."
)
@json_option
def command(paths: tuple[Path, ...], split: str, as_json: bool) -> None:
    """Check and describe training data.

    PATH is a file of JSON lines (.gz as well), - for standard input, or a BEIR folder. A line holds a query with a
    positive, and if you have them "negative" or "negatives" and a teacher's "scores", the positive's first; or it
    holds a query with "documents" and their "scores". Every line is read, the exit code is 1 if one is broken.

    \b
    Example:
      csplade data pairs.jsonl more-pairs.jsonl.gz
      csplade data scifact --split test
      csplade data scored.jsonl --json
    """
    from csplade.pipelines.data_report import check_data

    check_files(paths)
    report = check_data(paths, split)
    if as_json:
        print_json({"sources": [_json(source) for source in report.sources], "total": _json(report.total)})
    else:
        _print(report)
    if report.total.flaws:
        raise SourceError(_complaint(report.total))


def _complaint(total: "SourceReport") -> str:
    first = total.flaws[0]
    if total.broken == 1 and first.line is None:
        return first.sentence
    lines = all(flaw.line is not None for flaw in total.flaws)
    broken = number_of(total.broken, "line is broken", "lines are broken")
    count = broken if lines or total.broken == 1 else f"there are {total.broken} problems"
    return f"{count}, training would stop there (the first: {first.sentence})"


def _json(source: "SourceReport") -> dict[str, Any]:  # Any: a JSON object
    shown = dataclasses.asdict(source)
    problems = shown.pop("flaws")
    return {"name": shown.pop("name"), "examples": source.examples, **shown, "problems": problems}


def _print(report: "DataReport") -> None:
    shown = report.sources if len(report.sources) == 1 else (*report.sources, report.total)
    rows = [(each.name, each.examples, each.pairs, each.triples, each.scored, each.broken) for each in shown]
    print_table("Examples", ("source", "examples", "pairs", "triples", "scored", "broken lines"), rows)
    repeats = [(each.name, each.repeated_queries, each.repeated_pairs, each.positive_as_negative) for each in shown]
    print_table("Repeats", ("source", "query seen before", "pair seen before", "negative is the positive"), repeats)
    words = [(each.name, *_words(each.query_words), *_words(each.document_words)) for each in shown]
    print_table("Words", ("source", "query median", "95%", "document median", "95%"), words)
    flaws = report.total.flaws
    if flaws:
        print_table("Problems", ("place", "problem"), [(flaw.place, flaw.reason) for flaw in flaws])
    if len(flaws) < report.total.broken:
        notice(f"{report.total.broken - len(flaws)} more problems are not shown: mend these first.")


def _words(lengths: "Lengths | None") -> tuple[int | str, int | str]:
    return ("", "") if lengths is None else (lengths.median, lengths.p95)
