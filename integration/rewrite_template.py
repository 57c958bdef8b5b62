"""A search template comes in, one that is scored by term weights goes out; pure.

The cluster fills the blanks of a template, so its text is known here only where a parameter is the whole text of a
query. Every other blank stays for the cluster; where one could change what is read here, the template passes.

A cluster compiles few new templates a minute, so term weights become parameters: whatever text is asked for, the source
that is sent is the same.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import orjson
from csplade.integration.field_map import FieldMap
from csplade.integration.rewrite import rewrite
from csplade.integration.rewrite_blanks import OPEN, PLAIN, blank_in_doubt
from csplade.integration.rewrite_policy import RewriteOptions
from csplade.integration.rewrite_report import Decision, JsonObject, Outcome, Rewritten
from csplade.integration.rewrite_scores import strings_in
from csplade.integration.rewrite_scoring import Encode
from csplade.pipelines.sparse import SparseVector

_PREFIX = "csplade_part_"


def rewrite_template(body: JsonObject, field_map: FieldMap, encode: Encode, options: RewriteOptions) -> Rewritten:
    """Return the body of a template search with its `source` rewritten; `body` itself is never changed.

    Whatever `encode` raises is raised; nothing else is.
    """
    source = _source(body)
    if isinstance(source, str):
        return _passed(body, source)
    params = body.get("params")
    if params is not None and not isinstance(params, Mapping):
        return _passed(body, "its params are no object")
    known: Mapping[str, object] = params or {}
    if any(_PREFIX in text for text in strings_in([source, known])):
        return _passed(body, "it has a name that is used here")

    def resolve(text: str) -> str | None:
        if OPEN not in text:
            return text
        blank = PLAIN.fullmatch(text.strip())
        value = known.get(blank[1]) if blank else None
        return value if isinstance(value, str) else None

    done = rewrite(source, field_map, lambda text: _without_blanks(encode(text)), options, resolve)
    decisions = tuple(replace(each, path=f"$.source{each.path[1:]}") for each in done.decisions)
    if done.body is source:
        return Rewritten(body, decisions)
    try:
        sent, moved = _parametrized(done.body, source, known)
    except (orjson.JSONEncodeError, RecursionError):
        # It is read to 1024 levels and written to 254, more than a cluster takes of a query.
        return _passed(body, "its source is nested too deeply")
    return Rewritten({**body, "source": sent, "params": {**known, **moved}}, decisions)


def _parametrized(
    new: JsonObject, source: JsonObject, known: Mapping[str, object]
) -> tuple[str, Mapping[str, JsonObject]]:
    """Return a source as it is sent, and its new parameters: what rewriting has made, where nothing is to be filled."""
    old = {id(value) for value in _objects_in(source)}
    moved: dict[str, JsonObject] = {}

    def part(value: object) -> object:
        if isinstance(value, Mapping):
            if id(value) not in old and not any(OPEN in text for text in strings_in(value)):
                name = f"{_PREFIX}{len(moved)}"
                moved[name] = value
                return name
            return {name: part(below) for name, below in value.items()}
        return [part(below) for below in value] if isinstance(value, list) else value

    written = orjson.dumps({name: part(value) for name, value in new.items()}).decode()
    # Only to see that they can be written.
    orjson.dumps(moved)
    for name in moved:
        # The space keeps the braces of the tag from those behind it.
        written = written.replace(f'"{name}"', f"{{{{#toJson}}}}{name}{{{{/toJson}}}} ")
    return written, moved


def _objects_in(value: object) -> Iterator[object]:
    waiting = [value]
    while waiting:
        inner = waiting.pop()
        if isinstance(inner, Mapping):
            yield inner
            waiting += inner.values()
        elif isinstance(inner, list):
            waiting += inner


def _source(body: JsonObject) -> JsonObject | str:
    """Return a template's search body, or why it cannot be read."""
    source = body.get("source")
    if isinstance(source, str):
        try:
            source = orjson.loads(source)
        except orjson.JSONDecodeError:
            return "its source is JSON only after the cluster has filled it"
    if not isinstance(source, Mapping):
        return "its source is not here"
    return blank_in_doubt(source) or source


def _passed(body: JsonObject, reason: str) -> Rewritten:
    return Rewritten(body, (Decision("$.source", "template", Outcome.PASSED, "", reason),))


def _without_blanks(vector: SparseVector) -> SparseVector:
    """Leave out terms that the cluster would take for a blank."""
    return SparseVector({term: weight for term, weight in vector if OPEN not in term})
