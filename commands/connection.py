"""How commands reach a cluster: its address or the local node's, credentials from the environment, whom to trust."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click
from csplade.commands.options import url_option

if TYPE_CHECKING:
    from opensearchpy import OpenSearch

_Command = TypeVar("_Command", bound=Callable[..., None])


def cluster_options(command: _Command) -> _Command:
    """Add --url and --ca-certs."""
    ca_certs = click.option(
        "--ca-certs",
        envvar="CSPLADE_CA_CERTS",
        default=None,
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Certificate authorities (PEM) to trust instead of the system's. Default: CSPLADE_CA_CERTS.",
    )
    return url_option(ca_certs(command))


def open_cluster(url: str | None, ca_certs: Path | None) -> "OpenSearch":
    """Return a client; a user outside the URL comes from CSPLADE_USER and CSPLADE_PASSWORD.

    Raises:
        UsageError: the URL, the credentials or the file of certificate authorities cannot be used.
        NodeError: no URL is given, and a local node's note cannot be read.
    """
    from csplade.integration.client import Access, connect

    access = Access(os.environ.get("CSPLADE_USER"), os.environ.get("CSPLADE_PASSWORD"), ca_certs)
    return connect(url or _local_url(), access)


def _local_url() -> str:
    """Return the address of the one node that runs here; of none or several, the one that a node has by default."""
    from csplade.integration.account import server_account
    from csplade.integration.client import LOCAL_URL
    from csplade.integration.node_notes import read_notes
    from csplade.integration.places import find_places
    from csplade.integration.processes import is_alive

    if os.name == "nt":  # Local servers do not run there.
        return LOCAL_URL
    notes = find_places(os.environ, server_account()).notes
    urls = [node.url for node in read_notes(notes) if all(map(is_alive, node.processes))]
    return urls[0] if len(urls) == 1 else LOCAL_URL
