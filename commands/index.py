"""`csplade index`: versions of an index behind an alias, from their creation to their end.

With --json exactly one value. `drop` prints {"dropped": name}; `create`, `swap` and `rollback` are described in
`index_create` and `index_swap`. `status` prints a list, an object an index:

    [{"index": name, "aliases": [name, ...], "replaced": {alias: name, ...}, "encoder": name or null,
      "fingerprint": text or null, "documents": number or null, "with_weights": share or null,
      "sampled": number or null, "bytes": number or null, "weights_bytes": number or null,
      "text_bytes": number or null, "postings_bytes": number or null, "stored_bytes": number or null,
      "loading": true | false, "seismic_loss": share or null,
      "estimate": null or {"sampled": number, "weights_bytes": number, "text_bytes": number, "stored_bytes": number,
                           "rest_bytes": number}}, ...]

where `postings_bytes` and `stored_bytes` are of all fields together, `loading` says that it has settings of a load,
which is not over or was killed, `seismic_loss` is what was measured when the index was made with a SEISMIC field, and
`estimate`, with --sizes-of-sample, is what all documents take by parts, if they take what the sampled ones do.
"""

import sys
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import click
from csplade.commands.connection import Connection, cluster_options, open_cluster
from csplade.commands.index_create import create_command
from csplade.commands.index_swap import rollback_command, swap_command
from csplade.commands.options import json_option
from csplade.commands.output import notice, print_json, print_table
from csplade.pipelines.errors import UsageError

if TYPE_CHECKING:
    from csplade.integration.dialect import Dialect
    from csplade.integration.index_status import IndexStatus
    from csplade.integration.size_estimate import Estimate
    from opensearchpy import OpenSearch

_MEGABYTE = 2**20
# As in `size_estimate`, which would make --help slow.
_SAMPLE, _FEWEST = 10_000, 2


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
@click.option(
    "--sizes-of-sample",
    "sample",
    metavar="[N]",
    type=click.IntRange(min=_FEWEST),
    is_flag=False,
    flag_value=_SAMPLE,
    help="Estimate what weights, text and stored documents of NAME take, on any cluster: N documents, drawn by chance, "
    f"are copied into three small hidden indexes, which are compared and deleted. N is {_SAMPLE:,} unless it is given.",
)
@cluster_options
@json_option
def status_command(name: str | None, sizes: bool, sample: int | None, connection: Connection, as_json: bool) -> None:
    """Show an index, the versions of an alias, or everything that csplade has made.

    \b
    Example:
      csplade index status
      csplade index status articles --json
      csplade index status articles-v2 --sizes
      csplade index status articles-v2 --sizes-of-sample
    """
    from csplade.integration.detect import read_dialect
    from csplade.integration.index_status import find_indexes, read_status

    if sample is not None and name is None:
        raise UsageError("--sizes-of-sample copies documents of an index: give the NAME of the index before it")
    client = open_cluster(connection)
    dialect = read_dialect(client)
    found = [read_status(client, index, dialect, sizes) for index in find_indexes(client, name)]
    if sample is not None:
        found = _estimated(client, found, dialect, sample)
    if as_json:
        print_json([_status_json(one) for one in found])
    elif found:
        _print_status(found, sizes)
    else:
        notice("There is no index of csplade: make one with `csplade index create NAME`.")
    if found and sizes and all(one.sizes.weights is None for one in found):
        told = "This cluster does not tell how large a field is; the other sizes are of all fields together."
        notice(told if sample is not None else f"{told} `csplade index status NAME --sizes-of-sample` estimates it.")


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


def _estimated(
    client: "OpenSearch", found: "list[IndexStatus]", dialect: "Dialect", sample: int
) -> "list[IndexStatus]":
    from csplade.integration.size_estimate import check_estimate, estimate_sizes

    # Of an alias a new version may still be empty.
    filled = [one for one in found if one.documents] or found
    # Before the first one is copied.
    for one in filled:
        check_estimate(client, one.index)
    for one in found:
        if one not in filled:
            notice(f"{one.index} holds no documents, or is closed: there is nothing to estimate.")
    return [
        replace(one, estimate=estimate_sizes(client, one.index, dialect, sample)) if one in filled else one
        for one in found
    ]


def _print_status(found: "list[IndexStatus]", sizes: bool) -> None:
    columns = ["index", "stands behind", "replaced", "encoder", "fingerprint", "documents", "with weights", "MB"]
    columns += ["weights MB", "text MB", "all postings MB", "stored MB"] if sizes else []
    rows = [_status_row(one)[: len(columns)] for one in found]
    told = [place for place in range(len(columns)) if any(row[place] not in ("", "?") for row in rows)]
    print_table("", [columns[place] for place in told], [[row[place] for place in told] for row in rows])
    for one in found:
        if one.seismic_loss is not None:
            notice(f"{one.index} has a SEISMIC field, by which scores change by {one.seismic_loss:.2%}.")
        if one.loading:
            notice(
                f"{one.index} has settings of a load; if it was killed: `csplade ingest --restore --index {one.index}`."
            )
        if one.estimate is not None:
            _print_estimate(one.index, one.documents or 0, one.estimate)


def _print_estimate(index: str, documents: int, estimate: "Estimate") -> None:
    parts = {
        "postings of the weights": estimate.weights,
        "postings of the text": estimate.text,
        "stored documents": estimate.stored,
        "all else": estimate.rest,
    }
    title = f"{index}: about what its documents take, from {estimate.sampled:,} of {documents:,}"
    rows = [(part, round(size / max(documents, 1)), _megabytes(size)) for part, size in parts.items()]
    print_table(title, ["part", "about bytes a document", "about MB"], rows)


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
        "estimate": None if one.estimate is None else _estimate_json(one.estimate),
    }


def _estimate_json(estimate: "Estimate") -> dict[str, int]:
    parts = asdict(estimate)
    return {"sampled": parts.pop("sampled"), **{f"{part}_bytes": size for part, size in parts.items()}}
