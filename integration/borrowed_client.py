"""A client that somebody else made, used with our errors: opensearch-py's own, for threads or for an event loop.

Requests go out by the owner's transport, with its addresses, credentials, retries and limits; nothing of the owner's
client is changed.
"""

import asyncio
import concurrent.futures
import threading
from collections.abc import Callable, Collection, Coroutine, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import opensearchpy
import urllib3
from csplade.integration.transport_errors import translated
from opensearchpy import OpenSearch
from opensearchpy import exceptions as lower

if TYPE_CHECKING:
    from opensearchpy import AsyncOpenSearch

_Send = Callable[..., object]
_Result = TypeVar("_Result")


def borrowed(client: OpenSearch) -> OpenSearch:
    """Return a client that sends by the transport of this one and raises our errors.

    Raises:
        TypeError: that is no client of opensearch-py, or one for an event loop.
    """
    if not isinstance(client, OpenSearch):
        raise TypeError(f"{type(client).__name__} is no OpenSearch client: give one of opensearchpy, or of `connect`")
    if isinstance(client.transport, _Borrowed):
        return client
    return _client(client.transport, client.transport.perform_request)


class Bridge:
    """Lets code in threads use a client of an event loop; its requests run there, and end when it is cut.

    Made within the loop.
    """

    def __init__(self, client: "AsyncOpenSearch") -> None:
        self._loop = asyncio.get_running_loop()
        self._perform: Callable[..., Coroutine[Any, Any, object]] = client.transport.perform_request
        self._lock = threading.Lock()
        self._flying: set[concurrent.futures.Future[Any]] = set()  # Any: what the cluster answers
        self._is_cut = False
        self.client = _client(client.transport, self._send)

    def run(self, coroutine: Coroutine[Any, Any, _Result]) -> _Result:  # Any: what asyncio sends it
        """Wait, in a thread, for a coroutine that the loop runs.

        Raises:
            CancelledError: the bridge is cut.
        """
        with self._lock:
            if self._is_cut:
                coroutine.close()
                raise concurrent.futures.CancelledError
            future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
            self._flying.add(future)
        try:
            return future.result()
        finally:
            with self._lock:
                self._flying.discard(future)

    def cut(self) -> None:
        """Cancel what is on its way, and let nothing more out."""
        with self._lock:
            self._is_cut = True
            flying = tuple(self._flying)
        for future in flying:
            future.cancel()

    def _send(self, *args: object) -> object:
        return self.run(self._perform(*args))


class _Borrowed(opensearchpy.Transport):
    """Sends by a function, and has our errors instead of opensearch-py's."""

    def __init__(self, owner: opensearchpy.Transport, send: _Send) -> None:
        super().__init__([], serializer=owner.serializer)
        self._send = send
        self.addresses = ",".join(_address({**owner.kwargs, **host}) for host in owner.hosts)
        """Without credentials."""

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
            return self._send(method, url, params, body, timeout, ignore, headers)
        except (lower.OpenSearchException, lower.ImproperlyConfigured, urllib3.exceptions.HTTPError) as error:
            raise translated(error, self.addresses) from error


def _client(owner: opensearchpy.Transport, send: _Send) -> OpenSearch:
    def transport(_hosts: object) -> opensearchpy.Transport:
        return _Borrowed(owner, send)

    # opensearch-py calls whatever it is given for the class of its transport.
    return OpenSearch(transport_class=transport)  # type: ignore[arg-type]


def _address(host: Mapping[str, object]) -> str:
    scheme = "https" if host.get("use_ssl") or host.get("scheme") == "https" else "http"
    return f"{scheme}://{host.get('host', 'localhost')}:{host.get('port', 9200)}{host.get('url_prefix', '')}"
