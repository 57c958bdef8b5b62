"""Who asks, as far as what a caller may see depends on it: told by all headers but those that are known to be harmless.

Clusters are told of callers in headers that nobody here can know: of proxies, of tokens, of tenants. One that is taken
for an identity, though it is none, costs a question; one that is overlooked gives a caller what only another may see.
"""

import hashlib
from collections.abc import Collection

from csplade.integration.gateway_refusals import Headers

# About the form of a request or its answer, the program that asks, or the way that it came.
_HARMLESS = frozenset(
    (
        *(b"accept", b"accept-charset", b"accept-encoding", b"accept-language", b"cache-control", b"pragma", b"date"),
        *(b"content-encoding", b"content-length", b"content-type", b"expect", b"host", b"transfer-encoding"),
        *(b"connection", b"keep-alive", b"te", b"trailer", b"upgrade", b"via", b"user-agent", b"origin", b"referer"),
        *(b"x-opaque-id", b"x-request-id", b"x-correlation-id", b"traceparent", b"tracestate", b"x-amzn-trace-id"),
        *(b"elastic-apm-traceparent", b"x-elastic-client-meta", b"x-b3-traceid", b"x-b3-spanid", b"x-b3-sampled"),
    )
)


def caller_key(headers: Headers, harmless: Collection[str], *more: str) -> bytes:
    """Return what tells callers apart, together with what they ask for; `harmless`: names of further headers."""
    left_out = _HARMLESS.union(name.encode() for name in harmless)
    kept = sorted(pair for pair in headers if pair[0] not in left_out)
    texts = (text.encode(errors="surrogatepass") for text in more)
    digest = hashlib.blake2b(digest_size=16)
    for part in (*texts, *(part for pair in kept for part in pair)):
        digest.update(len(part).to_bytes(4) + part)
    return digest.digest()
