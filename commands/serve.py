"""`csplade serve`: a gateway in front of the cluster, which forwards every request byte for byte.

With --config searches and writes of the indexes that it names are rewritten, and their answers say so in `x-csplade`.

Each request becomes one line of JSON on standard error, always with these names:

    {"time": text, "method": text, "path": text, "status": number or null, "ended": "complete" | "broken" | "gone",
     "refused": reason or null, "verdict": text of x-csplade or null, "ms": number, "upstream_ms": number or null,
     "node": text or null, "bytes_in": number, "bytes_out": number, "caller": address, "opaque_id": text or null}
                                                                             and "query" with --log-queries
"""

import os
import sys
from dataclasses import replace
from functools import partial
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING

import click
from csplade.commands.connection import Connection, cluster_options, cluster_url
from csplade.commands.options import encoder_option
from csplade.commands.output import notice
from csplade.commands.rewrite import DIALECTS
from csplade.integration.gateway_config import MEGABYTE, PREFIX, GatewayOptions, Limits
from csplade.pipelines.errors import MissingExtraError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from csplade.integration.access import Access
    from csplade.integration.dialect import Dialect
    from csplade.integration.gateway_app import Weighing
    from csplade.integration.gateway_rules import GatewayRules
    from csplade.pipelines.encode import Encoder

    Server = Callable[[GatewayOptions, Callable[[str, str], None], Weighing | None], None]

_FILE = click.Path(path_type=Path, dir_okay=False)
_KILOBYTE = 2**10
_USUAL = Limits()


@click.command("serve")
@click.option("--host", default=GatewayOptions.host, show_default=True, metavar="NAME", help="Where to listen.")
@click.option(
    "--port", default=GatewayOptions.port, show_default=True, type=click.IntRange(0, 65535), help="0: any free one."
)
@click.option(
    "--workers",
    default=GatewayOptions.workers,
    show_default=True,
    type=click.IntRange(1, 64),
    help="Processes that answer.",
)
@click.option(
    "--tls-cert", default=None, type=_FILE, metavar="FILE", help="Answer with TLS, by this certificate (PEM)."
)
@click.option(
    "--tls-key", default=None, type=_FILE, metavar="FILE", help="Its key (PEM), if that is a file of its own."
)
@click.option(
    "--max-body",
    default=_USUAL.body / MEGABYTE,
    show_default=True,
    type=float,
    metavar="MB",
    help="Of a request, unpacked.",
)
@click.option(
    "--max-head",
    default=_USUAL.head / _KILOBYTE,
    show_default=True,
    type=float,
    metavar="KB",
    help="Request line and headers.",
)
@click.option(
    "--config",
    "config_file",
    default=None,
    type=_FILE,
    metavar="FILE",
    help="Rewrite as this file says (TOML or JSON). Default: rewrite nothing.",
)
@click.option(
    "--dialect",
    default=None,
    type=click.Choice(list(DIALECTS)),
    help="Kind of cluster. Default: with --config, it is asked.",
)
@encoder_option
@click.option("--max-depth", default=_USUAL.depth, show_default=True, type=int, help="Levels of JSON in a request.")
@click.option("--max-requests", default=_USUAL.requests, show_default=True, type=int, help="At once, of each worker.")
@click.option(
    "--max-connections", default=_USUAL.connections, show_default=True, type=int, help="At once, of each worker."
)
@click.option(
    "--timeout",
    default=_USUAL.whole_seconds,
    show_default=True,
    type=float,
    help="Seconds of a request and its answer.",
)
@click.option(
    "--idle-timeout",
    default=_USUAL.idle_seconds,
    show_default=True,
    type=float,
    help="Seconds in which a body must go on.",
)
@click.option(
    "--head-timeout", default=_USUAL.head_seconds, show_default=True, type=float, help="Seconds for a request's head."
)
@click.option(
    "--worker-timeout",
    default=_USUAL.worker_seconds,
    show_default=True,
    type=float,
    help="Seconds after which a worker that stands still is replaced.",
)
@click.option("--sign", is_flag=True, help="Sign requests for AWS in the gateway's own name, with --aws-service.")
@click.option("--log/--no-log", "log_requests", default=True, show_default=True, help="A line of JSON per request.")
@click.option(
    "--log-queries",
    is_flag=True,
    help="Log the parameters of URLs too, in which texts of queries may stand; never bodies.",
)
@cluster_options
def command(
    host: str,
    port: int,
    workers: int,
    tls_cert: Path | None,
    tls_key: Path | None,
    max_body: float,
    max_head: float,
    max_depth: int,
    max_requests: int,
    max_connections: int,
    timeout: float,
    idle_timeout: float,
    head_timeout: float,
    worker_timeout: float,
    sign: bool,
    log_requests: bool,
    log_queries: bool,
    config_file: Path | None,
    dialect: str | None,
    encoder_folder: Path,
    connection: Connection,
) -> None:
    """Answer in the cluster's place, and forward each request to it.

    With --config, searches of the indexes that it names are answered by term weights, and what is written into them
    gets its weights on the way.

    Requests carry their callers' own credentials; those of --profile and the environment are not used, but for --sign.

    \b
    Example:
      csplade serve --url http://127.0.0.1:9200
      csplade serve --url https://a:9200,https://b:9200 --ca-certs ca.pem --workers 4 --port 9201
      csplade serve --url http://127.0.0.1:9200 --config rewrite.toml
      csplade serve --host 0.0.0.0 --tls-cert gateway.pem --tls-key gateway.key --max-body 20 --timeout 60
    """
    serve = require_server()
    from csplade.integration.addresses import parse_addresses

    limits = Limits(
        body=_size("--max-body", max_body, MEGABYTE),
        head=_size("--max-head", max_head, _KILOBYTE),
        depth=max_depth,
        requests=max_requests,
        connections=max_connections,
        whole_seconds=timeout,
        idle_seconds=idle_timeout,
        head_seconds=head_timeout,
        worker_seconds=worker_timeout,
    )
    url = cluster_url(connection)
    options = GatewayOptions(
        upstream=parse_addresses(url),
        trust=trust_of(connection, sign),
        host=host,
        port=port,
        workers=workers,
        certificate=tls_cert,
        key=tls_key,
        limits=limits,
        log_requests=log_requests,
        log_queries=log_queries,
    )
    weighing = None
    if config_file is not None:
        asked = partial(_dialect, dialect, url, options.trust)
        weighing = _weighing(config_file, asked, encoder_folder)

    def tell(url: str, sentence: str) -> None:
        notice(sentence)
        if weighing is not None:
            tell_page(url)

    serve(options, tell, weighing)


def require_server() -> "Server":
    """Return what runs a gateway.

    Raises:
        MissingExtraError: the extra `serve` is not installed.
    """
    try:
        from csplade.integration.gateway import serve
    except ImportError as error:
        raise MissingExtraError(error.name or "uvicorn", "serve") from error
    return serve


def tell_page(url: str) -> str:
    """Say where the page is on which people compare rankings, and return its address."""
    page = f"{url}{PREFIX.decode()}/"
    notice(f"Rankings are compared at {page}")
    return page


def open_encoder(folder: Path, shared: bool = False) -> "Encoder":
    """Open an encoder for a worker, which takes one core so that workers share a machine.

    One that is not to be shared by forks runs once, so that the first search does not wait for what is done only once.
    """
    from csplade.pipelines.encode import EncodeOptions, Encoder

    encoder = Encoder.open(folder, EncodeOptions(threads=1))
    if shared:
        encoder.prepare()
    else:
        encoder.warm_up()
    return encoder


def _open_shared(folder: Path) -> "Encoder | None":
    """Open an encoder for all workers; None: it outlives no fork, as on a graphics card, or outside of Linux."""
    encoder = open_encoder(folder, shared=True) if sys.platform == "linux" else None
    return encoder if encoder is not None and encoder.runs_on[:1] == ("CPUExecutionProvider",) else None


def _weighing(path: Path, dialect: "Callable[[], Dialect]", encoder_folder: Path) -> "Weighing":
    """Return what is rewritten and by which encoder; both are looked at before the cluster is, and anything listens."""
    from csplade.integration.gateway_app import Weighing
    from csplade.pipelines.contract import check_files, read_contract

    check_files(encoder_folder, read_contract(encoder_folder))
    again = partial(_rules, path, dialect) if path.is_file() else None
    opener, sharing = partial(open_encoder, encoder_folder), partial(_open_shared, encoder_folder)
    return Weighing(_rules(path, dialect), opener, sharing, again)


def _rules(path: Path, dialect: "Callable[[], Dialect]") -> "GatewayRules":
    from csplade.integration.gateway_rules import load_rules

    rules = load_rules(path)
    return rules if rules.empty else rules.towards(dialect())


def _dialect(named: str | None, url: str, trust: "Access") -> "Dialect":
    from csplade.integration.dialect import dialect_for
    from csplade.integration.gateway_dialect import ask_dialect

    return ask_dialect(url, trust) if named is None else dialect_for(*DIALECTS[named])


def _size(option: str, amount: float, unit: int) -> int:
    """Return bytes; what is not above 0 is left to the limits."""
    if not isfinite(amount):
        raise UsageError(f"{option} is {amount}, which is no size: give a number above 0")
    return round(amount * unit)


def trust_of(connection: Connection, sign: bool = False) -> "Access":
    """Return whom a gateway trusts as the cluster, without anybody's credentials unless it is to `sign` for AWS.

    Raises:
        UsageError: the gateway would have to sign requests, or nothing says for which service.
    """
    from csplade.integration.settings import access_of

    settings = connection.settings
    if settings.aws_service is not None and not sign:
        raise UsageError(
            "a gateway signs requests for AWS only with --sign: add it, or leave out --aws-service and let callers sign"
        )
    if settings.aws_service is None and sign:
        raise UsageError("nothing says which service of AWS requests are signed for: name it with --aws-service")
    if sign:
        notice("Every caller without other credentials acts with the rights of the gateway's role at AWS.")
    if settings.client_cert is not None:
        notice(f"Every caller acts with the rights that the cluster gives the certificate {settings.client_cert}.")
    shown = replace(settings, user=None, password=None, api_key=None, bearer_token=None)
    return access_of(shown, os.environ, verify=not connection.insecure)
