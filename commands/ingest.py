"""`csplade ingest`: documents from files into an index, encoded on the way."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click
from csplade.commands.calibrate import calibrate_after
from csplade.commands.connection import Connection, cluster_options, open_cluster
from csplade.commands.engine_options import RAY
from csplade.commands.ingest_encoder import open_encoder
from csplade.commands.ingest_options import IngestChoices, ingest_options
from csplade.commands.ingest_run import run
from csplade.commands.ingest_shown import print_report, told_by
from csplade.commands.options import encoder_option, json_option
from csplade.commands.output import notice, print_json, print_table
from csplade.commands.records import Plan, find_sources, plan_all, record_options
from csplade.pipelines.errors import SourceError, UsageError
from csplade.pipelines.number_of import number_of

if TYPE_CHECKING:
    from csplade.integration.encoder import Encoder
    from csplade.integration.passages import Long
    from csplade.pipelines.sources import Source
    from opensearchpy import OpenSearch


@click.command("ingest")
@click.argument("sources", metavar="SOURCE...", nargs=-1)
@ingest_options
@cluster_options
@encoder_option
@json_option
def command(
    sources: tuple[str, ...],
    choices: IngestChoices,
    connection: Connection,
    encoder_folder: Path,
    as_json: bool,
) -> None:
    """Encode the documents of each SOURCE and index them.

    SOURCE is a file of JSON lines, CSV or TSV (.gz as well), a Parquet file, a BEIR folder, or, alone, - for standard
    input. A file with a bad record is refused before anything is created. A run that was stopped or killed goes on
    where it was when the same command is run again: what is settled of all sources stands in one checkpoint beside the
    dead letters. (Of standard input there is none: a bad record stops it where it stands, and run again it begins
    anew.)

    \b
    Example:
      csplade ingest articles.jsonl --index articles
      csplade ingest articles.csv --index articles --id-field number --text-fields title,body
      zcat articles.tsv.gz | csplade ingest - --format tsv --index articles
      csplade ingest articles.jsonl --index articles --dry-run
      csplade ingest articles.parquet --index articles --load-settings fast
      csplade ingest part-*.parquet --index articles --engine ray --workers 8
      csplade ingest --restore --index articles
    """
    from csplade.integration.dead_letters import choose_path
    from csplade.integration.given import GivenVectors
    from csplade.integration.index import check_name
    from csplade.integration.index_mapping import mapping_of
    from csplade.integration.ingest import IngestOptions
    from csplade.integration.patience import patient

    check_name(choices.index)
    choices.check_engine({}, {})
    if choices.restore:
        _restore(connection, choices, sources, as_json)
        return
    if not sources:
        raise click.MissingParameter(param_type="argument", param_hint="'SOURCE'")
    records = record_options(choices.id_field, choices.text_fields)
    resuming = choices.checkpoint is not None and choices.checkpoint.exists()
    options = IngestOptions(
        choices.index,
        choose_path(choices.dead_letters, choices.index, resuming),
        choices.dead_letters is None,
        choices.pace,
        least_weight=choices.min_weight,
        patience=choices.patience,
        text_fields=records.text_fields,
    )
    origins = find_sources(sources, choices.format, choices.delimiter)
    _check_read_again(origins, choices)
    encoder = open_encoder(encoder_folder, choices)
    found = plan_all(origins, records, choices.on_bad_record == "skip", choices.vectors)
    if isinstance(encoder, GivenVectors):
        found = Plan(encoder.watch(found.documents), found.total)
    client = open_cluster(connection)
    if choices.dry_run:
        _dry_run(client, encoder, found, choices, as_json)
        return
    long = _prepare(client, encoder, choices, records.text_fields)
    # An alias may stand for an index of another encoder before this is done.
    choices = replace(choices, index=mapping_of(patient(client, choices.patience), choices.index)[0])
    options = replace(options, index=choices.index, long=long)
    report, counted = run(client, encoder, found, options, origins, choices)
    print_report(report, counted, told_by(encoder, long.value != "cut", choices.engine == RAY), choices.index, as_json)
    held = report.indexed if counted is None else counted
    # Given vectors answer no queries, and Ray's workers have ended.
    asked = encoder if choices.vectors is None and choices.engine != RAY else None
    calibrate_after(patient(client, choices.patience), choices.index, encoder_folder, held, asked)
    if report.failed:
        raise SourceError(
            f"{report.failed} of {number_of(report.read, 'document')} failed (the first: {report.first_reason}): "
            f"mend them in {report.dead_letters} and ingest that file"
        )


def _check_read_again(origins: "Sequence[Source]", choices: IngestChoices) -> None:
    """Check that what can be read only once is the only source, and has no checkpoint."""
    once = next((origin.name for origin in origins if not origin.rereadable), None)
    if once is None:
        return
    if len(origins) > 1:
        raise UsageError(f"{once} can be read only once, so it is not looked over with others: give it alone")
    if choices.checkpoint is not None:
        raise UsageError(
            f"--checkpoint {choices.checkpoint} needs a SOURCE that can be read again: leave it out, or name a file"
        )


def _restore(connection: Connection, choices: IngestChoices, sources: Sequence[str], as_json: bool) -> None:
    """Put settings back that a killed run has left."""
    from csplade.integration.index_mapping import mapping_of
    from csplade.integration.load_settings import restore
    from csplade.integration.patience import patient

    if sources:
        raise UsageError("--restore ingests nothing: leave SOURCE out, or --restore")
    client, index = open_cluster(connection), choices.index
    # A wrong address or name is told at once.
    mapping_of(client, index)
    found = restore(patient(client, choices.patience), index)
    if as_json:
        print_json({"index": index, "restored": found})
    else:
        notice(f"The settings of {index} are restored." if found else f"No run has left settings in {index}.")


def _dry_run(client: "OpenSearch", encoder: "Encoder", planned: Plan, choices: IngestChoices, as_json: bool) -> None:
    from csplade.integration.dry_run import try_out
    from csplade.integration.index import IndexState, check_index
    from csplade.integration.index_mapping import mapping_if_there
    from csplade.integration.seismic_field import remap_in

    state = check_index(client, choices.index, encoder.contract)
    long = choices.index_options.long if state is IndexState.MISSING else _fitting(client, choices)
    remap = remap_in(mapping_if_there(client, choices.index))
    trial = try_out(encoder, planned.documents, choices.min_weight, long, remap)
    if as_json:
        print_json({"index": choices.index, "index_is": state.value, **trial.numbers})
    else:
        print_table(
            "", ("index", "it is", *trial.numbers), [(choices.index, state.value, *map(str, trial.numbers.values()))]
        )
    notice("Nothing was created or indexed.")


def _check_whole(choices: IngestChoices, long: "Long | None") -> None:
    """Check that vectors which are given, of whole texts, are not to be those of windows."""
    if choices.vectors is not None and long is not None and long.value != "cut":
        raise UsageError(f"--vectors gives those of whole texts, and --long {long.value} needs windows: leave one out")


def _prepare(client: "OpenSearch", encoder: "Encoder", choices: IngestChoices, text_fields: tuple[str, ...]) -> "Long":
    """Create the index, or check that the one there fits.

    Returns:
        what becomes of long texts in it.
    """
    from csplade.integration.index import IndexState, check_index, create_index
    from csplade.integration.patience import patient
    from csplade.integration.text_fields import record_fields

    _check_whole(choices, choices.asked_long)
    state = check_index(client, choices.index, encoder.contract)
    waiting = patient(client, choices.patience)
    if state is IndexState.READY:
        found = _fitting(waiting, choices)
        record_fields(waiting, choices.index, text_fields)
        return found
    made = replace(choices.index_options, text_fields=text_fields)
    create_index(waiting, choices.index, encoder.contract, made)
    return made.long


def _fitting(client: "OpenSearch", choices: IngestChoices) -> "Long":
    """Check that the index that is there is as it was asked for; return what becomes of long texts in it."""
    from csplade.integration.index_asked import check_asked

    found = check_asked(client, choices.index, choices.asked)
    _check_whole(choices, found)
    return found
