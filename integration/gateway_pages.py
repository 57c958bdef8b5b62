"""The page on which people compare rankings: static files, which no other host and no inline script adds to."""

from collections.abc import Callable, Coroutine
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

_FOLDER = files("csplade.integration").joinpath("playground")
_FILES = {
    "": ("index.html", "text/html; charset=utf-8"),
    "playground.css": ("playground.css", "text/css; charset=utf-8"),
    "playground.js": ("playground.js", "text/javascript; charset=utf-8"),
    "results.js": ("results.js", "text/javascript; charset=utf-8"),
    "icon.svg": ("icon.svg", "image/svg+xml"),
}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
SAFE_HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}
"""On the page and what it asks: whatever stands in an index, a browser runs none of it and tells nobody."""


def page_routes(prefix: str) -> list[Route]:
    """Return the routes of the page's files below a prefix; each file is read once."""
    routes = [Route(prefix, _to_page(prefix), methods=["GET"])]
    for path, (name, kind) in _FILES.items():
        routes.append(Route(f"{prefix}/{path}", _file(_FOLDER.joinpath(name).read_bytes(), kind), methods=["GET"]))
    return routes


def _file(content: bytes, kind: str) -> Callable[[Request], Coroutine[None, None, Response]]:
    headers = {**SAFE_HEADERS, "content-type": kind, "cache-control": "no-cache"}

    async def give(_: Request) -> Response:
        return Response(content, headers=headers)

    return give


def _to_page(prefix: str) -> Callable[[Request], Coroutine[None, None, Response]]:
    async def redirect(_: Request) -> Response:
        return RedirectResponse(f"{prefix}/")

    return redirect
