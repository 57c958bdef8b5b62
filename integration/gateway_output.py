"""The way out to a caller: what is written within one turn of the event loop leaves as one packet, and parting ends."""

import asyncio

# With TLS a connection that is closed waits for the other side to say so too, and clients do not mind idle ones.
_FAREWELL_SECONDS = 1.0


class JoinedTransport:
    """A transport that sends at the end of the turn; all else is the transport's own.

    Once it is closed, the caller has `patience` seconds to take what there still is to send.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop, patience: float) -> None:
        self._transport, self._loop, self._patience = transport, loop, patience
        self._parts: list[bytes] = []

    def __getattr__(self, name: str) -> object:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Send soon."""
        if data:
            if not self._parts:
                self._loop.call_soon(self.flush)
            self._parts.append(data)

    def flush(self) -> None:
        """Send now."""
        if self._parts:
            parts, self._parts = self._parts, []
            self._transport.write(b"".join(parts))

    def close(self) -> None:
        """Send what there is, and close."""
        if self._transport.is_closing():
            return
        self.flush()
        self._transport.close()
        self._loop.call_later(_FAREWELL_SECONDS, self._part, self._loop.time() + self._patience)

    def abort(self) -> None:
        """Close, whatever there still is to send."""
        self._parts.clear()
        self._transport.abort()

    def _part(self, latest: float) -> None:
        """End as soon as the caller has all of its answer, or takes nothing for too long."""
        if self._transport.get_write_buffer_size() and self._loop.time() < latest:
            self._loop.call_later(_FAREWELL_SECONDS, self._part, latest)
        else:
            self._transport.abort()
