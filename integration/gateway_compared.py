"""The page's requests as they are read: by their path, and the search to compare with its modes."""

from collections.abc import Sequence

from csplade.integration.gateway_config import PREFIX
from csplade.integration.gateway_json import UnreadJson, read_json
from csplade.integration.gateway_ranking import Json
from csplade.integration.gateway_refusals import Reason, Refusal
from csplade.integration.gateway_request import Request, gather
from csplade.integration.gateway_targets import Kind, Target, read_target
from csplade.integration.rewrite import RewriteMode

BM25 = "bm25"
"""The mode in which a search stays as it came."""
MODES = (BM25, *(mode.value for mode in RewriteMode))
INDEXES, COMPARE = PREFIX + b"/indexes", PREFIX + b"/compare/"
"""The paths of these requests; behind the second stands the index."""

JSON_KIND = b"application/json"

_LARGEST_BODY = 2**18


def of_playground(path: bytes) -> bool:
    """Return whether a path is that of one of these requests."""
    return path == INDEXES or path.startswith(COMPARE)


def compared(path: bytes) -> Target:
    """Return the search that a path is about, without names if it is about none.

    Raises:
        Refusal: it names no index that could be searched.
    """
    if path == INDEXES:
        return Target(Kind.SEARCH, "")
    names = path.removeprefix(COMPARE)
    target = read_target("POST", b"/" + names + b"/_search")
    if b"/" in names or target is None or not target.names:
        raise Refusal(400, Reason.BAD_REQUEST, "there is no index to compare in: write it behind /compare/")
    return target


async def read_asked(request: Request) -> Json:
    """Return the search that a request holds.

    Raises:
        Refusal: it holds none.
    """
    kinds = [value.partition(b";")[0].strip().lower() for name, value in request.headers if name == b"content-type"]
    if kinds != [JSON_KIND]:
        # A page of another host cannot send this kind without being allowed to, and nobody is.
        raise Refusal(415, Reason.BAD_REQUEST, "a search is compared if it is sent as application/json")
    plain = (await gather(request, _LARGEST_BODY)).plain(_LARGEST_BODY)
    if plain is None:
        raise Refusal(413, Reason.BODY_TOO_LARGE, f"a search that is compared has at most {_LARGEST_BODY} bytes")
    try:
        body = read_json(plain)
    except UnreadJson as error:
        raise Refusal(
            400, Reason.BAD_REQUEST, "the search to compare is no JSON: check its commas and quotes"
        ) from error
    if not isinstance(body, dict):
        raise Refusal(400, Reason.BAD_REQUEST, 'the search to compare is no object: send it as {"query": ...}')
    return body


def read_modes(asked: str | None) -> Sequence[str]:
    """Return the modes that a parameter names, all of them if it is missing.

    Raises:
        Refusal: there is no such mode.
    """
    chosen = MODES if asked is None else asked.split(",")
    for mode in chosen:
        if mode not in MODES:
            raise Refusal(400, Reason.BAD_REQUEST, f"there is no mode {mode!r}: there are {', '.join(MODES)}")
    return chosen
