"""`csplade enrich`: documents of an index that have no weights, or old ones, are encoded in place.

With --json exactly one object, with --watch when it is stopped, always with these names:

    {"index": name, "text_fields": [name, ...], "read": number, "current": number, "encoded": number,
     "superseded": number, "failed": number, "pending": number, "without_text": number, "rounds": number,
     "seconds": number, "dead_letters": path or null}

`read` = `current` + `encoded` + `superseded` + `failed`; `pending` of the superseded have not been looked at again.
`without_text` of those that were not current have no text in these fields, and so no weights. What --watch says of
its rounds is on standard error.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click
from csplade.commands.calibrate import calibrate_after
from csplade.commands.connection import Connection, cluster_options, open_cluster
from csplade.commands.enrich_watch import watch
from csplade.commands.options import encoder_option, gathered, index_option, json_option
from csplade.commands.output import notice, print_json, print_table
from csplade.commands.sending_options import SENDING_OPTIONS, SendingChoices
from csplade.pipelines.errors import CspladeError, SourceError, UsageError
from csplade.pipelines.number_of import number_of

if TYPE_CHECKING:
    from csplade.integration.dialect import Dialect
    from csplade.integration.encoder import Encoder
    from csplade.integration.enrich import EnrichOptions
    from csplade.integration.enrich_report import EnrichReport
    from opensearchpy import OpenSearch


@dataclass(frozen=True)
class EnrichChoices(SendingChoices):
    """What a user chose."""

    index: str
    watch: float | None
    text_fields: str | None
    replace_encoder: bool
    slices: int
    dead_letters: Path | None


_OPTIONS = (
    index_option,
    click.option(
        "--watch",
        default=None,
        type=click.FloatRange(min=0.1),
        metavar="SECONDS",
        help="Go on until stopped: look for changes, wait so long, look again.",
    ),
    click.option(
        "--text-fields",
        default=None,
        metavar="NAMES",
        help="The fields that are encoded, joined in this order, from now on. Default: those that the index was "
        "filled with by `csplade ingest` or `reindex`, else title,text.",
    ),
    click.option(
        "--replace-encoder",
        is_flag=True,
        help="Let the index have another encoder from now on: until this is done, its documents have weights of both.",
    ),
    click.option(
        "--slices",
        default=4,
        show_default=True,
        type=click.IntRange(1, 256),
        help="Parts of the index that are read at the same time.",
    ),
    click.option(
        "--dead-letters",
        default=None,
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Where ids of documents that failed are written. Default: INDEX.failed.jsonl, with a number if that is "
        "taken.",
    ),
    *SENDING_OPTIONS,
)


@click.command("enrich")
@gathered("choices", EnrichChoices, _OPTIONS)
@cluster_options
@encoder_option
@json_option
def command(choices: EnrichChoices, connection: Connection, encoder_folder: Path, as_json: bool) -> None:
    """Encode in place the documents of an index that have no weights, or weights of another text or encoder.

    For applications that write documents themselves: what others change is never overwritten, a document that changes
    while it is encoded is encoded again. With --watch, Ctrl-C ends it and prints the account.

    \b
    Example:
      csplade enrich --index articles
      csplade enrich --index articles --watch 10
      csplade enrich --index products --text-fields name,description --json
      csplade enrich --index articles --encoder new-model --replace-encoder
    """
    from csplade.integration.enrich import prepare_index
    from csplade.integration.patience import patient
    from csplade.pipelines.contract import read_contract

    contract = read_contract(encoder_folder)
    client = open_cluster(connection)
    dialect = prepare_index(client, choices.index, contract, choices.replace_encoder, choices.patience)
    waiting = patient(client, choices.patience)
    options = _options(waiting, choices)
    from csplade.pipelines.encode_many import open_for_many

    encoder = open_for_many(encoder_folder)
    report = _run(client, encoder, dialect, options, choices)
    _print(report, options, as_json)
    if choices.watch is None:
        calibrate_after(waiting, choices.index, encoder_folder, _held(waiting, choices.index, report), encoder)
    if report.failed:
        raise SourceError(
            f"{number_of(report.failed, 'document')} failed (the first: {report.first_reason}): their ids are in "
            f"{report.dead_letters}; mend them in the index and enrich again"
        )
    if report.pending and choices.watch is None:
        raise SourceError(
            f"{number_of(report.pending, 'document changes', 'documents change')} faster than encoding: run again "
            "later, or let --watch follow"
        )


def _held(client: "OpenSearch", index: str, report: "EnrichReport") -> int:
    """Return how many documents the index holds, as far as this user may know."""
    from csplade.integration.ingest_report import count_if_allowed

    counted = count_if_allowed(client, index)
    return report.read if counted is None else counted


def _options(client: "OpenSearch", choices: EnrichChoices) -> "EnrichOptions":
    from csplade.integration.dead_letters import choose_path
    from csplade.integration.enrich import EnrichOptions, fields_of, write_of
    from csplade.integration.index_mapping import long_of

    asked = [] if choices.text_fields is None else [name.strip() for name in choices.text_fields.split(",")]
    if not all(asked):
        raise UsageError(
            f"--text-fields {choices.text_fields!r} must be names with commas between them, like name,about"
        )
    fields = fields_of(client, choices.index, tuple(asked))
    if asked:
        _change_fields(client, choices.index, fields)
    return EnrichOptions(
        choices.index,
        choose_path(choices.dead_letters, choices.index),
        fields,
        write_of(client),
        choices.slices,
        choices.pace,
        choices.patience,
        choices.min_weight,
        long_of(client, choices.index),
    )


def _change_fields(client: "OpenSearch", index: str, fields: tuple[str, ...]) -> None:
    """Let the index have these text fields from now on; tell of others that it was filled with."""
    from csplade.integration.index_mapping import mapping_of
    from csplade.integration.text_fields import change_fields, recorded_fields

    known = recorded_fields(mapping_of(client, index)[1])
    if known == fields:
        return
    kept = change_fields(client, index, fields)
    if known is not None:
        notice(
            f"{index} was filled with the text fields {','.join(known)}, and is encoded from {','.join(fields)} now."
        )
    if not kept:
        notice(f"This user may not keep that with {index}: give --text-fields {','.join(fields)} each time.")


def _run(
    client: "OpenSearch", encoder: "Encoder", dialect: "Dialect", options: "EnrichOptions", choices: EnrichChoices
) -> "EnrichReport":
    """Enrich once, or until stopped; whatever else ends it, say how far it came."""
    from csplade.integration.enrich import Enricher
    from tqdm import tqdm

    # disable=None: no bar where standard error is not a terminal.
    with tqdm(unit=" documents", disable=None, file=sys.stderr) as bar:

        def show(report: "EnrichReport") -> None:
            bar.update(report.read - bar.n)

        enricher = Enricher(client, encoder, dialect, options, show)
        try:
            return enricher.until_current() if choices.watch is None else watch(enricher, options, choices.watch)
        except (CspladeError, KeyboardInterrupt):
            bar.close()
            done = number_of(enricher.report.encoded, "document is", "documents are")
            notice(f"{done} encoded. Run again, it looks for those that are left.")
            raise


def _print(report: "EnrichReport", options: "EnrichOptions", as_json: bool) -> None:
    names = ("read", "current", "encoded", "superseded", "failed", "pending", "rounds", "seconds")
    values = {name: getattr(report, name) for name in names}
    if as_json:
        letters = None if report.dead_letters is None else str(report.dead_letters)
        first = {"index": options.index, "text_fields": options.text_fields}
        print_json({**first, **values, "without_text": report.without_text, "dead_letters": letters})
    else:
        cells = [f"{value:.1f}" if isinstance(value, float) else value for value in values.values()]
        print_table("", ("index", *names), [(options.index, *cells)])
    if report.without_text:
        notice(
            f"{number_of(report.without_text, 'document has', 'documents have')} no text in "
            f"{', '.join(options.text_fields)}, and so no weights."
        )
