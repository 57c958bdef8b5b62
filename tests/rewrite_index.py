"""The index of the rewriter's tests: which weights cover what, its mapping, documents, and how clauses are written."""

import random
from collections.abc import Iterator, Mapping
from typing import Any

from csplade.integration.field_map import Coverage, FieldMap
from csplade.tests.word_encoder import word_vector
from opensearchpy import OpenSearch

FIELD_MAP = FieldMap(
    (
        Coverage("csplade_terms", {"title": 1.0, "text": 1.0, "text.*": 1.0}),
        Coverage("summary_terms", {"summary": 1.0}),
        Coverage("note_terms", {"note": 2.0}),
        Coverage("passages.terms", {"passages.text": 1.0}, nested="passages"),
    ),
    default_fields=("title", "text"),
)
_UNREAD = {"type": "object", "enabled": False}
WORDS = (
    "fresh bread butter oven salt rye loaf stale crust dough yeast flour water bake knife board cloth shop market "
    "price running foxes breads baking salted ovens".split()
)
AUTHORS = ("ada", "ben", "cleo lane")
LANGS = ("en", "de", "fr")


def mapping(
    weights: str = "rank_features", analyzer: str = "english", joins: bool = True
) -> dict[str, Any]:  # Any: a JSON object
    """Return the mapping of the index; not every server has joins and every analyzer."""
    text, terms_field = {"type": "text", "analyzer": analyzer}, {"type": weights}
    properties = {
        **dict.fromkeys(("title", "summary", "note"), text),
        **dict.fromkeys(("csplade_terms", "summary_terms", "note_terms"), terms_field),
        "text": {**text, "fields": {"plain": {"type": "text"}}},
        "author": {"type": "text"},
        "lang": {"type": "keyword"},
        "year": {"type": "integer"},
        "passages": {"type": "nested", "properties": {"text": text, "terms": terms_field}},
        "relation": {"type": "join", "relations": {"recipe": "comment"}} if joins else _UNREAD,
    }
    return {"properties": properties}


def terms(text: str, field: str = "csplade_terms", boost: float = 1.0) -> dict[str, Any]:  # Any: a JSON object
    """Return the clause of a text's term weights, as OpenSearch takes it."""
    clauses = [
        {"rank_feature": {"field": f"{field}.{term}", "linear": {}, "boost": weight}}
        for term, weight in word_vector(text)
    ]
    return {"bool": {"should": clauses, **({} if boost == 1 else {"boost": boost})}}


def documents(count: int, seed: int = 8) -> Iterator[tuple[str, dict[str, Any]]]:  # Any: a JSON object
    """Give ids and sources; every seventh has no weights, every eleventh no text."""
    chance = random.Random(seed)
    for number in range(count):
        title, text, summary, note = (_words(chance, longest) for longest in (4, 14, 6, 3))
        passages = [_words(chance, 8) for _ in range(chance.randint(0, 3))]
        source: dict[str, Any] = {  # Any: a JSON object
            "lang": chance.choice(LANGS),
            "year": chance.randint(1990, 2020),
            "author": chance.choice(AUTHORS),
            "relation": "recipe",
        }
        if number % 11:
            source |= {"title": title, "text": text, "summary": summary, "note": note}
            source["passages"] = [{"text": passage, "terms": word_vector(passage).weights} for passage in passages]
        if number % 11 and number % 7:
            source["csplade_terms"] = word_vector(f"{title} {text}").weights
            source["summary_terms"] = word_vector(summary).weights
            source["note_terms"] = word_vector(note).weights
        yield f"d{number}", source


def fill_index(client: OpenSearch, index: str, count: int, mappings: dict[str, Any] | None = None) -> None:
    """Create the index with its documents, and a comment on every third."""
    settings = {"number_of_shards": 2, "number_of_replicas": 0}
    client.indices.create(index=index, body={"settings": settings, "mappings": mappings or mapping()})
    lines: list[dict[str, Any]] = []  # Any: JSON objects
    for number, (name, source) in enumerate(documents(count)):
        lines += [{"index": {"_id": name}}, source]
        if number % 3 == 0:
            text = f"{source['author']} bread"
            comment = {"text": text, "csplade_terms": word_vector(text).weights, "year": source["year"]}
            lines += [{"index": {"_id": f"{name}c", "routing": name}}]
            lines += [{**comment, "relation": {"name": "comment", "parent": name}}]
    answer = client.bulk(index=index, body=lines, params={"refresh": "true"})
    assert not answer["errors"], answer


def stored_weights(count: int) -> dict[str, Mapping[str, float]]:
    """Return the weights of the texts of an index that was filled with so many documents, comments included."""
    found: dict[str, Mapping[str, float]] = {}
    for number, (name, source) in enumerate(documents(count)):
        found[name] = source.get("csplade_terms", {})
        if number % 3 == 0:
            found[f"{name}c"] = word_vector(f"{source['author']} bread").weights
    return found


def _words(chance: random.Random, longest: int) -> str:
    return " ".join(chance.choices(WORDS, k=chance.randint(1, longest)))
