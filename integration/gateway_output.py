"""Joins what is written to a caller within one turn of the event loop, so that an answer leaves as one packet."""

import asyncio


class JoinedTransport:
    """A transport that sends at the end of the turn; all else is the transport's own."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport, self._loop = transport, loop
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
        self.flush()
        self._transport.close()

    def abort(self) -> None:
        """Close, whatever there still is to send."""
        self._parts.clear()
        self._transport.abort()
