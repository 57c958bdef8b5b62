"""The clauses that hold text, read: one JSON object in, what it asks for out, or why it is not understood; pure."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from csplade.integration.query_strings import free_text
from csplade.integration.rewrite_budget import FIELD_KINDS
from csplade.integration.rewrite_policy import Option
from csplade.integration.rewrite_report import JsonObject
from csplade.integration.rewrite_values import acceptable

_STRING_KINDS = frozenset({"query_string", "simple_query_string"})
_ACROSS = frozenset({"cross_fields", "combined_fields"})
# The factor of every field but the best one, unless `tie_breaker` says otherwise.
_TIES: Mapping[str, float] = {
    **dict.fromkeys(("best_fields", "cross_fields", "phrase", "phrase_prefix"), 0.0),
    **dict.fromkeys(("most_fields", "bool_prefix"), 1.0),
}
_KIND_OPTIONS: Mapping[str, tuple[Option, ...]] = {
    "match_phrase": (Option.PHRASE,),
    "match_phrase_prefix": (Option.PHRASE, Option.PREFIX),
    "match_bool_prefix": (Option.PREFIX,),
    "phrase": (Option.PHRASE,),
    "phrase_prefix": (Option.PHRASE, Option.PREFIX),
    "bool_prefix": (Option.PREFIX,),
}
_ALWAYS = frozenset({"query", "boost", "_name"})
_WORDS = frozenset({"operator", "minimum_should_match", "zero_terms_query", "auto_generate_synonyms_phrase_query"})
_FUZZY = frozenset({"fuzziness", "prefix_length", "max_expansions", "fuzzy_transpositions", "fuzzy_rewrite"})
_MATCH = _ALWAYS | _WORDS | _FUZZY | {"analyzer", "lenient"}
_STRING = _ALWAYS | {
    *("fields", "default_operator", "analyzer", "lenient", "minimum_should_match", "quote_field_suffix"),
    *("analyze_wildcard", "auto_generate_synonyms_phrase_query", "fuzzy_max_expansions", "fuzzy_prefix_length"),
    "fuzzy_transpositions",
}
_KNOWN: Mapping[str, frozenset[str]] = {
    "match": _MATCH,
    "match_bool_prefix": _MATCH - {"zero_terms_query", "lenient"},
    "match_phrase": _ALWAYS | {"analyzer", "slop", "zero_terms_query"},
    "match_phrase_prefix": _ALWAYS | {"analyzer", "slop", "zero_terms_query", "max_expansions"},
    "multi_match": _MATCH | {"fields", "type", "tie_breaker", "slop"},
    "combined_fields": _ALWAYS | _WORDS | {"fields"},
    # Without `flags`, which say what is an operator: such a string may read otherwise than here.
    "simple_query_string": _STRING,
    "query_string": _STRING
    | {
        *("default_field", "quote_analyzer", "allow_leading_wildcard", "enable_position_increments", "fuzziness"),
        *("fuzzy_rewrite", "max_determinized_states", "phrase_slop", "rewrite", "time_zone", "tie_breaker", "type"),
    },
}
_LARGEST = 3.4e38
"""A cluster's numbers have 32 bits."""
_BOOSTED = re.compile(r"(?P<name>[^^]+)\^(?P<boost>\d+(?:\.\d+)?)")


class UnreadableClause(ValueError):
    """A clause is not understood; the text continues a sentence about it."""


@dataclass(frozen=True, slots=True)
class TextField:
    """A field, or a pattern of fields, with its factor."""

    name: str
    boost: float = 1.0


@dataclass(frozen=True)
class TextClause:
    """A clause that looks for text."""

    kind: str
    text: str
    """What a person looks for."""
    fields: tuple[TextField, ...] | None
    """None: those that the index has by default."""
    options: tuple[Option, ...]
    """What it asks for that term weights cannot express."""
    boost: float
    name: str | None
    tie: float
    """What a field adds that is not the best one, as a factor."""
    across: bool
    """The fields are one: what each adds is summed up."""


def read_text_clause(
    kind: str, body: JsonObject, resolve: Callable[[str], str | None], longest: int | None = None
) -> TextClause:
    """Return what a clause of one of the `TEXT_KINDS` asks for.

    `resolve` gives the text that a query's string stands for, None if nobody knows; a query string of more than
    `longest` characters is its own free text.

    Raises:
        UnreadableClause: something in it is not known, so that its meaning is not.
    """
    values, fields = _values(kind, body)
    unknown = sorted(values.keys() - _KNOWN[kind])
    if unknown:
        raise UnreadableClause(f"the option {unknown[0]} is not known")
    wrong = next((name for name, value in values.items() if not acceptable(name, value)), None)
    if wrong is not None:
        raise UnreadableClause(f"the value of {wrong} is none that is known")
    if kind == "combined_fields" and any(field.boost < 1 for field in fields or ()):
        raise UnreadableClause("clusters take no boost below 1 there")
    if any(resolve(field.name) != field.name for field in fields or ()):
        raise UnreadableClause("a field's name is not known before the cluster has filled the template")
    text, options = _text(kind, values, resolve, longest)
    match_type = _match_type(kind, values)
    asked = [*_KIND_OPTIONS.get(match_type, ()), *options]
    asked += [option for name, value in values.items() if (option := _asked(kind, name, value)) is not None]
    return TextClause(
        kind=kind,
        text=text,
        fields=fields,
        options=tuple(dict.fromkeys(asked)),
        boost=_number("boost", values.get("boost", 1.0)),
        name=_string("_name", values["_name"]) if "_name" in values else None,
        tie=_number("tie_breaker", values.get("tie_breaker", _TIES.get(match_type, 0.0))),
        across=match_type in _ACROSS,
    )


def asks_for_several(value: object) -> bool:
    """Say whether a `minimum_should_match` asks for more than any of its clauses; what nobody can read does."""
    return value is not None and str(value) not in ("0", "1")


def _values(kind: str, body: JsonObject) -> tuple[JsonObject, tuple[TextField, ...] | None]:
    """Return the options of a clause and its fields."""
    if kind not in FIELD_KINDS:
        if kind in _STRING_KINDS and isinstance(body.get("fields"), str):
            raise UnreadableClause("its fields are no list")
        return body, _fields(body)
    if len(body) != 1:
        raise UnreadableClause(f"it names {len(body)} fields")
    ((field, values),) = body.items()
    return values if isinstance(values, Mapping) else {"query": values}, (TextField(field),)


def _fields(body: JsonObject) -> tuple[TextField, ...] | None:
    if "default_field" in body:
        if "fields" in body:
            raise UnreadableClause("it has both fields and default_field")
        return (TextField(_string("default_field", body["default_field"])),)
    if "fields" not in body:
        return None
    named = body["fields"] if isinstance(body["fields"], list) else [body["fields"]]
    return tuple(map(_field, named)) or None


def _field(value: object) -> TextField:
    name = _string("fields", value)
    if "^" not in name:
        return TextField(name)
    found = _BOOSTED.fullmatch(name)
    if found is None:
        raise UnreadableClause(f"the field {name} has no boost that is understood")
    return TextField(found["name"], float(found["boost"]))


def _text(
    kind: str, values: JsonObject, resolve: Callable[[str], str | None], longest: int | None
) -> tuple[str, tuple[Option, ...]]:
    """Return the free text, and what it cannot say."""
    value = values.get("query")
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    text = resolve(_string("query", value))
    if text is None:
        raise UnreadableClause("its text is not known before the cluster has filled the template")
    # What is too long to be encoded is not taken apart either, which would take longer.
    if kind not in _STRING_KINDS or (longest is not None and len(text) > longest):
        return text, ()
    found = free_text(kind, text)
    if found is None:
        raise UnreadableClause("its query string has operators whose reading is in doubt")
    return found.text, () if found.plain else (Option.OPERATORS,)


def _match_type(kind: str, values: JsonObject) -> str:
    """Return how the fields are compared."""
    if kind == "simple_query_string":
        # Servers add up what its fields score, and have no option for it.
        return "most_fields"
    if kind not in ("multi_match", "query_string"):
        return kind if kind in _KIND_OPTIONS or kind in _ACROSS else "best_fields"
    value = _string("type", values.get("type", "best_fields"))
    if value not in _TIES:
        raise UnreadableClause(f"the type {value} is not known")
    return value


def _asked(kind: str, name: str, value: object) -> Option | None:
    """Return which option a value asks for; None: none, or what weights do anyway."""
    if name in ("operator", "default_operator"):
        return Option.OPERATOR_AND if _choice(name, value, "and", "or") else None
    if name == "zero_terms_query":
        return Option.ZERO_TERMS_QUERY if _choice(name, value, "all", "none") else None
    if name == "lenient":
        return Option.LENIENT if _choice(name, value, "true", "false") else None
    if name == "minimum_should_match":
        return Option.MINIMUM_SHOULD_MATCH if _counts(name, value, "1") else None
    # In a query string it is only about words that ask for it, which are no free text.
    if name == "fuzziness" and kind != "query_string":
        return Option.FUZZINESS if _counts(name, value) else None
    if name == "slop":
        return Option.SLOP if _counts(name, value) else None
    return Option.ANALYZER if name == "analyzer" and _string(name, value) else None


def _choice(name: str, value: object, yes: str, no: str) -> bool:
    """Say which of two words a value is; true and false may be written as such."""
    # Else null would be the word none.
    word = str(value).lower() if isinstance(value, str | bool) else ""
    if word not in (yes, no):
        raise UnreadableClause(f"{name} is neither {yes} nor {no}")
    return word == yes


def _counts(name: str, value: object, *nothing: str) -> bool:
    """Say whether a number, or what stands for one, asks for something."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise UnreadableClause(f"{name} is neither a number nor a string")
    return str(value) not in ("0", *nothing)


def _number(name: str, value: object) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= _LARGEST:
        return float(value)
    raise UnreadableClause(f"{name} is no number from 0 on")


def _string(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise UnreadableClause(f"{name} is no string")
    return value
