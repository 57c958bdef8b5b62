"""The connection to a cluster: addresses and credentials come in, an opensearch-py client goes out.

Every request of that client passes through `_Transport`, which turns whatever opensearch-py or urllib3 raise into our
error tree. So no error of a lower layer reaches a caller, and no credential is part of a message.
"""

import logging
import threading
from collections.abc import Collection, Mapping
from typing import Protocol, cast
from urllib.parse import quote, urlencode

import opensearchpy
import urllib3
from csplade.integration.access import Access, authorization, kinds_of, of_address
from csplade.integration.addresses import Address, guarded, parse_addresses
from csplade.integration.ports import DEFAULT_PORT
from csplade.integration.signing import open_signer
from csplade.integration.transport_errors import translated
from csplade.integration.trust import check_certificate, tls_context
from opensearchpy import OpenSearch
from opensearchpy import exceptions as lower

__all__ = ["LOCAL_URL", "Access", "address", "connect"]

LOCAL_URL = f"http://127.0.0.1:{DEFAULT_PORT}"
"""Where `csplade node start` listens unless told otherwise."""

_CONNECT_SECONDS = 5.0
_READ_SECONDS = 60.0
# A node that fails is left out for so long, twice as long with each further failure in a row, up to 80 s: a node that
# restarts is back soon, and one that is gone costs one refused connection, or 5 s, now and then.
_LEFT_OUT_SECONDS = 10
_DOUBLINGS = 3
# Of requests at once to one address, so many keep their connection; more would make a new one each time.
_KEPT_OPEN = 16

# Requests that fail are told through our errors; without a handler Python would also print the lower layer's log line.
logging.getLogger("opensearch").addHandler(logging.NullHandler())

_NOBODY = Access()


def connect(url: str, access: Access = _NOBODY) -> OpenSearch:
    """Return a client for the cluster at `url`, without talking to it yet.

    Several addresses of one cluster stand with commas between them. They take turns; a request that meets no answer at
    one goes to the next, and that one is left out for a while; so is one that does not answer in time.

    Credentials leave this machine in the clear only where the URL says http:// itself, and then with a warning in the
    log; a URL without a scheme means https where there are credentials.

    Raises:
        UsageError: the URL, the credentials or a file of certificates cannot be used.
        MissingExtraError: requests are to be signed for AWS, and botocore is not installed.
    """
    addresses = parse_addresses(url)
    access = of_address(access, addresses)
    if kinds_of(access):
        addresses = tuple(map(guarded, addresses))
    secure = any(address.secure for address in addresses)
    check_certificate(access, secure)
    header = authorization(access)
    context = tls_context(access) if secure else None
    # The header stands outside `hosts`, which the client shows in its repr.
    return OpenSearch(
        hosts=[_host(address, context if address.secure else None) for address in addresses],
        headers={} if header is None else {"authorization": header},
        http_auth=open_signer(access, addresses),
        transport_class=_Transport,
        connection_class=_Connection,
        # Each address once, and one more try, which with a single one covers a kept-alive connection that the server
        # has closed; waiting is the caller's decision.
        max_retries=len(addresses),
        retry_on_status=(),
        pool_maxsize=_KEPT_OPEN,
        dead_timeout=_LEFT_OUT_SECONDS,
        timeout_cutoff=_DOUBLINGS,
    )


def address(client: OpenSearch) -> str:
    """Return the addresses of the client's cluster, with commas between them and without credentials."""
    return cast(_Addressed, client.transport).addresses


class _Addressed(Protocol):
    """A transport that knows where its cluster is."""

    @property
    def addresses(self) -> str: ...


class _Transport(opensearchpy.Transport):
    """opensearch-py's transport, with our errors instead of its own."""

    # Of each thread: whom it asks.
    _asked = threading.local()

    @property
    def addresses(self) -> str:
        """Return where its cluster is, without credentials."""
        # As they were given: the pool's list of connections holds only those that live, in an order of its own.
        return ",".join(f"{given.host}{given.url_prefix}" for given, _ in self.connection_pool.connection_opts)

    def get_connection(self) -> opensearchpy.Connection:
        """Return the connection whose turn it is."""
        connection: opensearchpy.Connection = super().get_connection()
        self._asked.connection = connection
        return connection

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
        except lower.ConnectionTimeout as error:
            # Not sent elsewhere, as it may be the request that takes so long; but the next goes to others first.
            self.mark_dead(self._asked.connection)
            raise translated(error, self.addresses) from error
        except (lower.OpenSearchException, lower.ImproperlyConfigured, urllib3.exceptions.HTTPError) as error:
            raise translated(error, self.addresses) from error


class _Connection(opensearchpy.Urllib3HttpConnection):
    """opensearch-py's connection to one address; its parameters are written in the form that signatures need."""

    def perform_request(
        self,
        method: str,
        url: str,
        params: Mapping[str, object] | None = None,
        body: bytes | None = None,
        timeout: int | float | None = None,
        ignore: Collection[int] = (),
        headers: Mapping[str, str] | None = None,
    ) -> object:
        # A space is %20: who checks a signature takes + for itself.
        whole = f"{url}?{urlencode(params, quote_via=quote)}" if params else url
        return super().perform_request(method, whole, None, body, timeout, ignore, headers)


def _host(address: Address, context: object) -> dict[str, object]:
    return {
        "host": address.host,
        "port": address.open_port,
        "url_prefix": address.path,
        "use_ssl": address.secure,
        "timeout": urllib3.Timeout(connect=_CONNECT_SECONDS, read=_READ_SECONDS),
        **({} if context is None else {"ssl_context": context}),
    }
