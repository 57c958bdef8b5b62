"""`csplade index swap` and `rollback`: the alias moves to another version, after both were compared.

With --json exactly one object; `from` is null where there was no alias, `gate` where nothing was compared:

    {"alias": name, "from": name or null, "to": name, "swapped": true | false,
     "gate": {"refused": [reason, ...], "documents": {"live": number, "new": number}, "queries": number,
              "overlap": share or null, "ndcg": {"live": number, "new": number} or null}}
"""

from pathlib import Path
from typing import TYPE_CHECKING

import click
from csplade.commands.connection import Connection, cluster_options, open_cluster
from csplade.commands.index_gate import GateChoices, gate_options, pass_gate
from csplade.commands.options import encoder_option, json_option
from csplade.commands.output import notice, print_json, print_table
from csplade.pipelines.number_of import number_of

if TYPE_CHECKING:
    from csplade.integration.lifecycle import Switch
    from csplade.integration.lifecycle_gate import Comparison

_FOREIGN = "{} was not made by csplade: searches in it go by words (BM25) alone"


@click.command("swap")
@click.argument("alias")
@click.option("--to", "index", default=None, metavar="INDEX", help="The new index. Default: the newest version.")
@click.option("--force", is_flag=True, help="Swap whatever the comparison says; it is shown all the same.")
@click.option("--dry-run", is_flag=True, help="Compare, and change nothing.")
@gate_options
@cluster_options
@encoder_option
@json_option
def swap_command(
    alias: str,
    index: str | None,
    force: bool,
    dry_run: bool,
    gate: GateChoices,
    connection: Connection,
    encoder_folder: Path,
    as_json: bool,
) -> None:
    """Let ALIAS stand for another index, in one step, if that is as good as the live one.

    Both are counted and asked the same queries: those of --collection, with its judgments, else titles of the live
    index's documents. --encoder is the new index's, --live-encoder the live one's if that is another. The index that
    was live stays, and `csplade index rollback` goes back to it.

    \b
    Example:
      csplade index swap articles
      csplade index swap articles --encoder new-model --live-encoder old-model --collection judged --margin 0.005
      csplade index swap articles --to articles-v1 --counts-only
      csplade index swap articles --dry-run --json
      csplade index swap live-articles --to an-index-that-is-there
    """
    from csplade.integration.errors import GateError
    from csplade.integration.lifecycle import plan_swap, swap

    client = open_cluster(connection)
    switch = plan_swap(client, alias, index)
    found, refused = pass_gate(client, switch, gate, encoder_folder)
    swapped = not dry_run and (force or not refused)
    if swapped:
        swap(client, switch)
    _print(switch, found, refused, swapped, as_json)
    if swapped and not switch.ours:
        back = f", and no `csplade index rollback {alias}` leads back from it" if switch.old else ""
        notice(f"{_FOREIGN.format(switch.new)}{back}.")
    if refused and not force:
        raise GateError(
            f"{switch.new!r} must not replace the live index: {'; '.join(refused)}. Mend it, allow more with "
            "--count-difference, --least-overlap or --margin, or swap with --force"
        )


@click.command("rollback")
@click.argument("alias")
@cluster_options
@json_option
def rollback_command(alias: str, connection: Connection, as_json: bool) -> None:
    """Let ALIAS stand for what it stood for before the last swap, in one step.

    What was written since then is only in the index that it leaves.

    \b
    Example:
      csplade index rollback articles
    """
    from csplade.integration.lifecycle import rollback

    switch = rollback(open_cluster(connection), alias)
    _print(switch, None, (), swapped=True, as_json=as_json)
    if not switch.ours:
        notice(f"{_FOREIGN.format(switch.new)}.")


def _print(
    switch: "Switch", found: "Comparison | None", refused: tuple[str, ...], swapped: bool, as_json: bool
) -> None:
    old = None if switch.old is None else switch.old.index
    if as_json:
        gate = None if found is None else _gate_json(found, refused)
        print_json({"alias": switch.alias, "from": old, "to": switch.new, "swapped": swapped, "gate": gate})
        return
    if found is not None:
        rows = [
            ("live", old, found.live_documents, _number(found.live_ndcg)),
            ("new", switch.new, found.new_documents, _number(found.new_ndcg)),
        ]
        print_table("", ("", "index", "documents", "nDCG@10"), rows)
        if found.overlap is not None:
            notice(
                f"Of the 10 best hits of {number_of(found.queries, 'query', 'queries')}, {found.overlap:.1%} are "
                "found by both."
            )
    if swapped:
        notice(f"{switch.alias} stands for {switch.new} now" + (f", no longer for {old}." if old else "."))
    else:
        notice(f"{switch.alias} still stands for {old}." if old else f"There is still no alias {switch.alias}.")


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _gate_json(found: "Comparison", refused: tuple[str, ...]) -> dict[str, object]:
    measured = None if found.live_ndcg is None else {"live": found.live_ndcg, "new": found.new_ndcg}
    return {
        "refused": refused,
        "documents": {"live": found.live_documents, "new": found.new_documents},
        "queries": found.queries,
        "overlap": found.overlap,
        "ndcg": measured,
    }
