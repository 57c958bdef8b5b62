"""Requests in unusual forms: spellings of targets, headers, ways to send a body, and what is refused."""

import gzip
from collections.abc import Iterator

from csplade.tests.raw_request import JSON, NDJSON, Request, sent


def spellings(index: str) -> Iterator[Request]:
    for target in (
        f"/{index}/_search?q=title:bread&pretty",
        f"/{index}/_search?q=title%3Abread&pretty=false",
        f"/{index}/_search?q=br%C3%BBl%C3%A9e",
        f"/{index}/_search?q=a+b&q=c%20d",
        f"/{index}/_search?&&size=1&",
        f"/{index}/_search?size=1&filter_path=hits.total,hits.hits._id",
        f"/{index}/_search?source=%7B%22size%22%3A1%7D&source_content_type=application/json",
        f"/{index}/_search?unknown=1",
        f"/{index}/_search?size=many",
        f"/{index}/_search?q=%",
        f"/{index}/_search/",
        f"//{index}/_search",
        f"/{index}//_search",
        f"/./{index}/_search",
        f"/{index}/../_cluster/health",
        f"/%2e%2e/{index}",
        f"/{index};a=b/_search",
        f"/{index},{index}-none/_search?ignore_unavailable=true",
        f"/{index[:-3]}*/_search?size=0",
        "/%3Clogs-%7Bnow%2Fd%7D%3E/_search?ignore_unavailable=true",
        "/_nothing",
        "/_csplad",
        "/" + "a" * 3000,
    ):
        yield Request("GET", target)
    yield Request("GET", f"/{index}/_search?error_trace=true&size=many", by_nature=True)
    for method in ("OPTIONS", "PATCH", "DELETE"):
        yield Request(method, f"/{index}/_search")


def forms(index: str) -> Iterator[Request]:
    body = b'{"query":{"match":{"text":"bread"}}}'
    for name, value in (
        ("Accept", "application/yaml"),
        ("Accept", "application/cbor"),
        ("Accept", "application/smile"),
        ("Accept", "text/nothing"),
        ("Accept-Encoding", "gzip"),
        ("Accept-Encoding", "deflate"),
        ("Accept-Encoding", "br, gzip;q=0.5"),
        ("X-Opaque-Id", "somebody-17"),
        ("Authorization", "Basic eDp5"),
        ("Cookie", "a=b; c=d"),
        ("Origin", "https://elsewhere.example"),
        ("X-Forwarded-For", "10.1.2.3"),
        ("User-Agent", "a caller/1.0 (tests)"),
        ("If-None-Match", '"etag"'),
        ("Range", "bytes=0-9"),
        ("Expect", "100-continue"),
        ("x-ODD-case", "  spaces around  "),
        ("Upgrade", "h2c"),
    ):
        # Without what differs from call to call, so that compressed and binary answers are the same too.
        yield Request("POST", f"/{index}/_search?filter_path=hits", body, {"Content-Type": JSON, name: value})
    for kind in ("application/json; charset=UTF-8", "application/yaml", "text/plain", "nonsense", "application/cbor"):
        yield Request("POST", f"/{index}/_search", body, {"Content-Type": kind})
    yield Request("POST", f"/{index}/_search", body)
    packed = {"Content-Type": JSON, "Content-Encoding": "gzip"}
    yield Request("POST", f"/{index}/_search", gzip.compress(body, mtime=0), packed)
    yield Request(
        "POST",
        f"/{index}/_search?filter_path=hits",
        gzip.compress(body, mtime=0),
        {**packed, "Accept-Encoding": "gzip"},
    )
    yield Request(
        "POST",
        f"/{index}/_search",
        headers={"Content-Type": JSON},
        chunks=tuple(body[n : n + 1] for n in range(len(body))),
    )
    yield Request("GET", f"/{index}/_search", headers={"Content-Type": JSON}, chunks=(body,))
    yield Request("GET", f"/{index}/_search", b"---\nquery:\n  match_all: {}\n", {"Content-Type": "application/yaml"})
    yield Request("GET", f"/{index}/_search?format=yaml")


def refused(index: str) -> Iterator[Request]:
    for body in (
        b"{",
        b"[]",
        b"nonsense",
        b'{"query":',
        b'{"a":1}{"b":2}',
        b"\xff\xfe",
        b"null",
        b'{"size":1,"size":2}',
    ):
        yield Request("POST", f"/{index}/_search", body, {"Content-Type": JSON})
    yield sent("PUT", "/UPPER", {})
    yield sent("PUT", "/_bad", {})
    yield sent("POST", "/_search/scroll", {})
    yield Request("POST", f"/{index}-none/_search")
    yield Request("POST", "/_msearch", b"", {"Content-Type": NDJSON, "Content-Length": "0"})
    yield Request("GET", f"/{index}/_doc")
    yield Request("PUT", f"/{index}/_doc/9", b"")
