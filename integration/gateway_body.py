"""Looks over a body while it streams through: its size, also decompressed, and how deeply its JSON is nested; pure.

The body itself is passed on untouched.
"""

import re
import zlib
from collections.abc import Iterator
from urllib.parse import unquote_to_bytes

from csplade.integration.gateway_config import MEGABYTE, Limits
from csplade.integration.gateway_depth import Depth, openings
from csplade.integration.gateway_headers import Framing
from csplade.integration.gateway_refusals import Headers, Reason, Refusal

_PIECE = MEGABYTE
_GZIP, _ZLIB, _RAW = 31, 15, -15
_NOT_LOOKED_AT = (b"cbor", b"smile", b"yaml")
# Clusters take a semicolon between parameters too; what follows it can only make a value deeper.
_PARAMETER = re.compile(rb"(?:^|[&;])([^&;=]*)=(?=([^&]*))")


class BodyGuard:
    """Checks one body, piece by piece.

    Raises:
        Refusal: its length is above the limit, or it is compressed in a way that cannot be looked into.
    """

    def __init__(self, headers: Headers, frame: Framing, limits: Limits) -> None:
        self._limits = limits
        self._frame = frame
        self._seen = self._unpacked = 0
        if (frame.length or 0) > limits.body:
            raise self._too_large("")
        self._coding = _coding(headers)
        self._inflater: zlib._Decompress | None = None
        # Clusters take more names for JSON than one would think, such as application/*, in letters of any case.
        said = b"".join(value for name, value in headers if name == b"content-type")
        kind = said.partition(b";")[0].strip().lower()
        self._depth = None if kind.endswith(_NOT_LOOKED_AT) else Depth()

    def feed(self, piece: bytes) -> Iterator[None]:
        """Look at the next piece; give back control now and then where it holds much.

        Raises:
            Refusal: there is too much of it, it lies too deep, it cannot be decompressed, or is not JSON in UTF-8.
        """
        self._seen += len(piece)
        if self._seen > self._limits.body:
            raise self._too_large("")
        if self._coding is None:
            self._look(piece, whole=len(piece) == self._frame.length)
            return
        for part in self._inflated(piece):
            self._unpacked += len(part)
            if self._unpacked > self._limits.body:
                raise self._too_large(" once it is decompressed")
            self._look(part, whole=False)
            yield

    def finish(self) -> None:
        """Look at the end.

        Raises:
            Refusal: something compressed ends before its end.
        """
        if self._inflater is not None and not self._inflater.eof:
            raise self._broken("it ends too early")

    def _look(self, part: bytes, whole: bool) -> None:
        if self._depth is None or (whole and openings(part) <= self._limits.depth and 0 not in part):
            return
        _check_json("body", part, self._depth, self._limits.depth)

    def _inflated(self, piece: bytes) -> Iterator[bytes]:
        while piece:
            if self._inflater is None or self._inflater.eof:
                self._inflater = zlib.decompressobj(self._window(piece))
            try:
                yield self._inflater.decompress(piece, _PIECE)
            except zlib.error as error:
                raise self._broken("it cannot be decompressed") from error
            # A second part may follow the first, with its own beginning.
            piece = self._inflater.unconsumed_tail or self._inflater.unused_data

    def _window(self, piece: bytes) -> int:
        if self._coding == b"gzip":
            return _GZIP
        # Some send deflate without the frame that it should have.
        return _ZLIB if piece[0] & 0x0F == 8 else _RAW

    def _too_large(self, when: str) -> Refusal:
        size = self._limits.body / MEGABYTE
        return Refusal(
            413,
            Reason.BODY_TOO_LARGE,
            f"the body is larger than {size:g} MB{when}: send it in parts, or raise the gateway's --max-body",
        )

    def _broken(self, how: str) -> Refusal:
        coding = (self._coding or b"").decode()
        return Refusal(400, Reason.BAD_ENCODING, f"the body is no {coding} as its Content-Encoding says: {how}")


def check_source(query: bytes, limits: Limits) -> None:
    """Check the body that a request has in its parameters, if it has one.

    Raises:
        Refusal: it lies too deep, or is not JSON in UTF-8.
    """
    for name, value in _PARAMETER.findall(query):
        if unquote_to_bytes(name) == b"source":
            _check_json("parameter source", unquote_to_bytes(value), Depth(), limits.depth)


def _check_json(what: str, part: bytes, depth: Depth, deepest: int) -> None:
    if 0 in part:
        # In UTF-16, UTF-32 and the cluster's own packing, which all have some, brackets and quotes are others.
        raise Refusal(400, Reason.BAD_ENCODING, f"the {what} has a zero byte, which JSON never has: send it as UTF-8")
    if depth.feed(part) > deepest:
        why = f"the {what} is nested deeper than {deepest} levels: flatten it, or raise --max-depth"
        raise Refusal(400, Reason.BODY_TOO_DEEP, why)


def _coding(headers: Headers) -> bytes | None:
    said = [value.strip().lower() for name, value in headers if name == b"content-encoding"]
    if not said or said == [b"identity"]:
        return None
    if said in ([b"gzip"], [b"x-gzip"]):
        return b"gzip"
    if said == [b"deflate"]:
        return b"deflate"
    shown = b", ".join(said).decode("latin-1")
    raise Refusal(415, Reason.BAD_ENCODING, f"the gateway looks into gzip and deflate only, not {shown!r}: send those")
