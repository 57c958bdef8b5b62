"""Requests made by chance, well and ill, each with a name that nobody else has; and a server that tells what it gets.

The server stands in the cluster's place because a real one would obey some of these requests, and because it takes
nothing that two readers could understand differently: what it does not take is written down.
"""

import gzip
import re
import socket
import zlib
from contextlib import AbstractContextManager, suppress
from random import Random
from typing import BinaryIO

import orjson
from csplade.tests.raw_upstream import Listening, listening
from csplade.tests.rewrite_bodies import make_body
from csplade.tests.rewrite_index import mapping

NAME = re.compile(rb"own[0-9a-f]{16}")
_HEAD = re.compile(rb"([!#$%&'*+.^_`|~\w-]+) (/[^ \r\n]*) HTTP/1\.1\r\n((?:[!#$%&'*+.^_`|~\w-]+:[^\r\n\0]*\r\n)*)\r\n")
_METHODS = (
    b"GET",
    b"GET",
    b"POST",
    b"POST",
    b"POST",
    b"PUT",
    b"DELETE",
    b"OPTIONS",
    b"PATCH",
    b"TRACE",
    b"get",
    b"A.B",
)
_ENDS = (
    *(b"/_search", b"/_search", b"/_msearch", b"/_count", b"/_bulk", b"/_doc/1", b"/_search/template", b"/_explain/1"),
    *(b"/_update/1", b"/_update/1", b"/_search/template", b"/_msearch/template", b"/_msearch/template", b"/_mget"),
    *(b"/_mget", b"/_source/1"),
    # With a type of documents, which only Elasticsearch 7 knows.
    *(b"/_doc/_search", b"/_doc/_bulk", b"/_doc/1/_update", b"/_doc/1/_explain", b"/t/1", b"/_doc/_validate/query"),
    *(
        b"",
        b"/",
        b"//_search",
        b"/../_all",
        b"/%2e%2e/a",
        b"/%00",
        b"/%ff%fe",
        b"/_search;a=b",
        b"/\xc3\xa9",
        b"/_doc/%2F",
    ),
)
_PARAMS = (
    *(
        b"",
        b"",
        b"?",
        b"?q=fresh+bread",
        b"?q=%22",
        b"?q=a;b",
        b"?source=%7B%7D",
        b"?source=%5B%5B&source_content_type=a",
    ),
    *(b"?size=1&size=2", b"?sort=year:desc", b"?scroll=1m", b"?filter_path=took", b"?a#b", b"?" + b"&" * 50, b"?%zz=1"),
)
_HEADERS = (
    *(b"accept: */*", b"accept: application/cbor", b"accept-encoding: gzip", b"x-opaque-id: a\xe9", b"cookie: a=b"),
    *(
        b"connection: keep-alive",
        b"connection: x-a, te",
        b"te: trailers",
        b"expect: 100-continue",
        b"x-a: " + b"a" * 2000,
    ),
    *(
        b"authorization: Basic YTpi",
        b"authorization: AWS4-HMAC-SHA256 a",
        b"upgrade: h2c",
        b"x-turn: shadow",
        b"via: 1.1 a",
    ),
    *(b"content-encoding: gzip", b"content-encoding: br", b"content-encoding: deflate", b"range: bytes=0-1"),
    *(
        b"content-length: 3",
        b"transfer-encoding: chunked",
        b"transfer-encoding: gzip, chunked",
        b"host: b",
        b": x",
        b"a b: c",
    ),
)
_KINDS = (
    *(b"application/json", b"application/json", b"application/json", b"application/json", b"application/x-ndjson"),
    *(b"text/plain", b"application/smile", b"*/*"),
)


def make_request(chance: Random, name: bytes) -> bytes:
    """Return the bytes of a request; two of ten are then broken somewhere."""
    target = b"/" + name + chance.choice(_ENDS) + chance.choice(_PARAMS)
    body, headers = _body(chance, name), [b"host: a", b"content-type: " + chance.choice(_KINDS)]
    headers += chance.sample(_HEADERS, chance.choice((0, 0, 0, 0, 1, 2)))
    if chance.random() < 0.15:
        body, coding = _packed(chance, body)
        headers.append(b"content-encoding: " + coding)
    framed, frame = _framed(chance, body)
    lines = [chance.choice(_METHODS) + b" " + target + b" HTTP/1.1", *headers, *frame, b"", b""]
    raw = b"\r\n".join(lines) + framed
    return _broken(chance, raw) if chance.random() < 0.2 else raw


def _body(chance: Random, name: bytes) -> bytes:
    kind = chance.randrange(12)
    if kind < 3:
        return orjson.dumps({**make_body(chance), "_name": name.decode()})
    if kind == 3:
        return b"\n".join((b"{}", orjson.dumps(make_body(chance)), b"{}", orjson.dumps(make_body(chance)), b""))
    if kind == 4:
        return b'{"index":{"_id":"%b"}}\n{"text":"fresh bread","title":"%b"}\n{"delete":{"_id":"1"}}\n' % (name, name)
    if kind == 5:
        deep = chance.choice((10, 49, 60, 5000))
        return b'{"query":' * deep + b"1" + b"}" * chance.choice((deep, deep - 1))
    if kind == 6:
        return chance.randbytes(chance.randrange(200))
    if kind == 7:
        old = chance.choice((b"", b',"csplade_terms":{"old":1}', b',"csplade_terms":null'))
        part = b'{"title":"%b","text":"fresh bread"%b}' % (name, old)
        return b'{"doc":%b,"upsert":{"text":"rye"},"doc_as_upsert":%b}' % (
            part,
            chance.choice((b"true", b"false", b"3")),
        )
    return _newer_body(kind, chance, name)


def _newer_body(kind: int, chance: Random, name: bytes) -> bytes:
    """Return a request for documents by their ids, or templates; there is nothing of other kinds."""
    if kind == 8:
        wanted = chance.choice((b'"csplade_terms"', b'["t*"]', b"false", b"3", b'{"includes":["*"]}'))
        listed = b'"docs":[{"_index":"%b","_id":"1","_source":%b},{"_id":"%b"}]' % (name, wanted, name)
        return b"{%b}" % chance.choice((listed, b'"ids":["1","%b"]' % name, listed + b',"ids":["1"]'))
    if kind in (9, 10):
        stored = b'{"id":"%b","params":{"q":"bread"}}' % name
        filled = b'{"source":"{\\"query\\":{{#toJson}}q{{/toJson}}}","params":{"q":{"match":{"text":"%b"}}}}' % name
        return stored if kind == 9 else b"\n".join((b"{}", stored, b"{}", chance.choice((stored, filled)), b""))
    return b""


def _packed(chance: Random, body: bytes) -> tuple[bytes, bytes]:
    made = chance.choice((gzip.compress(body, 1), gzip.compress(body, 1)[:-3], zlib.compress(body), body))
    return made, chance.choice((b"gzip", b"gzip", b"deflate", b"identity"))


def _framed(chance: Random, body: bytes) -> tuple[bytes, list[bytes]]:
    kind = chance.randrange(10)
    if kind < 6:
        return body, [b"content-length: %d" % len(body)] if body or kind < 3 else []
    if kind < 9:
        half = len(body) // 2
        parts = [part for part in (body[:half], body[half:]) if part]
        chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)
        return chunks + b"0\r\n\r\n", [b"transfer-encoding: chunked"]
    return body, [b"content-length: %d" % chance.choice((0, len(body) + 7, max(0, len(body) - 3), 10**12))]


def _broken(chance: Random, raw: bytes) -> bytes:
    place = chance.randrange(len(raw))
    some = chance.choice((b"\0", b"\n", b"\r\n", b" ", b"\t", b":", b"\xff", b"0", b"\r\n\r\n", chance.randbytes(3)))
    kind = chance.randrange(4)
    if kind == 0:
        return raw[:place] + some + raw[place:]
    if kind == 1:
        return raw[:place] + some + raw[place + len(some) :]
    return raw[:place] if kind == 2 else raw[:place] + raw[place + chance.randrange(1, 9) :]


class Witness(Listening):
    """Answers each request with the names in it, and keeps those that are no proper request."""

    def __init__(self) -> None:
        super().__init__(backlog=256)
        self.improper: list[bytes] = []
        self.seen = 0

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(ConnectionError), connection.makefile("rb") as file:
            while head := _read_head(file):
                found = _HEAD.fullmatch(head)
                body = None if found is None else _read_body(file, found[3])
                if found is None or body is None:
                    # A caller who leaves in the middle lets the gateway leave here, too.
                    if found is None:
                        self.improper.append(head)
                    return
                self.seen += 1
                connection.sendall(_told(found, head + body))


def _told(found: re.Match[bytes], request: bytes) -> bytes:
    names = sorted({name.decode() for name in NAME.findall(request)})
    if found[2].startswith(b"/_resolve/index/"):
        told: dict[str, object] = {"indices": [{"name": names[0] if names else "a"}], "aliases": [], "data_streams": []}
    elif found[2] == b"/_render/template":
        told = {"template_output": {"query": {"match": {"text": "fresh bread"}}, "_name": " ".join(names)}}
    elif b"/_mapping" in found[2]:
        told = {names[0] if names else "a": {"mappings": mapping()}}
    else:
        told = {"took": 1, "_shards": {"failed": 0}, "names": names, "hits": {"hits": []}}
    body = orjson.dumps(told)
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body)
    return head if found[1] == b"HEAD" else head + body


def _read_head(file: BinaryIO) -> bytes:
    lines = []
    while line := file.readline(65536):
        lines.append(line)
        if line in (b"\r\n", b"\n"):
            break
    return b"".join(lines)


def _read_body(file: BinaryIO, headers: bytes) -> bytes | None:
    lengths = re.findall(rb"(?i)^content-length:[ \t]*(.*?)[ \t]*\r$", headers, re.MULTILINE)
    chunked = re.findall(rb"(?i)^transfer-encoding:[ \t]*(.*?)[ \t]*\r$", headers, re.MULTILINE)
    if lengths and chunked:
        return None
    if lengths:
        body: bytes = file.read(int(lengths[0]))
        return body if len(body) == int(lengths[0]) else None
    body = b""
    while chunked:
        size = int(file.readline().strip() or b"-1", 16)
        if size < 0:
            return None
        body += file.read(size)
        file.readline()
        if size == 0:
            break
    return body


def witness() -> AbstractContextManager[Witness]:
    """Run one in threads."""
    return listening(Witness())
