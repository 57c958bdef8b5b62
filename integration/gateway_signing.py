"""Signatures for AWS in the gateway's own name: its role's credentials stand in the place of what a caller signed.

What callers sign is only good for their own bytes and the host that they asked. Other credentials of theirs stay.
"""

import asyncio
from urllib.parse import quote, unquote_to_bytes

from csplade.integration.errors import CredentialsError
from csplade.integration.gateway_headers import Framing
from csplade.integration.gateway_network import Body
from csplade.integration.gateway_refusals import Headers, Reason, Refusal
from csplade.integration.signing import Signer

_SIGNATURE = b"aws4-"
_AUTHORIZATION, _OF_AMAZON = b"authorization", b"x-amz-"


def signed(headers: Headers) -> bool:
    """Return whether the caller vouches for its very bytes."""
    return any(name == _AUTHORIZATION and value.lower().startswith(_SIGNATURE) for name, value in headers)


def anonymous(headers: Headers) -> bool:
    """Return whether a request carries no credentials."""
    return all(name != _AUTHORIZATION for name, _ in headers)


def without_signature(headers: Headers) -> Headers:
    """Return a caller's headers without a signature for AWS, and what belongs to one."""
    if not (signed(headers) or anonymous(headers)):
        return headers
    return [pair for pair in headers if pair[0] != _AUTHORIZATION and not pair[0].startswith(_OF_AMAZON)]


def spelled(target: bytes) -> bytes:
    """Return a target whose parameters are written as AWS writes them to check a signature; they mean the same.

    It writes `,` and `*` as `%2C` and `%2A`, and botocore signs what it is given.
    """
    path, mark, query = target.partition(b"?")
    # Some servers take a semicolon for the end of a parameter.
    if not mark or b";" in query:
        return target
    return path + b"?" + b"&".join(map(_spelled, filter(None, query.split(b"&"))))


async def gathered(headers: Headers, frame: Framing, body: Body) -> tuple[Headers, Framing, bytes | None]:
    """Return a request with all of its body, which its signature is about."""
    if body is None or isinstance(body, bytes):
        return headers, frame, body
    whole = b"".join([piece async for piece in body])
    kept = [pair for pair in headers if pair[0] not in (b"content-length", b"transfer-encoding")]
    return [*kept, (b"content-length", b"%d" % len(whole))], Framing(len(whole), chunked=False), whole


async def signature(signer: Signer, method: str, url: bytes, body: bytes | None) -> Headers:
    """Return the headers that sign a request.

    Raises:
        Refusal: there are no credentials.
    """
    loop = asyncio.get_running_loop()
    try:
        # Credentials may have to be fetched anew.
        found = await loop.run_in_executor(None, signer, method, url.decode("latin-1"), body)
    except CredentialsError as error:
        raise Refusal(502, Reason.NOT_SIGNED, f"the gateway cannot sign the request: {error}") from error
    return [(name.lower().encode(), value.encode()) for name, value in found.items()]


def _spelled(parameter: bytes) -> bytes:
    parts = (unquote_to_bytes(part.replace(b"+", b" ")) for part in parameter.split(b"=", 1))
    return b"=".join(quote(part, safe="").encode() for part in parts)
