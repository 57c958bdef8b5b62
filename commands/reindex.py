"""`csplade reindex`: an index that is there is copied into one of csplade, and encoded on the way.

With --json exactly one object, always with these names:

    {"from": name, "to": name, "text_fields": [name, ...], "in_source": number, "read": number, "indexed": number,
     "skipped": number, "failed": number, "changed": number, "without_text": number, "duplicates": number,
     "in_index": number or null, "seconds": number, "documents_per_second": number, "one_moment": true | false,
     "dead_letters": path or null}

`read` = `indexed` + `skipped` + `failed`, and with `one_moment` `read` - `changed` = `in_source`.
"""

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click
from csplade.commands.calibrate import calibrate_after
from csplade.commands.connection import Connection, cluster_options, open_cluster
from csplade.commands.options import encoder_option, json_option
from csplade.commands.output import notice, print_json, print_table
from csplade.commands.reindex_options import ReindexChoices, reindex_options, source_connection
from csplade.commands.reindex_trial import show_trial
from csplade.commands.settled_run import open_checkpoint, settled_run, with_bar
from csplade.pipelines.errors import SourceError, UsageError
from csplade.pipelines.number_of import number_of

if TYPE_CHECKING:
    from csplade.integration.checkpoint import Checkpoint
    from csplade.integration.encoder import Encoder
    from csplade.integration.ingest import IngestOptions
    from csplade.integration.passages import Long
    from csplade.integration.reindex import Origin, ReindexReport
    from csplade.integration.reindex_target import Described, Planned
    from csplade.pipelines.contract import Contract
    from opensearchpy import OpenSearch


@click.command("reindex")
@reindex_options
@cluster_options
@encoder_option
@json_option
def command(choices: ReindexChoices, connection: Connection, encoder_folder: Path, as_json: bool) -> None:
    """Copy the index OLD into NEW, an index of csplade, and encode it on the way.

    Ids, routing and all fields stay as they are; OLD is only read. A run that was stopped or killed goes on where it
    was when the same command is run again, and takes with it what has changed in OLD meanwhile. The options of a
    cluster are about that of NEW; OLD is in the same one unless --from-url or --from-profile names another.

    \b
    Example:
      csplade reindex --from products --to products-sparse --text-fields name,description --dry-run
      csplade reindex --from products --to products-sparse --text-fields name,description
      csplade reindex --from articles-v1 --to articles-v2 --encoder new-model --slices 8
      csplade reindex --from products --to products --from-url http://old.example:9200 --load-settings fast
    """
    from csplade.integration.dead_letters import choose_path
    from csplade.integration.index import check_name
    from csplade.integration.index_mapping import mapping_of
    from csplade.integration.patience import patient
    from csplade.integration.reindex_target import prepare_target
    from csplade.pipelines.contract import read_contract

    for name in (choices.origin, choices.target):
        check_name(name)
    resuming = choices.checkpoint is not None and choices.checkpoint.exists()
    letters = choose_path(choices.dead_letters, choices.target, resuming)
    contract = read_contract(encoder_folder)
    origin, described = _origin(choices, connection)
    target = open_cluster(connection)
    planned = _planned(target, origin, choices, contract, described)
    from csplade.pipelines.encode_many import open_for_many

    # Before anything is made for an encoder that cannot be opened.
    encoder = open_for_many(encoder_folder)
    if choices.dry_run:
        show_trial(target, origin, described, planned, choices, encoder, as_json)
        return
    prepare_target(target, choices.target, contract, planned, origin.text_fields)
    # An alias may stand for an index of another encoder before this is done.
    choices = replace(choices, target=mapping_of(patient(target, choices.patience), choices.target)[0])
    found, counted = _run(target, origin, encoder, _sending(choices, letters, planned.long), choices)
    _print(found, counted, origin, choices, as_json)
    account = found.account
    held = account.indexed if counted is None else counted
    calibrate_after(patient(target, choices.patience), choices.target, encoder_folder, held, encoder)
    if account.failed:
        raise SourceError(
            f"{account.failed} of {number_of(account.read, 'document')} failed (the first: {account.first_reason}): "
            f"mend them in {choices.origin} and reindex again, which copies all documents; {account.dead_letters} "
            "holds those that failed, to look at and not to ingest"
        )


def _origin(choices: ReindexChoices, connection: Connection) -> "tuple[Origin, Described]":
    """Look at the index that is copied; nothing is made yet."""
    from csplade.integration.detect import read_dialect
    from csplade.integration.dialect import PLAIN
    from csplade.integration.reindex import Origin
    from csplade.integration.reindex_mapping import check_whole, chosen_fields
    from csplade.integration.reindex_target import describe

    client = open_cluster(source_connection(choices, connection))
    if (dialect := read_dialect(client)) is PLAIN:
        raise UsageError(
            f"what holds {choices.origin!r} does not say what it is, as AWS's serverless collections, which cannot be "
            "read shard by shard: ingest what their documents were made from"
        )
    described = describe(client, choices.origin)
    asked = [] if choices.text_fields is None else [name.strip() for name in choices.text_fields.split(",")]
    if not all(asked):
        raise UsageError(
            f"--text-fields {choices.text_fields!r} must be names with commas between them, like title,body"
        )
    fields = chosen_fields(described.mapping, choices.origin, asked)
    check_whole(described.mapping, choices.origin, fields, choices.without_excluded_fields)
    return Origin(client, choices.origin, dialect, fields, choices.slices), described


def _planned(
    target: "OpenSearch", origin: "Origin", choices: ReindexChoices, contract: "Contract", described: "Described"
) -> "Planned":
    """Look at the index that is copied into, or say how it is to be made; nothing is made yet."""
    from csplade.integration.reindex_target import check_apart, plan_target

    check_apart(origin.client, origin.index, target, choices.target)
    copied = described if choices.copy_mapping else None
    return plan_target(target, choices.target, contract, choices.index_options, choices.asked, copied)


def _sending(choices: ReindexChoices, letters: Path, long: "Long") -> "IngestOptions":
    from csplade.integration.ingest import IngestOptions

    return IngestOptions(
        *(choices.target, letters, choices.dead_letters is None),
        choices.pace,
        least_weight=choices.min_weight,
        long=long,
        patience=choices.patience,
    )


def _run(
    target: "OpenSearch", origin: "Origin", encoder: "Encoder", options: "IngestOptions", choices: ReindexChoices
) -> "tuple[ReindexReport, int | None]":
    """Copy with a checkpoint and the settings that are asked for; return the report and the new index's count."""
    return settled_run(
        *(target, choices.target, choices),
        begin=lambda waiting: _checkpoint(waiting, origin, encoder, choices),
        stream=lambda checkpoint: _stream(target, origin, encoder, options, checkpoint),
        account=lambda found: found.account,
    )


def _checkpoint(
    target: "OpenSearch", origin: "Origin", encoder: "Encoder", choices: ReindexChoices
) -> "Checkpoint | None":
    """Open the checkpoint of this job; None where one of the indexes cannot be told apart."""
    from csplade.integration.checkpoint import Job
    from csplade.integration.index_mapping import index_uuid
    from csplade.integration.patience import patient
    from csplade.integration.slices_history import read_history, told_apart

    source, uuid = index_uuid(origin.client, origin.index), index_uuid(target, choices.target)
    if source is None or uuid is None:
        notice("This user may not read the settings of both indexes, so that there is no checkpoint.")
        return None
    deciding = f"{origin.text_fields} {choices.min_weight}"
    history = read_history(patient(origin.client, choices.patience), origin.index)
    job = Job(told_apart(source, history), choices.target, uuid, encoder.contract.fingerprint, deciding)
    digest = hashlib.sha256(source.encode()).hexdigest()
    path = choices.checkpoint or Path(f"{choices.target}.{digest[:8]}.checkpoint")
    return open_checkpoint(path, job)


def _stream(
    target: "OpenSearch",
    origin: "Origin",
    encoder: "Encoder",
    options: "IngestOptions",
    checkpoint: "Checkpoint | None",
) -> "ReindexReport":
    from csplade.integration.reindex import reindex

    again = "begins anew, which is safe." if checkpoint is None else "goes on from there."
    return with_bar(
        _known_count(origin), lambda show: reindex(origin, target, encoder, options, show, checkpoint), again
    )


def _known_count(origin: "Origin") -> int | None:
    from csplade.integration.ingest_report import count_if_allowed

    return count_if_allowed(origin.client, origin.index)


def _print(
    found: "ReindexReport", counted: int | None, origin: "Origin", choices: ReindexChoices, as_json: bool
) -> None:
    account = found.account
    speed = (account.indexed + account.failed) / account.seconds if account.seconds else 0.0
    if as_json:
        print_json(
            {
                "from": choices.origin,
                "to": choices.target,
                "text_fields": origin.text_fields,
                "in_source": found.in_source,
                **{name: getattr(account, name) for name in ("read", "indexed", "skipped", "failed")},
                "changed": found.gone,
                "without_text": found.empty,
                "duplicates": account.repeated,
                "in_index": counted,
                "seconds": account.seconds,
                "documents_per_second": speed,
                "one_moment": found.frozen,
                "dead_letters": None if account.dead_letters is None else str(account.dead_letters),
            }
        )
    else:
        counts = (found.in_source, account.read, account.indexed, account.skipped, account.failed)
        row = (choices.target, *counts, "?" if counted is None else counted, f"{account.seconds:.1f}", f"{speed:.1f}")
        names = ("in source", "read", "indexed", "skipped", "failed", "in index", "seconds", "documents/s")
        print_table("", ("index", *names), [row])
    _tell(found, choices)


def _tell(found: "ReindexReport", choices: ReindexChoices) -> None:
    account = found.account
    if found.empty:
        empty = number_of(
            found.empty, "document without text in these fields is", "documents without text in these fields are"
        )
        notice(f"{empty} indexed without weights.")
    if account.repeated:
        notice(f"{number_of(account.repeated, 'document')} had an id that came before: the index keeps the later one.")
    if found.gone:
        gone = number_of(
            found.gone, "document that failed in an earlier run has", "documents that failed in an earlier run have"
        )
        notice(f"{gone} changed, gone, or been read anew.")
    if not found.frozen:
        notice(
            f"The cluster of {choices.origin} has no points in time, or not for this user: what changed while it was "
            "read may be there in its old form or its new one; run again to take the new one."
        )
