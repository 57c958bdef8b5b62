"""The REST routes of a server, read from its own archives: which methods and paths its handlers are for.

A handler says `new Route(GET, "/_search")`, which a compiled class has as two constants and a call. What is written
otherwise raises, unless it is known here, so that no route is left out in silence.
"""

import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from csplade.tests.java_class import Called, Field, JavaClass, Made, Method, Text, read_class

# A class that makes routes of what others give it -> what the paths of those routes begin with, if they are its own.
_MADE_OF_OTHERS = {
    "rest/RestHandler": None,
    "rest/NamedRoute": None,
    "rest/MethodHandlers": None,
    "action/ActionModule": None,
    "extensions/rest/RestSendToExtensionAction": None,
    "dashboards/OpenSearchDashboardsModulePlugin": "/_opensearch_dashboards",
}
# A class whose paths are put together while it runs, or are no handler's -> those paths.
_PUT_TOGETHER = {
    "rest/RestController": ("GET /favicon.ico",),
    "storage/action/tiering/RestBaseTierAction": ("POST /{index}/_tier/{tier}",),
    "index/rankeval/RestRankEvalAction": (
        *("GET /_rank_eval", "POST /_rank_eval", "GET /{index}/_rank_eval", "POST /{index}/_rank_eval"),
    ),
}
_CONSTRUCTORS = re.compile(r".*/rest/RestHandler\$(Deprecated|Replaced)?Route")
_PATH = re.compile(r"[/_{][^\s]*")
_ARGUMENT = re.compile(r"(?<!\[)L[^;]*/([^/;]*);")


@dataclass(frozen=True, order=True)
class Route:
    """A method, and a path in which a name in braces stands for any step."""

    method: str
    path: str

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


class UnreadRoute(ValueError):
    """A class makes a route of something else than constants."""


def read_routes(home: Path) -> set[Route]:
    """Return the routes of all handlers in an unpacked server's archives; it need not register each of them.

    Raises:
        UnreadRoute: one is written in a way that is not known here.
    """
    classes = {each.name: each for jar in _jars(home) for each in _classes(jar)}
    own = {each.name: set(routes_of(each)) for each in classes.values() if _family(each.name) not in _MADE_OF_OTHERS}
    return set().union(*own.values(), *(_prefixed(each, own) for each in classes.values()))


def route_of(routes: Iterable[Route], method: str, target: str) -> Route | None:
    """Return the route that a request takes; where several fit, what a route names goes before what it leaves open."""
    steps = target.partition("?")[0].strip("/").split("/")
    fitting = [route for route in routes if route.method == method and _fits(route.path, steps)]
    return min(fitting, key=lambda route: [step.startswith("{") for step in route.path.split("/")], default=None)


def _fits(path: str, steps: Sequence[str]) -> bool:
    named = path.strip("/").split("/")
    return len(named) == len(steps) and all(
        (step and own.startswith("{")) or own == step for own, step in zip(named, steps, strict=True)
    )


def _jars(home: Path) -> Iterator[Path]:
    for place in ("lib/*.jar", "modules/*/*.jar"):
        yield from sorted(home.glob(place))


def _classes(jar: Path) -> Iterator[JavaClass]:
    with zipfile.ZipFile(jar) as archive:
        for name in archive.namelist():
            data = archive.read(name) if name.endswith(".class") else b""
            if b"/rest/RestHandler" in data or b"/rest/NamedRoute" in data:
                yield read_class(data)


def _family(name: str) -> str:
    """Return the name of a class without its maker's domain, and without what it holds inside."""
    return "/".join(name.partition("$")[0].split("/")[2:])


def routes_of(each: JavaClass) -> Iterator[Route]:
    """Yield the routes that a class makes.

    Raises:
        UnreadRoute: one is written in a way that is not known here.
    """
    if known := _PUT_TOGETHER.get(_family(each.name)):
        yield from (Route(*route.split(" ")) for route in known)
        return
    for method in each.methods:
        try:
            yield from _routes_of(method)
        except (IndexError, ValueError) as error:
            raise UnreadRoute(
                f"{each.name}.{method.name} makes a route of more than constants: name its paths in _PUT_TOGETHER"
            ) from error


def _routes_of(method: Method) -> Iterator[Route]:
    """Return the routes that a method makes, each of the constants that wait for it; None: a text made meanwhile."""
    methods: list[str] = []
    texts: list[str | None] = []
    for step in method.steps:
        if isinstance(step, Field) and step.owner.endswith("/rest/RestRequest$Method"):
            methods.append(step.name)
        elif isinstance(step, Text):
            texts.append(step.value)
        elif isinstance(step, Called) and (paths := _paths(step, texts)):
            verbs = methods * len(paths) if len(methods) == 1 else methods
            yield from (Route(verb, path) for verb, path in zip(verbs, paths, strict=True))
            methods, texts = [], []
        elif isinstance(step, Called):
            texts = _after(step, texts)


def _after(call: Called, texts: list[str | None]) -> list[str | None]:
    """Return the texts that still wait when another call has taken its own, and may have made one."""
    if call.owner.endswith("/rest/NamedRoute$Builder") and call.name == "path":
        return texts
    arguments, _, result = call.descriptor.partition(")")
    taken = _ARGUMENT.findall(arguments).count("String")
    made = [None] if result == "Ljava/lang/String;" else []
    return [*texts[: max(0, len(texts) - taken)], *made]


def _paths(call: Called, texts: Sequence[str | None]) -> list[str]:
    """Return the paths that a call makes routes of, none if it makes none."""
    if call.owner.endswith("/rest/NamedRoute$Builder"):
        return _all_paths(texts, 1) if call.name == "build" else []
    found = _CONSTRUCTORS.fullmatch(call.owner)
    if found is None or call.name not in ("<init>", "builder"):
        return []
    needed = _ARGUMENT.findall(call.descriptor.partition(")")[0]).count("String")
    if found[1] == "Deprecated":
        # Its second text says why, and may be made of several.
        return _all_paths([text for place, text in enumerate(texts) if text is not None or not place], 1)
    return _all_paths(texts, needed)


def _all_paths(texts: Sequence[str | None], count: int) -> list[str]:
    found = [text for text in texts if text is None or _PATH.fullmatch(text)]
    if len(found) != count or None in found:
        raise ValueError(f"there are {len(found)} paths for {count}, or one is put together")
    # Some have no slash before them, and mean the same.
    return [f"/{text.removeprefix('/')}" for text in found if text is not None]


def _prefixed(each: JavaClass, own: Mapping[str, set[Route]]) -> Iterator[Route]:
    """Return the routes of the handlers that a class wraps, under its own prefix."""
    prefix = _MADE_OF_OTHERS.get(_family(each.name))
    for method in each.methods if prefix else ():
        for step in method.steps:
            if isinstance(step, Made):
                yield from (Route(route.method, f"{prefix}{route.path}") for route in own.get(step.owner, ()))
