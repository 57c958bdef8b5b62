"""Runs the gateway: options come in, a listening socket and worker processes go out, until a signal ends them.

The parent process holds the socket, which stays open while workers are renewed, and the encoder if they can share it.
"""

import secrets
import socket
import ssl
from collections.abc import Callable

from csplade.integration.errors import ClusterError
from csplade.integration.gateway_app import GatewayApp, Weighing
from csplade.integration.gateway_config import GatewayOptions
from csplade.integration.gateway_folder import shared_folder
from csplade.integration.gateway_protocol import GatewayProtocol
from csplade.integration.gateway_workers import Workers
from csplade.integration.signing import open_signer
from csplade.integration.trust import check_certificate, tls_context
from csplade.pipelines.errors import UsageError
from uvicorn.config import Config

_BACKLOG = 1024


def serve(options: GatewayOptions, tell: Callable[[str, str], None], weighing: Weighing | None = None) -> None:
    """Answer requests until SIGTERM or SIGINT. Nothing is rewritten without a `weighing`.

    `tell` hears its own address, and a sentence about it; workers may still be on their way then, and callers wait.

    Raises:
        UsageError: the port or a file of certificates cannot be used.
        ClusterError: the workers end by themselves.
    """
    _check(options)
    with _listen(options.host, options.port) as listener, shared_folder() as folder:
        # So that a request which comes back is known, also by another worker.
        via = f"1.1 csplade-{secrets.token_hex(4)}".encode()
        app = GatewayApp(options, folder, via, weighing)
        workers = Workers(_config(options, app), listener, app.prepare, options.limits.worker_seconds)
        tell(*_greeting(options, listener.getsockname()[1]))
        if not workers.run():
            raise ClusterError("the gateway's workers could not start: what they say is above")


def _check(options: GatewayOptions) -> None:
    """Find out before anything runs what no worker could use."""
    secure = any(address.secure for address in options.upstream)
    check_certificate(options.trust, secure)
    if secure:
        tls_context(options.trust)
    if (signer := open_signer(options.trust, options.upstream)) is not None:
        signer("GET", f"https://{options.upstream[0].host}/", None)
    if options.certificate is not None:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(options.certificate, options.key, lambda: b"")
        except OSError as error:
            files = f"{options.certificate}{f' and {options.key}' if options.key else ''}"
            raise UsageError(
                f"{files} cannot be used as certificate and key ({error.strerror or error}): name PEM files that "
                "belong together, the key not encrypted, with --tls-cert and --tls-key"
            ) from error


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, _, _, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        return socket.create_server(where[:2], family=family, backlog=_BACKLOG)
    except OSError as error:
        raise UsageError(
            f"{host} port {port} cannot be listened on ({error.strerror or error}): give others with --host and --port"
        ) from error


def _config(options: GatewayOptions, app: GatewayApp) -> Config:
    return Config(
        app,
        http=GatewayProtocol,
        ws="none",
        lifespan="on",
        interface="asgi3",
        workers=options.workers,
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        backlog=_BACKLOG,
        timeout_keep_alive=options.limits.keep_alive_seconds,
        timeout_graceful_shutdown=options.patience_seconds,
        ssl_certfile=options.certificate,
        ssl_keyfile=options.key,
    )


def _greeting(options: GatewayOptions, port: int) -> tuple[str, str]:
    scheme = "http" if options.certificate is None else "https"
    host = f"[{options.host}]" if ":" in options.host else options.host
    url = f"{scheme}://{host}:{port}"
    nodes = ", ".join(f"{address.host}:{address.open_port}" for address in options.upstream)
    return url, f"The gateway answers at {url} and forwards to {nodes}; Ctrl-C stops it."
