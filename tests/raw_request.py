"""One request to a cluster with all that is sent of it, and short ways to write the usual ones."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import orjson

JSON = "application/json"
NDJSON = "application/x-ndjson"


@dataclass(frozen=True)
class Request:
    """One request; the body is sent as it is."""

    method: str
    target: str
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    chunks: tuple[bytes, ...] | None = None
    """The body in chunks, instead."""
    by_nature: bool = False
    """The answer differs from call to call: only its status, its headers and the names in it are compared."""

    def raw(self) -> bytes:
        """Return it as it is sent."""
        headers = {"Host": "cluster.example", **self.headers}
        if self.chunks is not None:
            headers["Transfer-Encoding"] = "chunked"
        elif self.body:
            headers.setdefault("Content-Length", str(len(self.body)))
        lines = [f"{self.method} {self.target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        head = "\r\n".join([*lines, "", ""]).encode()
        if self.chunks is None:
            return head + self.body
        return head + b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in (*self.chunks, b""))


def sent(method: str, target: str, value: object, **headers: str) -> Request:
    """Return a request with a JSON body."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Request(method, target, orjson.dumps(value), {"Content-Type": JSON, **named})


def plain(method: str, *targets: str, by_nature: bool = False) -> Iterator[Request]:
    """Yield a request without a body for each target."""
    yield from (Request(method, target, by_nature=by_nature) for target in targets)


def lines(*values: object) -> bytes:
    """Return values as lines of JSON."""
    return b"".join(orjson.dumps(value) + b"\n" for value in values)


def in_lines(method: str, target: str, *values: object) -> Request:
    """Return a request with a body of lines of JSON."""
    return Request(method, target, lines(*values), {"Content-Type": NDJSON})
