"""Words of an index are counted and queries fitted on each line of servers, behind aliases too and of other fields."""

from collections.abc import Iterable
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from csplade.integration.calibrate import (
    FEWEST,
    Kept,
    calibrate,
    calibrate_grown,
    calibrate_scores,
    calibrate_words,
    read_kept,
)
from csplade.integration.documents import Document, bulk_lines
from csplade.integration.enrich import prepare_index
from csplade.integration.index import create_index, require_index
from csplade.integration.index_facts import facts_of
from csplade.integration.index_mapping import keep_in_meta, mapping_of
from csplade.integration.query import QueryOptions, Question
from csplade.integration.sample import sample_texts
from csplade.integration.search import search
from csplade.integration.templates import TEXT_FIELDS_KEY, IndexOptions
from csplade.pipelines.calibration import Calibration, calibration_of
from csplade.pipelines.contract import Literal
from csplade.tests.cluster_lines import ClusterLine
from csplade.tests.word_encoder import WordEncoder, word_contract, word_vector

pytestmark = pytest.mark.cluster

LITERAL = Literal(1.2, 0.75, average_words=90.0, default_idf=7.0, analysis="plain")
TEXTS = [f"flow {'wing' if number % 3 else 'nose'} case{number}" for number in range(600)]
"""More than are drawn in one request."""
COUNT = partial(calibration_of, idf={"flow": 5.0, "nose": 6.0}, literal=LITERAL)
ROUNDING = 0.004


def fill(line: ClusterLine, texts: Iterable[str], first: int = 0, **fields: Any) -> None:  # noqa: ANN401 - JSON values
    lines = b"".join(
        bulk_lines(Document(str(number), text, None, fields), word_vector(text))
        for number, text in enumerate(texts, start=first)
    )
    answer = line.client.bulk(body=lines, index=line.index, params={"refresh": "true"})
    assert not answer["errors"], answer


@pytest.fixture
def filled(line: ClusterLine) -> ClusterLine:
    create_index(line.client, line.index, word_contract(), IndexOptions(analyzer=line.analyzer))
    fill(line, TEXTS)
    return line


def drawn(line: ClusterLine, most: int) -> list[str]:
    _, mapping = mapping_of(line.client, line.index)
    return list(sample_texts(line.client, line.index, mapping, most))


def test_each_document_is_drawn_once_and_some_are_drawn_by_chance(filled: ClusterLine) -> None:
    assert sorted(drawn(filled, 5000)) == sorted(TEXTS)
    some = drawn(filled, 300)
    assert len(set(some)) == len(some) == 300
    assert set(some) != set(TEXTS[:300])


def test_scores_are_those_of_the_fitted_query(filled: ClusterLine) -> None:
    fitted = calibrate_words(filled.client, filled.index, COUNT)
    assert fitted == COUNT(TEXTS)
    question = Question("flow around a nose", word_vector("flow around a nose"))
    options = facts_of(filled.client, filled.index, word_contract()).settle(QueryOptions())
    assert options.calibration == fitted
    found = search(filled.client, filled.index, question, options, 5)
    for hit in found:
        exact = fitted.applied(question.vector).dot(word_vector(TEXTS[int(hit.id)]))
        assert hit.score == pytest.approx(exact, rel=ROUNDING)
        assert "nose" in TEXTS[int(hit.id)]


def test_another_encoder_has_no_use_for_what_was_counted(filled: ClusterLine) -> None:
    assert calibrate_words(filled.client, filled.index, COUNT) is not None
    prepare_index(filled.client, filled.index, word_contract(opset=2), replace_encoder=True)
    assert read_kept(filled.client, filled.index).calibration is None
    # And counts for itself, though the index has not grown.
    assert calibrate_grown(filled.client, filled.index, COUNT, len(TEXTS)) == Kept(None, COUNT(TEXTS))


def test_a_filtered_alias_counts_its_whole_index(filled: ClusterLine) -> None:
    alias = f"alias-{uuid4().hex}"
    body = {"filter": {"match": {"text": "nose"}}}
    filled.client.indices.put_alias(index=filled.index, name=alias, body=body)
    assert calibrate_words(filled.client, alias, COUNT) == COUNT(TEXTS)
    assert read_kept(filled.client, filled.index).calibration == COUNT(TEXTS)


def test_what_is_counted_is_what_is_encoded(line: ClusterLine) -> None:
    create_index(line.client, line.index, word_contract(), IndexOptions(analyzer=line.analyzer))
    keep_in_meta(line.client, line.index, {TEXT_FIELDS_KEY: ["about.body"]})
    for number in range(3):
        source = {"about": {"body": f"inner {number}"}, "title": "outer"}
        line.client.index(index=line.index, id=str(number), body=source, params={"refresh": "true"})
    assert sorted(drawn(line, 10)) == ["inner 0", "inner 1", "inner 2"]


def test_an_index_without_text_has_nothing_to_count(line: ClusterLine) -> None:
    create_index(line.client, line.index, word_contract(), IndexOptions(analyzer=line.analyzer))
    assert drawn(line, 10) == []
    assert calibrate_words(line.client, line.index, COUNT) is None


def test_it_is_counted_again_when_it_has_doubled_and_not_before(filled: ClusterLine) -> None:
    def grown(documents: int) -> Calibration | None:
        found = calibrate_grown(filled.client, filled.index, COUNT, documents)
        return None if found is None else found.calibration

    assert grown(FEWEST - 1) is None
    assert grown(len(TEXTS)) == COUNT(TEXTS)
    assert grown(2 * len(TEXTS) - 1) is None
    more = [f"lift {number}" for number in range(600)]
    fill(filled, more, first=600)
    assert grown(2 * len(TEXTS)) == COUNT([*TEXTS, *more])


def test_too_few_texts_are_not_counted_each_time(line: ClusterLine) -> None:
    create_index(line.client, line.index, word_contract(), IndexOptions(analyzer=line.analyzer))
    fill(line, [*TEXTS[:10], *([""] * 250)])
    asked = 0

    def count(texts: Iterable[str]) -> Calibration:
        nonlocal asked
        asked += 1
        return COUNT(texts)

    assert calibrate_grown(line.client, line.index, count, 260) == Kept(None, None)
    assert calibrate_grown(line.client, line.index, count, 260) is None
    assert asked == 1


def test_scores_are_measured_with_the_words_and_anew_with_them(filled: ClusterLine) -> None:
    def grown(documents: int) -> Kept | None:
        return calibrate_grown(filled.client, filled.index, COUNT, documents, WordEncoder)

    first = grown(len(TEXTS))
    assert first is not None
    assert first == read_kept(filled.client, filled.index)
    dialect = require_index(filled.client, filled.index, word_contract())
    alone = calibrate_scores(filled.client, filled.index, WordEncoder(), dialect, COUNT(TEXTS))
    assert first == Kept(alone, COUNT(TEXTS))
    fill(filled, [f"lift {number} {'wing ' * (number % 9)}" for number in range(600)], first=600)
    second = grown(2 * len(TEXTS))
    assert second is not None
    assert second == read_kept(filled.client, filled.index)
    assert second == calibrate(filled.client, filled.index, COUNT, WordEncoder())
    assert None is not second.scales != first.scales


def test_scales_are_not_lost_where_nobody_can_measure_them_anew(filled: ClusterLine) -> None:
    assert calibrate_grown(filled.client, filled.index, COUNT, len(TEXTS), WordEncoder) is not None
    before = read_kept(filled.client, filled.index)
    assert calibrate_grown(filled.client, filled.index, COUNT, 2 * len(TEXTS)) is None
    assert read_kept(filled.client, filled.index) == before


def test_an_encoder_whose_terms_are_no_words_gets_its_scales_all_the_same(filled: ClusterLine) -> None:
    found = calibrate_grown(filled.client, filled.index, None, len(TEXTS), WordEncoder)
    assert found is not None
    assert found.calibration is None
    assert found.scales is not None
    assert found == read_kept(filled.client, filled.index)
    assert calibrate_grown(filled.client, filled.index, None, len(TEXTS), WordEncoder) is None
