"""What an index of ours takes over from the index that is copied into it: fields, and what these need; pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from csplade.integration.documents import DEFAULT_TEXT_FIELDS, OUR_FIELDS
from csplade.integration.errors import IndexConflictError
from csplade.integration.index_mapping import our_meta
from csplade.integration.mapped_fields import mapped_fields
from csplade.integration.source_filter import keeps, left_out
from csplade.integration.templates import PASSAGE_WEIGHTS, PASSAGES_FIELD, TEXT_FIELD, TITLE_FIELD, WEIGHTS_FIELD
from csplade.integration.text_fields import recorded_fields
from csplade.pipelines.errors import UsageError

_Json = Mapping[str, Any]  # Any: a JSON object

# What decides how fields are made that no mapping names, and where documents go.
_KEPT = (
    *("dynamic", "dynamic_templates", "dynamic_date_formats", "date_detection", "numeric_detection"),
    *("_routing", "runtime"),
)
# Settings that mappings and searches need; those of placement, speed and life are the new index's own.
_SETTINGS = frozenset(
    {
        *("analysis", "similarity", "mapping", "max_ngram_diff", "max_shingle_diff", "knn", "sparse", "sort"),
        *("query", "query_string", "highlight", "analyze"),
        *("max_result_window", "max_inner_result_window", "max_rescore_window", "max_docvalue_fields_search"),
        *("max_script_fields", "max_terms_count", "max_regex_length"),
    }
)
_SORT = "sort"
_TEXT_TYPES = frozenset({"text", "match_only_text", "semantic_text"})


def chosen_fields(mapping: _Json, index: str, asked: Sequence[str], replaces_text: bool = False) -> tuple[str, ...]:
    """Return the text fields of an index that are encoded: those asked for, else `title` and `text`, as far as there.

    Of an index that csplade made those that it was filled with: `ingest` has put them into `text`, and the mapping need
    not have them.
    `replaces_text`: what `text` holds was made of these fields before, and may be made anew.

    Raises:
        UsageError: there is no such field, or `text` would be lost.
        IndexConflictError: the index does not keep what its documents hold.
    """
    if mapping.get("_source", {}).get("enabled", True) is False:
        raise IndexConflictError(f"the index {index!r} keeps no `_source`, so there is nothing to copy: ingest anew")
    kinds = {one.name: one.kind for one in mapped_fields(mapping.get("properties", {})) if not one.beside}
    if not asked and our_meta(mapping):
        return recorded_fields(mapping) or DEFAULT_TEXT_FIELDS
    asked = asked or [name for name in DEFAULT_TEXT_FIELDS if name in kinds]
    # What stands in `text` alone is no field of the mapping.
    known = {*kinds, *(recorded_fields(mapping) or ())}
    missing = [name for name in asked if name not in known]
    if missing or not asked:
        texts = ", ".join(name for name, kind in kinds.items() if kind in _TEXT_TYPES) or "none"
        what = f"the index {index!r} has no field {missing[0] if missing else TEXT_FIELD!r}"
        raise UsageError(f"{what} (its text fields: {texts}): name those to encode with --text-fields")
    if not replaces_text and TEXT_FIELD not in asked and TEXT_FIELD in mapping.get("properties", {}):
        raise UsageError(
            f"what the index {index!r} holds in {TEXT_FIELD!r} would be replaced by the text that is encoded: add "
            f"{TEXT_FIELD} to --text-fields"
        )
    return tuple(asked)


def encoded_from(mapping: _Json, fields: Sequence[str]) -> tuple[str, ...]:
    """Return the fields of an index of which the text is made that is encoded, if these are its text fields.

    Where `ingest` has joined them and kept none, they stand in `text`.
    """
    there = {one.name for one in mapped_fields(mapping.get("properties", {})) if not one.beside}
    named = tuple(name for name in fields if name in there)
    if TEXT_FIELD in named or TEXT_FIELD not in there or any(name != TITLE_FIELD for name in named):
        return named
    return *named, TEXT_FIELD


def check_whole(mapping: _Json, index: str, fields: Sequence[str], partly: bool) -> None:
    """Check that what is copied of an index is all that its documents had, or with `partly` at least these text fields.

    Weights that csplade's own indexes may leave out of `_source` are made anew.

    Raises:
        IndexConflictError: `_source` lacks others.
    """
    lacking = left_out(mapping, OUR_FIELDS | {PASSAGE_WEIGHTS})
    begin = f"the index {index!r} leaves {lacking} out of `_source`"
    if lacking and not partly:
        raise IndexConflictError(
            f"{begin}, so that no copy could have them: `csplade ingest` the documents anew from where they came, or "
            "copy them without these by --without-excluded-fields"
        )
    texts = [name for name in fields if not keeps(mapping, name)]
    if lacking and texts:
        raise IndexConflictError(f"{begin}, and so {texts[0]!r}, which is to be encoded: name other --text-fields")


def taken_over(body: _Json, mapping: _Json, settings: _Json) -> dict[str, Any]:  # Any: a JSON object
    """Return the body of a new index of ours with the fields of an old one, and all that these need.

    `settings` are those of the old index, without the `index` around them.
    """
    ours = body["mappings"]
    kept = {name: mapping[name] for name in _KEPT if name in mapping}
    properties = {**missing_fields(mapping, {}), **ours["properties"]}
    for name in (TITLE_FIELD, TEXT_FIELD):
        # Subfields such as title.keyword, by which applications sort.
        if "fields" in (old := mapping.get("properties", {}).get(name, {})):
            properties[name] = {**properties[name], "fields": old["fields"]}
    needed = needed_settings(settings)
    if _SORT in needed and not _may_sort(needed[_SORT], missing_fields(mapping, {}), ours["properties"]):
        del needed[_SORT]
    return {
        **body,
        "settings": {"index": {**needed, **body["settings"]["index"]}},
        "mappings": {**ours, **kept, "properties": properties},
    }


def needed_settings(settings: _Json) -> dict[str, Any]:  # Any: a JSON object
    """Return those settings of an index that its mapping and searches in it need."""
    # Where a setting has a value and others below it, as `knn` has, those have dots in their names.
    return {name: value for name, value in settings.items() if name.partition(".")[0] in _SETTINGS}


def without_sort(settings: _Json) -> dict[str, Any]:  # Any: a JSON object
    """Return settings of an index whose documents are in no order, so that it may lack the fields of that order."""
    return {name: value for name, value in settings.items() if name != _SORT}


def _may_sort(sort: _Json, taken: _Json, ours: _Json) -> bool:
    """Say whether the order of an old index fits a new one: its fields are taken as they are, and none is nested."""
    names = sort.get("field", [])
    names = [names] if isinstance(names, str) else names
    return PASSAGES_FIELD not in ours and all(name.partition(".")[0] in taken for name in names)


def missing_fields(old: _Json, new: _Json) -> dict[str, Any]:  # Any: a JSON object
    """Return the fields of an old mapping that a new one does not have."""
    properties: _Json = old.get("properties", {})
    own = OUR_FIELDS | {TEXT_FIELD, TITLE_FIELD, WEIGHTS_FIELD}
    return {
        name: field for name, field in properties.items() if name not in own and name not in new.get("properties", {})
    }
