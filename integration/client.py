"""The connection to a cluster: an address comes in, an opensearch-py client goes out.

Every request of that client passes through `_Transport`, which turns whatever opensearch-py or urllib3 raise into our
error tree. So no error of a lower layer reaches a caller, and no credential is part of a message.
"""

import logging
import re
import ssl
from base64 import b64encode
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

import opensearchpy
import urllib3
from csplade.integration.errors import ClusterError, CredentialsError, RequestError, UnreachableError, lowest_cause
from csplade.integration.ports import DEFAULT_PORT
from csplade.pipelines.errors import UsageError
from opensearchpy import OpenSearch
from opensearchpy import exceptions as lower

LOCAL_URL = f"http://127.0.0.1:{DEFAULT_PORT}"
"""Where `csplade node start` listens unless told otherwise."""

_CONNECT_SECONDS = 5.0
_READ_SECONDS = 60.0

_UNKNOWN_ANALYZER = re.compile(r"analyzer \[[^]]*\] (has not been configured|not found)")
# The only JSON of the user's that a cluster has to parse is the filter.
_NOT_PARSED = {"parsing_exception", "x_content_parse_exception"}
_LATER = dict.fromkeys((429, 502, 503, 504), "the cluster is busy, try again later")
_STEPS = _LATER | {413: "shorten what is sent, or let the cluster and the proxies before it take larger requests"}

_logger = logging.getLogger(__name__)

# Requests that fail are told through our errors; without a handler Python would also print the lower layer's log line.
logging.getLogger("opensearch").addHandler(logging.NullHandler())


@dataclass(frozen=True)
class Access:
    """Who asks, and whom the caller trusts; credentials inside the URL win over these."""

    user: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_certs: Path | None = None
    """File of certificate authorities (PEM); none: those of the system."""


_NOBODY = Access()


def connect(url: str, access: Access = _NOBODY) -> OpenSearch:
    """Return a client for the cluster at `url`, without talking to it yet.

    Credentials leave this machine in the clear only where the URL says http:// itself, and then with a warning in the
    log; a URL without a scheme means https where there are credentials.

    Raises:
        UsageError: the URL, the credentials or the file of certificate authorities cannot be used.
    """
    parts = _split(url)
    pair = _credentials(parts, access)
    if pair is not None:
        parts = _guarded(parts, has_scheme="://" in url)
    secure = parts.scheme == "https"
    host: dict[str, object] = {
        "host": parts.hostname,
        "port": parts.port or (443 if secure else DEFAULT_PORT),
        "url_prefix": parts.path.rstrip("/"),
        "use_ssl": secure,
        "timeout": urllib3.Timeout(connect=_CONNECT_SECONDS, read=_READ_SECONDS),
    }
    if secure:
        host["ssl_context"] = _trust(access.ca_certs)
    # One more try covers a kept-alive connection that the server has closed; waiting is the caller's decision.
    # The header stands outside `hosts`, which the client shows in its repr.
    return OpenSearch(
        hosts=[host],
        headers={} if pair is None else _header(*pair),
        transport_class=_Transport,
        max_retries=1,
        retry_on_status=(),
    )


def address(client: OpenSearch) -> str:
    """Return the address of the client's cluster, without credentials."""
    return _address(client.transport)


def reason_of(detail: Mapping[str, Any]) -> str:  # Any: a JSON object
    """Return the reason in the server's description of an error, with the causes below it."""
    reasons = [str(detail.get("reason"))]
    while isinstance(detail.get("caused_by"), dict):
        detail = detail["caused_by"]
        # A cause is often quoted by the reason above it.
        if str(detail.get("reason")) not in reasons[-1]:
            reasons.append(str(detail.get("reason")))
    return ": ".join(filter(None, reasons))[:500]


def next_step(status: int, kind: str, reason: str) -> str:
    """Return what the user can do about an error of the cluster, as the end of a sentence."""
    if _UNKNOWN_ANALYZER.search(reason):
        return "choose one of the cluster's analyzers with --analyzer"
    if kind == "index_not_found_exception":
        return "correct --index"
    if kind in _NOT_PARSED:
        return "correct --filter"
    return _STEPS.get(status, "look at the cluster's log")


class _Transport(opensearchpy.Transport):
    """opensearch-py's transport, with our errors instead of its own."""

    def perform_request(
        self,
        method: str,
        url: str,
        params: Mapping[str, object] | None = None,
        body: object = None,
        timeout: int | float | None = None,
        ignore: Collection[int] = (),
        headers: Mapping[str, str] | None = None,
    ) -> object:
        try:
            return super().perform_request(method, url, params, body, timeout, ignore, headers)
        except (lower.OpenSearchException, lower.ImproperlyConfigured, urllib3.exceptions.HTTPError) as error:
            raise _translate(error, _address(self)) from error


def _translate(error: Exception, at: str) -> ClusterError:
    match error:
        case lower.SSLError():
            return UnreachableError(
                f"no trusted connection to {at} ({error.error}): check that it speaks TLS and that the name in its "
                "certificate is this one, or name its certificate authority with --ca-certs"
            )
        case lower.ConnectionTimeout():
            return UnreachableError(f"the cluster at {at} did not answer in time: look at its load, or try again")
        case lower.ConnectionError():
            return UnreachableError(
                f"no cluster answers at {at} ({lowest_cause(error)}): start one with `csplade node start`, or give "
                "--url"
            )
        case lower.AuthenticationException() | lower.AuthorizationException():
            return _refused(error, at)
        case lower.TransportError():
            kind, reason = _server_reason(error)
            status = int(error.status_code)
            step = next_step(status, kind, reason)
            return RequestError(f"the cluster at {at} answered {status} ({kind}): {reason}; {step}", status, kind)
        case _:
            return RequestError(f"what answers at {at} is not a search cluster ({error}): check --url")


def _refused(error: lower.TransportError, at: str) -> CredentialsError:
    if error.status_code == 401:
        return CredentialsError(
            f"the cluster at {at} does not accept these credentials: give user and password in CSPLADE_USER and "
            "CSPLADE_PASSWORD"
        )
    _, reason = _server_reason(error)
    return CredentialsError(f"the cluster at {at} does not let this user do that ({reason}): ask for the permission")


def _server_reason(error: lower.TransportError) -> tuple[str, str]:
    """Return the server's name of the error and its most exact reason."""
    answer = error.info if isinstance(error.info, dict) else {}
    detail = answer.get("error")
    if isinstance(detail, dict):
        return str(detail.get("type")), reason_of(detail)
    return str(error.error)[:100] or "no reason", str(detail or "no reason given")[:500]


def _address(transport: opensearchpy.Transport) -> str:
    connection = transport.connection_pool.connections[0]
    return f"{connection.host}{connection.url_prefix}"


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        # Reading the port checks it. An @ behind the host is a password with an unescaped / ? or # in it.
        behind = parts.path + parts.query + parts.fragment
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and "@" not in behind
    except ValueError:
        usable = False
    if not usable:
        raise UsageError(
            f"{_hidden(url)} is not the address of a cluster: write it like https://host:9200, and special characters "
            "of a password as %XX"
        )
    return parts


def _hidden(url: str) -> str:
    """Return the part of an unusable URL that cannot hold a password."""
    return repr(url.rpartition("@")[2])


def _credentials(parts: SplitResult, access: Access) -> tuple[str, str] | None:
    """Return user and password; an empty user is none."""
    in_url = bool(parts.username or parts.password)
    user = unquote(parts.username or "") if in_url else access.user
    password = unquote(parts.password or "") if in_url else access.password
    if user:
        return user, password or ""
    if password:
        raise UsageError("there is a password without a user: set CSPLADE_USER beside CSPLADE_PASSWORD, or unset both")
    return None


def _header(user: str, password: str) -> dict[str, str]:
    # Written here because urllib3's helper knows only Latin-1, and passwords need not be.
    return {"authorization": f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"}


def _guarded(parts: SplitResult, has_scheme: bool) -> SplitResult:
    """Return the address that credentials are sent to: with TLS, unless it is this machine or the user wants none."""
    if parts.scheme == "https" or _is_this_machine(parts.hostname or ""):
        return parts
    if not has_scheme:
        return parts._replace(scheme="https")
    _logger.warning("User and password are sent unencrypted to %s: write https:// if it speaks TLS.", parts.hostname)
    return parts


def _is_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _trust(ca_certs: Path | None) -> ssl.SSLContext:
    """Return whom to trust: the authorities in the file, else the system's (or SSL_CERT_FILE's)."""
    if ca_certs is not None and not ca_certs.is_file():
        raise UsageError(f"there is no file of certificate authorities {ca_certs}: correct --ca-certs")
    try:
        return ssl.create_default_context(cafile=ca_certs)
    except OSError as error:
        raise UsageError(
            f"{ca_certs} gives no certificate authorities ({error.strerror or error}): name a PEM file with --ca-certs"
        ) from error
