"""Whether an index has the fields that a search names, of types that can be asked so; pure.

A cluster finds nothing in a field that it does not have, and says nothing of it.
"""

from collections.abc import Collection, Mapping
from difflib import get_close_matches
from typing import Any

from csplade.integration.mapped_fields import MappedField, mapped_fields
from csplade.integration.planner import Anchor
from csplade.integration.query import Mode, QueryOptions
from csplade.integration.templates import MARK_FIELD, TEXT_FIELD
from csplade.pipelines.errors import UsageError

_Json = Mapping[str, Any]  # Any: a JSON object
_Fields = Mapping[str, MappedField]

_SHINGLED = "search_as_you_type"
# Of these every name below them can be asked.
_KEYED = frozenset({"flat_object", "flattened"})
_TEXTS = frozenset(
    {
        *("text", "match_only_text", "annotated_text", "pattern_text", "semantic_text", _SHINGLED),
        *("keyword", "constant_keyword", "counted_keyword", "icu_collation_keyword", "wildcard"),
        *_KEYED,
    }
)
# Fields that are computed when they are asked: of Elasticsearch and of OpenSearch.
_COMPUTED = ("runtime", "derived")
_NEAREST = 3


def check_fields(mapping: _Json, index: str, options: QueryOptions) -> None:
    """Check that an index with this mapping has the fields that are asked for weights and for texts.

    Raises:
        UsageError: it lacks one, or has it of another type or inside nested objects, where it would find nothing.
    """
    fields = {one.name: one for one in mapped_fields(mapping.get("properties", {}))}
    for part in _COMPUTED:
        fields |= {name: MappedField(name, field) for name, field in mapping.get(part, {}).items() if "type" in field}
    kind = options.dialect.field_type
    weights = [name for name, one in fields.items() if one.nested is None and _holds_weights(one, kind)]
    for name in (each.name for each in options.plan.fields):
        if name not in weights:
            wanted = f"term weights are asked in fields of type {kind}"
            raise UsageError(f"{_fault(name, index, fields, wanted)}: {_next('--field', name, weights)}")
    texts = [name for name, one in fields.items() if _holds_text(one, fields)]
    for name in _asked_texts(options):
        if name not in texts and not _lies_below(name, fields):
            wanted = "BM25 compares texts"
            raise UsageError(f"{_fault(name, index, fields, wanted)}: {_next('--text-field', name, texts)}")


def _asked_texts(options: QueryOptions) -> list[str]:
    """Return the fields of text that somebody named or that the search compares."""
    compared = options.mode is not Mode.SPARSE or options.plan.anchor is Anchor.TEXT
    return [each.name for each in options.plan.text_fields if compared or each.name != TEXT_FIELD]


def _holds_weights(field: MappedField, kind: str) -> bool:
    # With a method it is a SEISMIC field, whose terms are numbers.
    return field.kind == kind and "method" not in field.definition


def _holds_text(field: MappedField, fields: _Fields) -> bool:
    target = fields.get(field.definition.get("path", ""), field) if field.kind == "alias" else field
    return target.kind in _TEXTS and field.nested is None


def _lies_below(name: str, fields: _Fields) -> bool:
    """Say whether a name that no mapping has is one of those that a field above it brings along."""
    around, _, last = name.rpartition(".")
    if around in fields and fields[around].kind == _SHINGLED:
        return last.startswith("_")
    parts = name.split(".")
    outer = (".".join(parts[:end]) for end in range(1, len(parts)))
    return any(each in fields and fields[each].kind in _KEYED for each in outer)


def _fault(name: str, index: str, fields: _Fields, wanted: str) -> str:
    if "*" in name:
        return f"{name!r} is a pattern, and a search finds fields by their whole names"
    found = fields.get(name)
    if found is None:
        return f"the index {index!r} has no field {name!r}"
    if found.nested is not None:
        return f"the field {name!r} of the index {index!r} lies in nested objects ({found.nested}), which are not asked"
    return f"the field {name!r} of the index {index!r} is of type {found.kind}, and {wanted}"


def _next(option: str, name: str, names: Collection[str]) -> str:
    near = get_close_matches(name, [each for each in names if each != MARK_FIELD], n=_NEAREST, cutoff=0.0)
    if not near:
        return f"it has no field that could be asked by {option}"
    return f"name another with {option} (the nearest: {', '.join(near)})"
