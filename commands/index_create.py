"""`csplade index create`: the next version of an alias, empty; with a SEISMIC field if one is asked for.

With --json exactly one object; `seismic` is null without such a field, and its losses are shares:

    {"index": name, "alias": name, "live": true | false,
     "seismic": {"numbers": number, "documents": number, "queries": number, "approximate_from": number,
                 "loss": {"terms": share, "mass": share, "score": share}} or null}
"""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click
from csplade.commands.connection import Connection, cluster_options, open_cluster
from csplade.commands.options import (
    encoder_option,
    json_option,
    long_option,
    replicas_option,
    shards_option,
    weights_in_source_option,
)
from csplade.commands.output import notice, print_json
from csplade.commands.seismic_options import SeismicChoices, seismic_options
from csplade.commands.seismic_sample import Measured, measure
from csplade.pipelines.number_of import number_of

if TYPE_CHECKING:
    from csplade.integration.lifecycle import Switch


@click.command("create")
@click.argument("alias")
@click.option(
    "--analyzer", default=None, help="The cluster's analyzer for BM25. Default: the live index's, or english."
)
@long_option
@shards_option
@replicas_option
@weights_in_source_option
@seismic_options
@cluster_options
@encoder_option
@json_option
def create_command(
    alias: str,
    analyzer: str | None,
    long: str | None,
    shards: int,
    replicas: int | None,
    weights_in_source: bool | None,
    seismic: SeismicChoices,
    connection: Connection,
    encoder_folder: Path,
    as_json: bool,
) -> None:
    """Create the next version of ALIAS, empty: ALIAS-v1, ALIAS-v2, and so on.

    The alias stands for the first version at once, and for a later one only after `csplade index swap`.

    With --seismic the index has a field for approximate search beside the weights (OpenSearch 3.3 and newer with
    neural-search), which `--phases seismic` asks. Its terms are numbers below 32,768: the heaviest of a sample of the
    documents get them, and what that loses is measured on others, shown, and refused if it is too much.

    \b
    Example:
      csplade index create articles
      csplade index create articles --encoder new-model --analyzer german
      csplade index create articles --seismic documents.jsonl --seismic-queries queries.jsonl
    """
    from csplade.integration.lifecycle import create_version, live_choices
    from csplade.integration.passages import Long
    from csplade.integration.templates import DEFAULT_ANALYZER, IndexOptions
    from csplade.pipelines.contract import read_contract

    contract = read_contract(encoder_folder)
    client = open_cluster(connection)
    live = live_choices(client, alias)
    options = IndexOptions(
        *(analyzer or live.analyzer or DEFAULT_ANALYZER, shards, replicas),
        long=Long(long) if long is not None else live.long or Long.CUT,
        weights_in_source=(live.weights_in_source if weights_in_source is None else weights_in_source) is not False,
    )
    measured = measure(client, seismic, options, contract, encoder_folder)
    made = create_version(client, alias, contract, options, None if measured is None else measured.seismic)
    if as_json:
        found = {"index": made.new, "alias": alias, "live": made.old is None}
        print_json({**found, "seismic": measured and _seismic_json(measured)})
    else:
        click.echo(made.new)
    if measured is not None:
        _tell_loss(measured)
    elif made.old is not None and live.seismic:
        notice(f"{made.old.index} has a SEISMIC field, and this one has none: --phases seismic will be refused there.")
    _tell_next(made, alias)


def _tell_next(made: "Switch", alias: str) -> None:
    if made.old is None:
        notice(f"{alias} stands for it: fill it with `csplade ingest SOURCE --index {alias}`.")
    else:
        notice(
            f"{alias} still stands for {made.old.index}: fill the new one with `csplade ingest SOURCE --index "
            f"{made.new}`, then `csplade index swap {alias}`."
        )


def _tell_loss(measured: Measured) -> None:
    loss = measured.seismic.loss
    notice(
        f"Its SEISMIC field has numbers for {number_of(len(measured.seismic.remap.terms), 'term')}. Of "
        f"{number_of(measured.documents, 'other document')} {loss.terms:.1%} of the terms, {loss.mass:.2%} of their "
        f"weight, have none, and by it the scores of {number_of(measured.queries, 'query', 'queries')} change by "
        f"{loss.score:.2%}."
    )


def _seismic_json(measured: Measured) -> dict[str, object]:
    return {
        "numbers": len(measured.seismic.remap.terms),
        "documents": measured.documents,
        "queries": measured.queries,
        "approximate_from": measured.seismic.approximate_from,
        "loss": asdict(measured.seismic.loss),
    }
