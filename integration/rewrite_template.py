"""A search template comes in, one that is scored by term weights goes out; pure.

The cluster fills the blanks of a template, so its text is known here only where a parameter is the whole text of a
query. Every other blank stays for the cluster; where one could change what is read here, the template passes.
"""

import re
from collections.abc import Mapping
from dataclasses import replace

import orjson
from csplade.integration.field_map import FieldMap
from csplade.integration.rewrite import rewrite
from csplade.integration.rewrite_policy import RewriteOptions
from csplade.integration.rewrite_report import Decision, JsonObject, Outcome, Rewritten
from csplade.integration.rewrite_scores import strings_in
from csplade.integration.rewrite_scoring import Encode
from csplade.pipelines.sparse import SparseVector

_BLANK = re.compile(r"\{\{\s*([\w.]+)\s*\}\}")
_OPEN = "{{"
# Blanks in them could decide how the whole body has to be read.
_DECIDING = ("sort", "track_scores", "min_score", "aggs", "aggregations", "retriever")


def rewrite_template(body: JsonObject, field_map: FieldMap, encode: Encode, options: RewriteOptions) -> Rewritten:
    """Return the body of a template search with its `source` rewritten; `body` itself is never changed.

    Whatever `encode` raises is raised; nothing else is.
    """
    source = _source(body)
    if isinstance(source, str):
        return _passed(body, source)
    params = body.get("params")
    known: Mapping[str, object] = params if isinstance(params, Mapping) else {}

    def resolve(text: str) -> str | None:
        if _OPEN not in text:
            return text
        blank = _BLANK.fullmatch(text.strip())
        value = known.get(blank[1]) if blank else None
        return value if isinstance(value, str) else None

    done = rewrite(source, field_map, lambda text: _without_blanks(encode(text)), options, resolve)
    decisions = tuple(replace(each, path=f"$.source{each.path[1:]}") for each in done.decisions)
    if done.body is source:
        return Rewritten(body, decisions)
    if not isinstance(body["source"], str):
        return Rewritten({**body, "source": done.body}, decisions)
    try:
        written = orjson.dumps(done.body).decode()
    except orjson.JSONEncodeError:
        # It is read to 1024 levels and written to 254, more than a cluster takes of a query.
        return _passed(body, "its source is nested too deeply")
    return Rewritten({**body, "source": written}, decisions)


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
    blanks = [text for text in strings_in(source) if _OPEN in text]
    if any(_OPEN in _BLANK.sub("", text) for text in blanks):
        return "its source has more than plain blanks"
    if any(_OPEN in name for name in source):
        return "the name of a part is a blank"
    deciding = next((name for name in _DECIDING if any(_OPEN in text for text in strings_in(source.get(name)))), None)
    return source if deciding is None else f"its {deciding} has a blank"


def _passed(body: JsonObject, reason: str) -> Rewritten:
    return Rewritten(body, (Decision("$.source", "template", Outcome.PASSED, "", reason),))


def _without_blanks(vector: SparseVector) -> SparseVector:
    """Leave out terms that the cluster would take for a blank."""
    return SparseVector({term: weight for term, weight in vector if _OPEN not in term})
