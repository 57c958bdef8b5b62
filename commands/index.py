"""`csplade index`: versions of an index behind an alias, from their creation to their end.

With --json exactly one value. `drop` prints {"dropped": name}; `create`, `swap` and `rollback` are described in
`index_create` and `index_swap`. `status` prints a list, an object an index:

    [{"index": name, "aliases": [name, ...], "replaced": {alias: name, ...}, "encoder": name or null,
      "fingerprint": text or null, "documents": number or null, "with_weights": share or null,
      "sampled": number or null, "bytes": number or null, "weights_bytes": number or null,
      "text_bytes": number or null, "postings_bytes": number or null, "stored_bytes": number or null,
      "loading": true | false, "seismic_loss": share or null}, ...]

where `postings_bytes` and `stored_bytes` are of all fields together, `loading` says that it has settings of a load,
which is not over or was killed, and `seismic_loss` is what was measured when the index was made with a SEISMIC field.
"""

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

import click
from csplade.commands.connection import Connection, cluster_options, open_cluster
from csplade.commands.index_create import create_command
from csplade.commands.index_swap import rollback_command, swap_command
from csplade.commands.options import json_option
from csplade.commands.output import notice, print_json, print_table
from csplade.pipelines.errors import UsageError

if TYPE_CHECKING:
    from csplade.integration.index_status import IndexStatus

_MEGABYTE = 2**20


@click.group("index")
def command() -> None:
    """Create, compare, swap and drop versions of an index behind an alias.

    \b
    Example:
      csplade index create articles
      csplade index status articles
      csplade index swap articles
    """


command.add_command(create_command)
command.add_command(swap_command)
command.add_command(rollback_command)


@command.command("status")
@click.argument("name", required=False)
@click.option(
    "--sizes",
    is_flag=True,
    help="Let the cluster tell how large postings and stored documents are. OpenSearch tells no sizes of fields, only "
    "of all together; Elasticsearch reads the whole index, and tells the postings of weights and of text apart.",
)
@cluster_options
@json_option
def status_command(name: str | None, sizes: bool, connection: Connection, as_json: bool) -> None:
    """Show an index, the versions of an alias, or everything that csplade has made.

    \b
    Example:
      csplade index status
      csplade index status articles --json
      csplade index status articles-v2 --sizes
    """
    from csplade.integration.detect import read_dialect
    from csplade.integration.index_status import find_indexes, read_status

    client = open_cluster(connection)
    dialect = read_dialect(client)
    found = [read_status(client, index, dialect, sizes) for index in find_indexes(client, name)]
    if as_json:
        print_json([_status_json(one) for one in found])
    elif found:
        _print_status(found, sizes)
    else:
        notice("There is no index of csplade: make one with `csplade index create NAME`.")
    if found and sizes and all(one.sizes.weights is None for one in found):
        notice("This cluster does not tell how large a field is; the other sizes are of all fields together.")


@command.command("drop")
@click.argument("index")
@click.option("--yes", is_flag=True, help="Do not ask.")
@cluster_options
@json_option
def drop_command(index: str, yes: bool, connection: Connection, as_json: bool) -> None:
    """Delete INDEX for good; one that an alias stands for is refused.

    \b
    Example:
      csplade index drop articles-v1
      csplade index drop articles-v1 --yes
    """
    from csplade.integration.answers import count_documents
    from csplade.integration.lifecycle import check_drop, drop

    client = open_cluster(connection)
    check_drop(client, index)
    if not yes:
        if not sys.stdin.isatty():
            raise UsageError(f"{index!r} would be deleted for good, and there is nobody to ask: add --yes")
        click.confirm(f"Delete {index} with {count_documents(client, index)} documents?", abort=True, err=True)
    drop(client, index)
    if as_json:
        print_json({"dropped": index})
    else:
        notice(f"{index} is deleted.")


def _print_status(found: "list[IndexStatus]", sizes: bool) -> None:
    columns = ["index", "stands behind", "replaced", "encoder", "fingerprint", "documents", "with weights", "MB"]
    columns += ["weights MB", "text MB", "all postings MB", "stored MB"] if sizes else []
    print_table("", columns, [_status_row(one)[: len(columns)] for one in found])
    for one in found:
        if one.seismic_loss is not None:
            notice(f"{one.index} has a SEISMIC field, by which scores change by {one.seismic_loss:.2%}.")
        if one.loading:
            notice(
                f"{one.index} has settings of a load; if it was killed: `csplade ingest --restore --index {one.index}`."
            )


def _status_row(one: "IndexStatus") -> tuple[object, ...]:
    share = "?" if one.share is None else f"{one.share:.1%}"
    if one.sampled is not None and one.documents is not None and one.sampled < one.documents:
        share = f"{share} of {one.sampled}"
    sizes = one.sizes.weights, one.sizes.text, one.sizes.postings, one.sizes.stored
    return (
        *(one.index, ", ".join(one.aliases), _replaced(one), one.encoder or "(not of csplade)"),
        *(one.fingerprint or "", "closed" if one.documents is None else one.documents, share),
        *map(_megabytes, (one.bytes, *sizes)),
    )


def _replaced(one: "IndexStatus") -> str:
    """Return what was live before; of which alias, if that is not plain."""
    if len(one.replaced) == 1 and not set(one.replaced).symmetric_difference(one.aliases):
        return next(iter(one.replaced.values()))
    return ", ".join(f"{before} ({alias})" for alias, before in one.replaced.items())


def _megabytes(size: int | None) -> str:
    return "?" if size is None else f"{size / _MEGABYTE:.1f}"


def _status_json(one: "IndexStatus") -> dict[str, object]:
    return {
        "index": one.index,
        "aliases": one.aliases,
        "replaced": one.replaced,
        "encoder": one.encoder,
        "fingerprint": one.fingerprint,
        "documents": one.documents,
        "with_weights": one.share,
        "sampled": one.sampled,
        "bytes": one.bytes,
        **{f"{name}_bytes": size for name, size in asdict(one.sizes).items()},
        "loading": one.loading,
        "seismic_loss": one.seismic_loss,
    }
