"""How commands reach a cluster: its address, credentials from the environment, whom to trust."""

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
        UsageError: the URL or the file of certificate authorities cannot be used.
    """
    from csplade.integration.client import LOCAL_URL, Access, connect

    access = Access(os.environ.get("CSPLADE_USER"), os.environ.get("CSPLADE_PASSWORD"), ca_certs)
    return connect(url or LOCAL_URL, access)
