"""What an index says of its own words and scores, measured and kept in its mapping, so that queries fit it.

* How frequent words are in its documents: what the weights of queries are multiplied by, see `pipelines.calibration`.
* What a good hit scores, by terms and by BM25: some documents are asked for by their own titles, or the first words of
  their texts; the mean of the best hits' scores is the scale. Divided by it, scores of terms and BM25 can be added.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from csplade.integration.answers import count_documents
from csplade.integration.dialect import Dialect
from csplade.integration.encoder import Encoder
from csplade.integration.index import dialect_of
from csplade.integration.index_mapping import keep_in_meta, mapping_of, our_meta
from csplade.integration.query import Mode, QueryOptions, Question, Scales
from csplade.integration.sample import sample_texts, sample_titles
from csplade.integration.search import search_many
from csplade.pipelines.calibration import Calibration, Count, read_calibration
from csplade.pipelines.errors import UsageError
from opensearchpy import OpenSearch

SAMPLE = 5000
"""Documents whose words are counted at most."""
FEWEST = 200
"""Documents that say something about others."""
CALIBRATION_KEY = "calibration"
"""In our part of `_meta`: `Calibration.to_json`, beside the encoder's fingerprint and how many documents the index held
(`of`); without factors if they were too few; false if nobody wants any."""
SCALES_KEY = "scales"

_Json = Mapping[str, Any]  # Any: JSON values


class NoScaleError(UsageError):
    """Scores cannot be measured: no document that is asked for by its title finds anything."""


@dataclass(frozen=True)
class Kept:
    """What an index holds of all this."""

    scales: Scales | None
    calibration: Calibration | None


def calibrate(client: OpenSearch, index: str, count: Count | None, encoder: Encoder | None) -> Kept:
    """Measure how frequent words are, and what a good hit of the queries that fit them scores; keep both in one step.

    No factor is kept if the index has too few documents or nothing counts words; without an encoder, no scale.

    Raises:
        ClusterError: the cluster does not answer in full, or does not let this user change the mapping.
    """
    # By its own name: what an alias stands for may change meanwhile, or be a part of it.
    return _calibrate(client, *mapping_of(client, index), count, encoder)


def calibrate_words(client: OpenSearch, index: str, count: Count) -> Calibration | None:
    """Measure how frequent words are and keep it; None, and no factor is kept, if the index has too few documents.

    Scales that were measured before are those of other queries, and are dropped.

    Raises:
        ClusterError: as `calibrate`.
    """
    return calibrate(client, index, count, None).calibration


def calibrate_grown(
    client: OpenSearch,
    index: str,
    count: Count | None,
    documents: int,
    opened: Callable[[], Encoder | None] = lambda: None,
) -> Kept | None:
    """Measure an index of so many documents for the first time, or anew if it was far smaller; else None.

    Neither is done where nobody wants factors, nor where scales would be lost as no encoder can be `opened`.

    Raises:
        ClusterError: as `calibrate`.
    """
    name, mapping = mapping_of(client, index)
    ours = our_meta(mapping)
    before = _measured(ours).get("of", 0)
    grown = before < SAMPLE and documents >= max(FEWEST, 2 * before)
    if ours.get(CALIBRATION_KEY) is False or not grown:
        return None
    encoder = opened()
    if encoder is None and SCALES_KEY in ours:
        return None
    return _calibrate(client, name, mapping, count, encoder)


def _calibrate(client: OpenSearch, name: str, mapping: _Json, count: Count | None, encoder: Encoder | None) -> Kept:
    counted = None if count is None else count(sample_texts(client, name, mapping, SAMPLE))
    words = counted if counted is not None and counted.documents >= FEWEST else None
    scales = None if encoder is None else _scales(client, name, encoder, dialect_of(client, mapping), words)
    about = {
        "fingerprint": our_meta(mapping).get("fingerprint"),
        "of": count_documents(client, name, {"match_all": {}}),
    }
    stored = about if words is None else {**about, **words.to_json()}
    # One without the other would fit no query that is sent meanwhile.
    keep_in_meta(client, name, {CALIBRATION_KEY: stored, SCALES_KEY: None if scales is None else asdict(scales)})
    return Kept(scales, words)


def forget(client: OpenSearch, index: str) -> bool:
    """Let queries be sent as encoded until somebody calibrates again; return whether anything was measured.

    Raises:
        ClusterError: as `calibrate`.
    """
    kept = read_kept(client, index)
    keep_in_meta(client, index, {CALIBRATION_KEY: False, SCALES_KEY: None})
    return kept != Kept(None, None)


def read_kept(client: OpenSearch, index: str) -> Kept:
    """Return what is kept with an index (or the one behind an alias)."""
    return kept_in(mapping_of(client, index)[1])


def kept_in(mapping: _Json) -> Kept:
    """Return what the mapping of an index keeps."""
    ours = our_meta(mapping)
    scales = ours.get(SCALES_KEY)
    return Kept(
        None if scales is None else Scales(float(scales["sparse"]), float(scales["bm25"])),
        kept_calibration(ours),
    )


def kept_calibration(ours: _Json) -> Calibration | None:
    """Return what was measured for the encoder of an index, from our part of its `_meta`; None if nothing was."""
    return read_calibration(_measured(ours))


def _measured(ours: _Json) -> _Json:
    stored = ours.get(CALIBRATION_KEY)
    if isinstance(stored, dict) and stored.get("fingerprint") == ours.get("fingerprint"):
        return stored
    return {}


def calibrate_scores(
    client: OpenSearch, index: str, encoder: Encoder, dialect: Dialect, calibration: Calibration | None = None
) -> Scales:
    """Measure the scales of an index whose queries are fitted by `calibration`, and keep them.

    Raises:
        NoScaleError: no document of the sample finds anything.
        ClusterError: as `calibrate`.
    """
    scales = _scales(client, index, encoder, dialect, calibration)
    if scales is None:
        raise NoScaleError(why_no_scale(index))
    keep_in_meta(client, index, {SCALES_KEY: asdict(scales)})
    return scales


def why_no_scale(index: str) -> str:
    """Return what to say where no document finds anything."""
    return (
        f"of the documents of the index {index!r} that were asked for by their titles none finds anything, so there is "
        "no scale: ingest documents with text first"
    )


def _scales(
    client: OpenSearch, index: str, encoder: Encoder, dialect: Dialect, calibration: Calibration | None
) -> Scales | None:
    options = QueryOptions(dialect=dialect, calibration=calibration)
    texts = sample_titles(client, index)
    questions = [Question(text, vector) for text, vector in zip(texts, encoder.queries(texts), strict=True)]
    sparse, bm25 = (_best(client, index, questions, options, mode) for mode in (Mode.SPARSE, Mode.BM25))
    return Scales(sum(sparse) / len(sparse), sum(bm25) / len(bm25)) if sparse and bm25 else None


def _best(
    client: OpenSearch, index: str, questions: Iterable[Question], options: QueryOptions, mode: Mode
) -> list[float]:
    asked = replace(options, mode=mode)
    return [hits[0].score for hits in search_many(client, index, questions, asked, 1) if hits]
