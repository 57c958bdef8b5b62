"""Documents of an index, drawn by a chance that is the same each time: their titles, all their text, or all of them."""

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
    found = next(_pages(client, index, _with_any(fields), list(fields), TITLES, TITLES), [])
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
    read = tuple(dict.fromkeys((*fields, TEXT_FIELD)))
    for hits in _pages(client, index, _with_any(read), list(read), most, _PAGE):
        yield from filter(None, (_text(hit.get("_source") or {}, fields) for hit in hits))


def sample_pages(client: OpenSearch, index: str, most: int, page: int, source: object) -> Iterator[list[_Json]]:
    """Give so many documents of an index at most, lazily, `page` of them at a time, as hits.

    `source` is what `_source` of a search must be for what is wanted of them to come back.

    Raises:
        ClusterError: the cluster does not answer in full.
    """
    return _pages(client, index, {"match_all": {}}, source, most, page)


def _pages(
    client: OpenSearch, index: str, wanted: _Json, source: object, most: int, page: int
) -> Iterator[list[_Json]]:
    """Give the documents that a query wants in the order of chance."""
    # Replaced, or a document with more of the fields would come sooner.
    chance = {"random_score": {"seed": _SEED, "field": "_seq_no"}, "query": wanted, "boost_mode": "replace"}
    body = {
        "query": {"function_score": chance},
        "_source": source,
        "track_total_hits": False,
        "sort": [{"_score": "desc"}, {"_seq_no": "asc"}],
    }
    given = 0
    after: dict[str, list[Any]] = {}  # Any: what a hit was sorted by
    while given < most:
        hits = ask(client, index, {**body, "size": min(page, most - given), **after}, Mode.BM25)[0]
        if not hits:
            return
        yield hits
        given, after = given + len(hits), {"search_after": hits[-1]["sort"]}


def _with_any(fields: tuple[str, ...]) -> _Json:
    """Return a query for documents that have any of these fields."""
    return {"bool": {"should": [{"exists": {"field": field}} for field in fields]}}


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
