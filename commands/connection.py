"""How commands reach a cluster: options that all of them share, the environment, profiles, and the local node."""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from csplade.commands.output import notice
from csplade.integration.access import AWS_SERVICES
from csplade.pipelines.errors import UsageError

if TYPE_CHECKING:
    from csplade.integration.settings import Settings
    from opensearchpy import OpenSearch

_FILE = click.Path(path_type=Path)
_OPTIONS = (
    click.option(
        "--url",
        metavar="URL",
        help="The cluster, e.g. https://host:9200, or several of its nodes with commas between them; its user and "
        "password come from CSPLADE_USER and CSPLADE_PASSWORD. Default: CSPLADE_URL, else the profile's, else the "
        "local node of `csplade node start`.",
    ),
    click.option(
        "--profile",
        metavar="NAME",
        help="Settings of a cluster from csplade's config.toml, see docs/connecting.md; options and CSPLADE_... come "
        "before it. Default: CSPLADE_PROFILE, else `default` where nothing else names a cluster.",
    ),
    click.option(
        "--user", metavar="NAME", help="Who asks; a password that is nowhere else is asked for at the terminal."
    ),
    click.option(
        "--ca-certs",
        type=_FILE,
        metavar="FILE",
        help="Certificate authorities (PEM) to trust instead of the system's. Default: CSPLADE_CA_CERTS.",
    ),
    click.option("--client-cert", type=_FILE, metavar="FILE", help="Certificate (PEM) to show to the cluster."),
    click.option("--client-key", type=_FILE, metavar="FILE", help="Its key (PEM), if that is a file of its own."),
    click.option(
        "--aws-service",
        type=click.Choice(AWS_SERVICES),
        help="Sign requests for OpenSearch at AWS, managed or serverless, with the credentials of AWS's own tools.",
    ),
    click.option("--aws-region", metavar="NAME", help="Its region. Default: the URL's, else that of AWS's tools."),
    click.option("--insecure", is_flag=True, help="Do not verify the cluster's certificate. For trying only."),
)
_SETTINGS = ("url", "user", "ca_certs", "client_cert", "client_key", "aws_service", "aws_region")


@dataclass(frozen=True)
class Connection:
    """The cluster that a command is to use."""

    settings: "Settings"
    """Of the options, the environment and the profile together."""
    profile: str | None = None
    """The one that --profile names."""
    insecure: bool = False

    @property
    def named(self) -> bool:
        """Return whether anything names a cluster."""
        return self.settings.url is not None

    def to(self, url: str) -> "Connection":
        """Return the same with another address."""
        return replace(self, settings=replace(self.settings, url=url))


def cluster_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of a connection; the command gets all of them as one `connection`."""

    @wraps(command)
    def connected(*, profile: str | None, insecure: bool, **options: object) -> None:
        from csplade.integration.profiles import settle
        from csplade.integration.settings import Settings

        given: dict[str, Any] = {name: options.pop(name) for name in _SETTINGS}  # Any: click checks their types
        settings = settle(Settings(**given), profile, os.environ)
        command(connection=Connection(settings, profile, insecure), **options)

    for option in reversed(_OPTIONS):
        connected = option(connected)
    return connected


def open_cluster(connection: Connection) -> "OpenSearch":
    """Return a client for the cluster that is named, else for the local node.

    Raises:
        UsageError: the URL, the credentials or a file of certificates cannot be used.
        MissingExtraError: requests are to be signed for AWS, and botocore is not installed.
        NodeError: nothing names a cluster, and a local node's note cannot be read.
    """
    from csplade.integration.client import connect
    from csplade.integration.settings import access_of

    url = cluster_url(connection)
    access = access_of(connection.settings, os.environ, verify=not connection.insecure)
    if access.user and connection.settings.password is None and sys.stdin.isatty() and sys.stderr.isatty():
        access = replace(access, password=click.prompt(f"Password of {access.user}", hide_input=True, err=True))
    if connection.insecure:
        _quiet_urllib3()
    return connect(url, access)


def cluster_url(connection: Connection) -> str:
    """Return the addresses of the cluster that is named, else of the local node.

    Raises:
        NodeError: nothing names a cluster, and a local node's note cannot be read.
        UsageError: nothing names a cluster, and several local nodes run, none of them where one does by default.
    """
    return connection.settings.url or _local_url()


def _quiet_urllib3() -> None:
    """Leave it to the client to tell, once, that certificates are not verified."""
    from urllib3 import disable_warnings
    from urllib3.exceptions import InsecureRequestWarning

    disable_warnings(InsecureRequestWarning)


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
    if len(urls) > 1 and LOCAL_URL not in urls:
        raise UsageError(f"several local nodes run ({', '.join(urls)}): name one with --url")
    if len(urls) > 1:
        notice(f"{len(urls)} local nodes run ({', '.join(urls)}): asking {LOCAL_URL}; --url names another.")
    return urls[0] if len(urls) == 1 else LOCAL_URL
