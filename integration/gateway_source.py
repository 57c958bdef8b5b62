"""Requests that read documents, changed so that some fields do not come back in `_source`; pure.

What comes back the cluster alone decides: fields are added to those that a request excludes. Fields that it names in
full are wanted, and stay.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from csplade.integration.field_map import matches
from csplade.integration.gateway_params import Params
from csplade.integration.rewrite_report import JsonObject

_SOURCE, _STORED, _SCRIPTED = "_source", "stored_fields", "script_fields"
_INCLUDES, _EXCLUDES = ("includes", "include"), ("excludes", "exclude")
_KNOWN = frozenset({*_INCLUDES, *_EXCLUDES, "exclude_vectors"})
_OF_PARAMS = (_SOURCE, "_source_includes", "_source_excludes")
# Clauses, and parts of a body, that may show hits of their own.
_WITH_HITS = frozenset({"nested", "has_child", "has_parent", "collapse", "knn"})
_AGGREGATIONS = ("aggs", "aggregations")
# Who asks for them means to write back what it reads, which must be whole then.
_TO_WRITE_BACK = "seq_no_primary_term"
_TRUE = ("", "true")


@dataclass(frozen=True)
class Read:
    """A request as it is sent."""

    body: JsonObject
    params: Params
    shown: bool = False
    """Whether it asks for some of the fields in a way in which they cannot be excluded."""
    unread: bool = False
    """Whether it is a template that can be read only once it is filled."""


def hide_in_search(body: JsonObject, params: Params, fields: Sequence[str]) -> Read:
    """Return a search without some fields of its hits, also of those inside of hits and of aggregations."""
    if body.get(_TO_WRITE_BACK) is True or params.get(_TO_WRITE_BACK) in _TRUE:
        return Read(body, params)
    hiding = _Hiding(fields)
    new = hiding.below(body)
    silent = params.get(_STORED) is not None or not {_STORED, _SCRIPTED} & body.keys()
    if _decided(params) or (_SOURCE not in body and silent):
        params = hide_in_params(params, fields)
    else:
        new = hiding.of_hits(new)
    return Read(body if new == body else new, params, hiding.shown or hiding.asked_by_pattern(body))


def hide_in_body(body: JsonObject, fields: Sequence[str]) -> Read:
    """Return a search whose address decides nothing, one of several say, without these fields."""
    if body.get(_TO_WRITE_BACK) is True:
        return Read(body, Params(()))
    hiding = _Hiding(fields)
    new = hiding.of_hits(hiding.below(body))
    return Read(body if new == body else new, Params(()), hiding.shown)


def hide_in_written(body: JsonObject, fields: Sequence[str]) -> Read:
    """Return an update without these fields in its answer, which has none unless it is asked for."""
    hiding = _Hiding(fields)
    return Read(hiding.of_hits(body) if _SOURCE in body else body, Params(()), hiding.shown)


def hide_in_params(params: Params, fields: Sequence[str], by_default: bool = True) -> Params:
    """Return parameters without these fields; `by_default`: `_source` comes back if nobody says anything of it."""
    source, includes, excludes = (params.get(name) for name in _OF_PARAMS)
    if source == "false" or params.get("_source_exclude_vectors") == "false":
        return params
    stored = params.get(_STORED)
    if not _decided(params) and (not by_default or (stored is not None and _SOURCE not in stored.split(","))):
        return params
    named = includes if includes is not None else source if source != "true" else None
    left = _unasked(named.split(",") if named else [], fields)
    return params.put("_source_excludes", ",".join([*filter(None, [excludes]), *left])) if left else params


def hide_in_documents(body: JsonObject, params: Params, fields: Sequence[Sequence[str]]) -> Read:
    """Return a request for documents by their ids, each of which has fields of its own that must not come back."""
    documents = body.get("docs")
    if not isinstance(documents, list):
        return Read(body, hide_in_params(params, fields[0]) if fields else params)
    hidings, shown = [_Hiding(each) for each in fields], False
    pairs = [(one, each) for one, each in zip(documents, hidings, strict=True) if isinstance(one, Mapping)]
    if _decided(params) or params.get(_STORED) is not None:
        # It is about all of them that say nothing themselves.
        silent = {tuple(each.fields) for one, each in pairs if _SOURCE not in one}
        shown = len(silent) > 1
        params = hide_in_params(params, silent.pop()) if len(silent) == 1 else params
        pairs = [(one, each) for one, each in pairs if _SOURCE in one]
    told = {id(one): each.of_hits(one) for one, each in pairs if each.fields}
    new = [told.get(id(one), one) for one in documents]
    shown = shown or any(each.shown for each in hidings)
    return Read(body if new == documents else {**body, "docs": new}, params, shown)


class _Hiding:
    """Keeps fields out of parts of one request, and notes where that cannot be."""

    def __init__(self, fields: Sequence[str]) -> None:
        self.fields, self.shown = fields, False

    def of_hits(self, part: JsonObject) -> JsonObject:
        """Return a part that says what hits show."""
        self.shown = self.shown or self.asked_by_pattern(part)
        if _SOURCE in part:
            asked = self._asked(part[_SOURCE])
            return {**part, _SOURCE: asked}
        stored = part.get(_STORED)
        named = stored if isinstance(stored, list) else [stored]
        if (stored is not None and _SOURCE not in named) or part.get(_SCRIPTED):
            # Without it nothing of `_source` comes back.
            return part
        return {**part, _SOURCE: {_EXCLUDES[0]: [*self.fields]}}

    def below(self, body: JsonObject) -> JsonObject:
        """Return a search with the fields kept out of all hits but its own."""
        kept = {name: value if name in _AGGREGATIONS else self._inner(value, name) for name, value in body.items()}
        return {name: self._aggregated(value) if name in _AGGREGATIONS else value for name, value in kept.items()}

    def asked_by_pattern(self, part: JsonObject) -> bool:
        """Return whether `fields`, which excludes nothing, asks for some of them without naming them."""
        asked = part.get("fields")
        listed = asked if isinstance(asked, list) else []
        names = [each.get("field") if isinstance(each, Mapping) else each for each in listed]
        patterns = [name for name in names if isinstance(name, str) and "*" in name]
        return any(matches(pattern, field) for pattern in patterns for field in self.fields)

    def _asked(self, asked: object) -> object:
        """Return what stands behind `_source`; what is of no form that clusters know stays."""
        if asked is True:
            return {_EXCLUDES[0]: [*self.fields]}
        if isinstance(asked, str | list):
            named: JsonObject = {_INCLUDES[0]: _listed(asked)} if asked != [] else {}
            return self._filtered(named, asked, [], _EXCLUDES[0]) or asked
        if not isinstance(asked, Mapping) or asked.get("exclude_vectors") is False:
            return asked
        names = [[name for name in known if name in asked] for known in (_INCLUDES, _EXCLUDES)]
        if not asked.keys() <= _KNOWN or any(len(each) > 1 for each in names):
            self.shown = True
            return asked
        includes, excludes = (asked[each[0]] if each else [] for each in names)
        if not isinstance(includes, str | list) or not isinstance(excludes, str | list):
            return asked
        return self._filtered(asked, includes, excludes, (names[1] or _EXCLUDES)[0]) or asked

    def _filtered(self, asked: JsonObject, includes: object, excludes: object, key: str) -> object | None:
        """Return what stands behind `_source`, `key` being the name of its excludes; None: nothing is to be added."""
        left = _unasked([name for name in _listed(includes) if isinstance(name, str)], self.fields)
        return {**asked, key: [*_listed(excludes), *left]} if left else None

    def _inner(self, value: object, name: str) -> object:
        """Return a part of a body with the fields kept out of what its clauses show of their own hits."""
        if isinstance(value, list):
            return [self._inner(each, name) for each in value]
        if not isinstance(value, Mapping):
            return value
        new = {key: self._inner(each, key) for key, each in value.items()}
        inner = new.get("inner_hits")
        if name in _WITH_HITS and isinstance(inner, Mapping | list):
            each = [self.of_hits(one) if isinstance(one, Mapping) else one for one in _listed(inner)]
            new["inner_hits"] = each if isinstance(inner, list) else each[0]
        return new

    def _aggregated(self, value: object) -> object:
        if not isinstance(value, Mapping):
            return value
        return {name: self._aggregation(each) if isinstance(each, Mapping) else each for name, each in value.items()}

    def _aggregation(self, value: JsonObject) -> JsonObject:
        new = {key: self._aggregated(each) if key in _AGGREGATIONS else each for key, each in value.items()}
        hits = new.get("top_hits")
        return {**new, "top_hits": self.of_hits(hits)} if isinstance(hits, Mapping) else new


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]


def _decided(params: Params) -> bool:
    return any(params.get(name) is not None for name in _OF_PARAMS)


def _unasked(includes: Sequence[str], fields: Sequence[str]) -> list[str]:
    """Return the fields that come back with what is included, without being named; nothing included is everything."""
    return [field for field in fields if not includes or _comes_along(includes, field)]


def _comes_along(includes: Sequence[str], field: str) -> bool:
    if any(name == field or name.startswith(f"{field}.") for name in includes):
        return False
    steps = field.split(".")
    holders = [".".join(steps[: place + 1]) for place in range(len(steps))]
    return any(matches(name, holder) for name in includes for holder in holders)
