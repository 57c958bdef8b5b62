"""What a good hit scores in an index, by terms and by BM25: measured after ingest, kept in the mapping.

Some documents are asked for by their own titles, or the first words of their texts; the best hit of each gives a score,
and their mean is the scale. Divided by its scale, a score of terms and one of BM25 can be added.
"""

from collections.abc import Iterable
from typing import Any

from csplade.integration.dialect import Dialect
from csplade.integration.encoder import Encoder
from csplade.integration.index import keep_in_meta, mapping_of, our_meta
from csplade.integration.query import Mode, QueryOptions, Question, Scales
from csplade.integration.search import search_many
from csplade.integration.templates import TEXT_FIELD, TITLE_FIELD
from csplade.pipelines.errors import UsageError
from opensearchpy import OpenSearch

SAMPLE = 64
"""Documents that are asked for."""
_WORDS = 8
_SEED = 20260101


def calibrate(client: OpenSearch, index: str, encoder: Encoder, dialect: Dialect) -> Scales:
    """Measure the scales of an index and keep them in its mapping.

    Raises:
        UsageError: no document of the sample finds anything.
        ClusterError: the cluster does not answer in full, or does not let this user change the mapping.
    """
    texts = sample_texts(client, index)
    questions = [Question(text, vector) for text, vector in zip(texts, encoder.queries(texts), strict=True)]
    best = {
        mode: _best(client, index, questions, QueryOptions(mode, dialect=dialect)) for mode in (Mode.SPARSE, Mode.BM25)
    }
    if not all(best.values()):
        raise UsageError(
            f"the {len(texts)} documents of the index {index!r} that were asked for by their titles find nothing, so "
            "there is no scale: ingest documents with text first"
        )
    scales = Scales(*(sum(scores) / len(scores) for scores in best.values()))
    keep_in_meta(client, index, {"scales": {"sparse": scales.sparse, "bm25": scales.bm25}})
    return scales


def read_scales(client: OpenSearch, index: str) -> Scales | None:
    """Return the scales that were kept with an index (or the one behind an alias), None if there are none."""
    _, mapping = mapping_of(client, index)
    kept = our_meta(mapping).get("scales")
    return None if kept is None else Scales(float(kept["sparse"]), float(kept["bm25"]))


def sample_texts(client: OpenSearch, index: str) -> list[str]:
    """Return titles, or beginnings of texts, of documents by a chance that is the same each time.

    Raises:
        ClusterError: the cluster does not answer.
    """
    chance = {"random_score": {"seed": _SEED, "field": "_seq_no"}, "query": {"exists": {"field": TEXT_FIELD}}}
    body = {"query": {"function_score": chance}, "size": SAMPLE, "_source": [TITLE_FIELD, TEXT_FIELD]}
    found = client.search(index=index, body=body)["hits"]["hits"]
    texts = (_beginning(hit.get("_source") or {}) for hit in found)
    return [text for text in texts if text]


def _beginning(source: dict[str, Any]) -> str:  # Any: a JSON object
    return source.get(TITLE_FIELD) or " ".join((source.get(TEXT_FIELD) or "").split()[:_WORDS])


def _best(client: OpenSearch, index: str, questions: Iterable[Question], options: QueryOptions) -> list[float]:
    return [hits[0].score for hits in search_many(client, index, questions, options, 1) if hits]
