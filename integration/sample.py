"""Documents of an index, drawn by a chance that is the same each time: their titles, or all their text."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from csplade.integration.answers import ask
from csplade.integration.documents import DEFAULT_TEXT_FIELDS, RecordError
from csplade.integration.encoded_text import encoded_text, joined
from csplade.integration.query import Mode
from csplade.integration.reindex_mapping import chosen_fields
from csplade.integration.templates import TEXT_FIELD, TITLE_FIELD
from csplade.pipelines.errors import UsageError
from opensearchpy import OpenSearch

TITLES = 64
"""Documents that are asked for by their titles."""
_WORDS = 8
_SEED = 20260101
_PAGE = 250
"""Whole texts come back, which may be long."""

_Json = Mapping[str, Any]  # Any: a JSON object


def sample_titles(client: OpenSearch, index: str, fields: tuple[str, ...] = DEFAULT_TEXT_FIELDS) -> list[str]:
    """Return titles, or beginnings of texts, of some documents: of each the first of these fields that has any.

    Raises:
        ClusterError: the cluster does not answer in full.
    """
    found = _page(client, index, fields, TITLES, None)
    texts = (_beginning(hit.get("_source") or {}, fields) for hit in found)
    return [text for text in texts if text]


def sample_texts(client: OpenSearch, index: str, mapping: _Json, most: int) -> Iterator[str]:
    """Give what is encoded of so many documents at most, lazily; of those that have any.

    Raises:
        ClusterError: the cluster does not answer in full, or the index does not keep its documents.
    """
    try:
        fields = chosen_fields(mapping, index, ())
    except UsageError:
        # No document has any text yet.
        return
    given, after = 0, None
    read = tuple(dict.fromkeys((*fields, TEXT_FIELD)))
    while given < most and (hits := _page(client, index, read, min(_PAGE, most - given), after)):
        given, after = given + len(hits), hits[-1]["sort"]
        yield from filter(None, (_text(hit.get("_source") or {}, fields) for hit in hits))


def _page(
    client: OpenSearch, index: str, fields: tuple[str, ...], size: int, after: list[Any] | None
) -> list[_Json]:  # Any: what a hit was sorted by
    """Return the next documents in the order of chance."""
    there = {"bool": {"should": [{"exists": {"field": field}} for field in fields]}}
    # Replaced, or a document with more of the fields would come sooner.
    chance = {"random_score": {"seed": _SEED, "field": "_seq_no"}, "query": there, "boost_mode": "replace"}
    body = {
        "query": {"function_score": chance},
        "size": size,
        "_source": list(fields),
        "track_total_hits": False,
        "sort": [{"_score": "desc"}, {"_seq_no": "asc"}],
    }
    return ask(client, index, body if after is None else {**body, "search_after": after}, Mode.BM25)[0]


def beginning(text: str) -> str:
    """Return the first words of a text, as somebody might ask for it."""
    return " ".join(text.split()[:_WORDS])


def _beginning(source: _Json, fields: tuple[str, ...]) -> str:
    for name in fields:
        with suppress(RecordError):
            if text := joined(source, (name,)):
                return text if name == TITLE_FIELD else beginning(text)
    return ""


def _text(source: _Json, fields: tuple[str, ...]) -> str:
    try:
        return encoded_text(source, fields).text
    except RecordError:
        # An object in a field that others write as text: one document less in the sample.
        return ""
