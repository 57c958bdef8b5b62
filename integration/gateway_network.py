"""One connection to a node of the cluster: HTTP/1.1 as h11 reads and writes it, over asyncio's streams.

A call of the system that sends costs more than all else about a small request. So a request's head waits for the first
part of its body; and whether an idle connection is still good is known without asking the system.
"""

import asyncio
import ssl
import time
from collections.abc import AsyncIterable, AsyncIterator

import h11
from csplade.integration.gateway_refusals import Headers

_LARGEST_HEAD = 100 * 1024
_AT_ONCE = 2**16
_IDLE_SECONDS = 55.0

Body = AsyncIterable[bytes] | bytes | None


class BrokenConnection(Exception):
    """The other side breaks off, or says what no server says."""


class NothingTaken(Exception):
    """The other side does not take a request in time."""


class _Reader(asyncio.StreamReader):
    """A reader that knows how much of what has arrived nobody has read yet."""

    unread = 0

    def feed_data(self, data: bytes) -> None:  # type: ignore[override]  # what arrives is bytes
        """Take what has arrived."""
        self.unread += len(data)
        super().feed_data(data)


class Connection:
    """Takes one request after the other; whoever sent one reads its answer, or closes it."""

    def __init__(self, reader: _Reader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._http = h11.Connection(h11.CLIENT, _LARGEST_HEAD)
        self._good_until = 0.0

    @property
    def good(self) -> bool:
        """Return whether another request may follow: nobody has closed it, or sent what was not asked for."""
        reader = self._reader
        quiet = not reader.unread and not reader.at_eof() and reader.exception() is None
        return quiet and time.monotonic() < self._good_until

    async def send(self, method: str, target: bytes, headers: Headers, body: Body, patience: float) -> h11.Response:
        """Send a request, and return the head of its answer; each part has to be taken within `patience` seconds.

        Whatever the body raises is raised.

        Raises:
            BrokenConnection: there is no answer.
            NothingTaken: the request is not taken in time.
            h11.LocalProtocolError: it is none that could be sent.
        """
        held = self._http.send(h11.Request(method=method, target=target, headers=headers)) or b""
        if isinstance(body, bytes):
            held += self._http.send(h11.Data(data=body)) or b""
        elif body is not None:
            async for piece in body:
                await self._write(held + (self._http.send(h11.Data(data=piece)) or b""), patience)
                held = b""
        await self._write(held + (self._http.send(h11.EndOfMessage()) or b""), patience)
        return await self._head()

    async def pieces(self) -> AsyncIterator[bytes]:
        """Give the answer's body as it arrives.

        Raises:
            BrokenConnection: it does not come to its end.
        """
        event = await self._event()
        while isinstance(event, h11.Data):
            # Whether it was the last one is known before it is given on.
            following = self._arrived()
            yield bytes(event.data)
            event = following or await self._event()

    @property
    def ended(self) -> bool:
        """Return whether all of the answer has arrived, and been given or is about to be."""
        return self._http.their_state in (h11.DONE, h11.MUST_CLOSE)

    def finish(self) -> bool:
        """End an exchange; return whether another request may follow, else it is closed."""
        if self._http.our_state is not h11.DONE or self._http.their_state is not h11.DONE:
            self.close()
            return False
        self._http.start_next_cycle()
        self._good_until = time.monotonic() + _IDLE_SECONDS
        return True

    def close(self) -> None:
        """Close at once; nobody waits for farewells."""
        self._writer.transport.abort()

    async def _head(self) -> h11.Response:
        while not isinstance(event := await self._event(), h11.Response):
            if not isinstance(event, h11.InformationalResponse) or event.status_code == 101:
                raise BrokenConnection("it speaks another protocol than was asked for")
        return event

    async def _event(self) -> h11.Event | type[h11.PAUSED]:
        while True:
            try:
                event = self._http.next_event()
            except h11.RemoteProtocolError as error:
                raise BrokenConnection(str(error)) from error
            if not isinstance(event, type) or event is h11.PAUSED:
                return event
            self._http.receive_data(await self._read())

    def _arrived(self) -> h11.Event | None:
        """Return the next event if it is here already; what is wrong with it is told to who waits for it."""
        try:
            event = self._http.next_event()
        except h11.RemoteProtocolError:
            return None
        return None if isinstance(event, type) else event

    async def _read(self) -> bytes:
        try:
            piece = await self._reader.read(_AT_ONCE)
        except OSError as error:
            raise BrokenConnection(str(error)) from error
        if not piece and self._http.their_state is h11.SEND_RESPONSE:
            raise BrokenConnection("it closes the connection without an answer")
        self._reader.unread -= len(piece)
        return piece

    async def _write(self, data: bytes, patience: float) -> None:
        try:
            self._writer.write(data)
            if not self._writer.transport.get_write_buffer_size():
                return
            async with asyncio.timeout(patience):
                await self._writer.drain()
        except TimeoutError as error:
            raise NothingTaken("nothing is taken") from error
        except OSError:
            # Who closes early may have answered before.
            return


async def open_connection(host: str, port: int, context: ssl.SSLContext | None, patience: float) -> Connection:
    """Return a connection that is ready, TLS included if there is a context.

    Raises:
        ConnectionError: it cannot be made within `patience` seconds.
    """
    loop = asyncio.get_running_loop()
    reader = _Reader(_AT_ONCE, loop)
    protocol = asyncio.StreamReaderProtocol(reader)
    try:
        async with asyncio.timeout(patience):
            transport, _ = await loop.create_connection(lambda: protocol, host, port, ssl=context)
    except TimeoutError as error:
        raise ConnectionError(f"no connection within {patience:g} s") from error
    except OSError as error:
        raise ConnectionError(str(error)) from error
    return Connection(reader, asyncio.StreamWriter(transport, protocol, reader, loop))
