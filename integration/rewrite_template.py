"""A search template comes in, one that is scored by term weights goes out; pure.

The cluster fills the blanks of a template, so its text is known here only where a parameter is the whole text of a
query. Every other blank stays for the cluster; where one could change what is read here, the template passes, unless
the body is at hand that the cluster makes of it.

A cluster compiles few new templates a minute, so term weights become parameters, and so does such a whole body:
whatever text is asked for, the source that is sent is the same.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace

import orjson
from csplade.integration.field_map import FieldMap
from csplade.integration.rewrite import Check, rewrite, unhurried
from csplade.integration.rewrite_blanks import OPEN, PLAIN, blank_in_doubt
from csplade.integration.rewrite_policy import RewriteOptions
from csplade.integration.rewrite_report import Decision, JsonObject, Outcome, Rewritten
from csplade.integration.rewrite_scores import strings_in
from csplade.integration.rewrite_scoring import Encode
from csplade.pipelines.sparse import SparseVector

_PREFIX = "csplade_part_"
_WHOLE = "csplade_body"
# Three braces: it is put in as it is.
_WHOLE_SOURCE = f"{{{{{{{_WHOLE}}}}}}}"
_OF_TEMPLATES = ("id", "source", "params")
# What `csplade rewrite` cannot do, as it asks no cluster.
_BY_GATEWAY = ": `csplade serve` has the cluster fill it, and rewrites what comes back"
_ANY_VECTOR = SparseVector({"any": 1.0})


def rewrite_template(
    body: JsonObject, field_map: FieldMap, encode: Encode, options: RewriteOptions, check: Check = unhurried
) -> Rewritten:
    """Return the body of a template search with its `source` rewritten; `body` itself is never changed.

    `check` is called before each clause. Whatever it, or `encode`, raises is raised; nothing else is.
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

    done = rewrite(source, field_map, lambda text: _without_blanks(encode(text)), options, resolve, check)
    decisions = _in_source(done.decisions)
    if done.body is source:
        return Rewritten(body, decisions)
    try:
        sent, moved = _parametrized(done.body, source, known)
    except (orjson.JSONEncodeError, RecursionError):
        # It is read to 1024 levels and written to 254, more than a cluster takes of a query.
        return _passed(body, "its source is nested too deeply")
    return Rewritten({**body, "source": sent, "params": {**known, **moved}}, decisions)


def rewrite_rendered(
    body: JsonObject,
    rendered: JsonObject,
    field_map: FieldMap,
    encode: Encode,
    options: RewriteOptions,
    check: Check = unhurried,
) -> Rewritten:
    """Return the body of a template search that gives `rendered`, which the cluster made of `body`, but rewritten.

    It stays one of a template search: what applies to these alone does so still, such as its own `explain`.
    `check` is called before each clause. Whatever it, or `encode`, raises is raised; nothing else is.
    """
    done = rewrite(rendered, field_map, encode, options, check=check)
    decisions = _in_source(done.decisions)
    if done.body is rendered:
        return Rewritten(body, decisions)
    try:
        # As a text it keeps the order of its names, which a cluster's parameters lose.
        whole = json.dumps(done.body, separators=(",", ":"), allow_nan=False)
    except RecursionError:
        return _passed(body, "its source is nested too deeply")
    kept = {name: value for name, value in body.items() if name not in _OF_TEMPLATES}
    return Rewritten({**kept, "source": _WHOLE_SOURCE, "params": {_WHOLE: whole}}, decisions)


def wants_rendering(body: JsonObject, field_map: FieldMap, options: RewriteOptions, check: Check = unhurried) -> bool:
    """Return whether more of a template may be rewritten once the cluster has filled its blanks; `check` as above."""
    if "id" in body:
        return True
    found = body.get("source")
    if not isinstance(found, str | Mapping) or not any(OPEN in text for text in strings_in(found)):
        return False
    passed = rewrite_template(body, field_map, lambda _: _ANY_VECTOR, options, check).passed
    # Policies decide as they do, whatever stands in a blank.
    return any(decision.policy == "" for decision in passed)


def _in_source(decisions: tuple[Decision, ...]) -> tuple[Decision, ...]:
    return tuple(replace(each, path=f"$.source{each.path[1:]}") for each in decisions)


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
            return f"its source is JSON only after the cluster has filled it{_BY_GATEWAY}"
    if not isinstance(source, Mapping):
        return f"its source is not here{_BY_GATEWAY}"
    return blank_in_doubt(source) or source


def _passed(body: JsonObject, reason: str) -> Rewritten:
    return Rewritten(body, (Decision("$.source", "template", Outcome.PASSED, "", reason),))


def _without_blanks(vector: SparseVector) -> SparseVector:
    """Leave out terms that the cluster would take for a blank."""
    return SparseVector({term: weight for term, weight in vector if OPEN not in term})
