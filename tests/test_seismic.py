"""Terms as numbers: one to one, what is lost measured, too much refused; and searched for on a real server."""

import numpy as np
import pytest
from csplade.integration.client import connect
from csplade.integration.dialect import NEURAL_SEARCH, PLAIN, Feature, dialect_for
from csplade.integration.seismic import (
    MOST_LOSS,
    NUMBERS,
    Loss,
    Remap,
    Sample,
    loss_of,
    remap_of,
    require_loss,
    seismic_clause,
    seismic_index,
)
from csplade.integration.templates import WEIGHTS_FIELD, IndexOptions
from csplade.pipelines.errors import UsageError
from csplade.pipelines.sparse import SparseVector
from csplade.tests.cluster_lines import ClusterLine
from csplade.tests.word_encoder import word_contract

SEISMIC = dialect_for("opensearch", "3.6.0", (NEURAL_SEARCH,))
DOCUMENTS = [
    SparseVector({"a": 10.0, "b": 1.0, "rare": 0.5}),
    SparseVector({"b": 4.0, "c": 2.0}),
    SparseVector({"a": 3.0, "common": 2.5}),
]
ONE = Sample([SparseVector({"a": 1.0})], [SparseVector({"a": 1.0})])
QUERIES = [SparseVector({"a": 2.0, "rare": 1.0}), SparseVector({"b": 0.5, "unheard": 3.0})]


def test_the_terms_with_most_weight_get_numbers_one_to_one() -> None:
    remap = remap_of(DOCUMENTS, QUERIES, numbers=3)
    assert remap.numbers == {"a": 0, "b": 1, "common": 2}
    assert (remap.ceiling_document, remap.ceiling_query) == (10.0, 3.0)
    assert remap.apply(SparseVector({"a": 1.5, "rare": 1.0, "b": float("inf")})) == {"0": 1.5}


def test_numbers_are_kept_in_a_file() -> None:
    remap = remap_of(DOCUMENTS, QUERIES, numbers=3)
    assert Remap.from_json(remap.to_json()) == remap
    for wrong in (b"", b"[1]", b'{"numbers": {}}'):
        with pytest.raises(UsageError, match="no numbers of terms"):
            Remap.from_json(wrong)
    with pytest.raises(UsageError, match="two terms have one number"):
        Remap.from_json(b'{"numbers": {"a": 1, "b": 1}, "ceiling_document": 1.0, "ceiling_query": 1.0}')


def test_no_number_reaches_the_limit_and_none_comes_twice() -> None:
    many = [SparseVector({f"t{number}": 1.0 + number}) for number in range(NUMBERS + 100)]
    remap = remap_of(many, QUERIES)
    assert sorted(remap.numbers.values()) == list(range(NUMBERS))
    # The lightest are those left out.
    assert not {f"t{number}" for number in range(100)} & remap.numbers.keys()
    with pytest.raises(UsageError, match="32769 terms cannot have numbers below 32768"):
        remap_of(many, QUERIES, NUMBERS + 1)
    with pytest.raises(UsageError, match="no term with a weight"):
        remap_of([SparseVector()], QUERIES)


def test_the_loss_is_that_of_the_formula() -> None:
    remap = remap_of(DOCUMENTS, QUERIES, numbers=3)
    keys = sorted({term for vector in [*DOCUMENTS, *QUERIES] for term, _ in vector})

    def dense(vectors: list[SparseVector]) -> np.ndarray:
        return np.array([[vector.weights.get(key, 0.0) for key in keys] for vector in vectors])

    known = np.array([key in remap.numbers for key in keys])
    documents, queries = dense(DOCUMENTS), dense(QUERIES)
    stored = np.round(documents * known / 10.0 * 255) * 10.0 / 255
    asked = np.round(queries * known / 3.0 * 255) * 3.0 / 255
    exact = queries @ documents.T
    loss = loss_of(remap, DOCUMENTS, QUERIES)
    assert loss.terms == pytest.approx(2 / 5)
    assert loss.mass == pytest.approx(2.5 / documents.sum())
    assert loss.score == pytest.approx(np.abs(asked @ stored.T - exact).sum() / exact.sum())


def test_too_much_loss_is_refused_with_what_was_measured() -> None:
    require_loss(Loss(0.5, 0.02, 0.01), most=0.01)
    with pytest.raises(UsageError, match=r"cost 1\.10% of the scores \(50\.0% of the terms and 2\.00% of their weight"):
        require_loss(Loss(0.5, 0.02, 0.011), most=0.01)


def test_a_cluster_without_such_fields_is_refused() -> None:
    remap = Remap({"a": 0}, 1.0, 1.0)
    with pytest.raises(UsageError, match="has no SEISMIC fields"):
        seismic_index(word_contract(), IndexOptions(), PLAIN, remap, ONE, 1)
    made = seismic_index(word_contract(), IndexOptions(), SEISMIC, remap, ONE, 1)
    assert (made.body["settings"]["index"]["sparse"], made.loss) == (True, Loss(0.0, 0.0, 0.0))


def test_no_index_is_made_of_a_remap_that_costs_too_much_or_cannot_be_measured() -> None:
    remap, sample = remap_of(DOCUMENTS, QUERIES, numbers=3), Sample(DOCUMENTS, QUERIES)
    loss = loss_of(remap, *sample)
    assert loss.score > MOST_LOSS
    with pytest.raises(UsageError, match=rf"cost {loss.score:.2%} of the scores .* at most 1\.00% is allowed"):
        seismic_index(word_contract(), IndexOptions(), SEISMIC, remap, sample, 1)
    assert seismic_index(word_contract(), IndexOptions(), SEISMIC, remap, sample, 1, loss.score).loss == loss
    for nothing in (Sample([], QUERIES), Sample(DOCUMENTS, []), Sample(DOCUMENTS, [SparseVector({"unheard": 1.0})])):
        with pytest.raises(UsageError, match="no loss can be measured"):
            seismic_index(word_contract(), IndexOptions(), SEISMIC, remap, nothing, 1)


@pytest.mark.parametrize(
    ("numbers", "said"),
    [({"a": 1, "b": 1}, "two terms have one number"), ({"a": -1}, "'a' has the number -1"), ({"a": NUMBERS}, "32768")],
)
def test_numbers_that_are_not_one_to_one_below_the_limit_are_refused(numbers: dict[str, int], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Remap(numbers, 1.0, 1.0)


def test_a_query_that_the_clause_would_refuse_is_told() -> None:
    remap = Remap({"a": 0}, 1.0, 100.0)
    with pytest.raises(UsageError, match=r"weighs 64\.5, and a SEISMIC field takes at most 64"):
        seismic_clause(SparseVector({"a": 64.5}), remap, 10, 10)
    assert seismic_clause(SparseVector({"b": 1.0}), remap, 10, 10) == {"match_none": {}}


def random_vectors(seed: int, count: int, terms: int, vocabulary: int) -> list[SparseVector]:
    random = np.random.default_rng(seed)
    return [
        SparseVector.from_pairs(
            (f"t{term}", float(weight))
            for term, weight in zip(
                random.choice(vocabulary, size=terms, replace=False), random.gamma(2.0, 0.5, size=terms), strict=True
            )
        )
        for _ in range(count)
    ]


@pytest.mark.cluster
def test_scores_on_a_server_are_those_that_the_loss_was_measured_with(line: ClusterLine) -> None:
    documents, queries = random_vectors(1, 200, 40, 300), random_vectors(2, 10, 8, 300)
    remap = remap_of(documents, queries, numbers=250)
    # The ends of what a number may be.
    ends = dict(zip(list(remap.numbers)[:2], (0, NUMBERS - 1), strict=True))
    spread = {term: 100 * number + 100 for term, number in remap.numbers.items()} | ends
    remap = Remap(spread, remap.ceiling_document, remap.ceiling_query)
    if Feature.SEISMIC not in line.dialect.features:
        with pytest.raises(UsageError, match="has no SEISMIC fields"):
            seismic_index(word_contract(), IndexOptions(), line.dialect, remap, Sample(documents, queries), 1)
        return
    client = connect(line.url)
    # A sixth of the terms have no number, which costs 9.40% of these scores; rounding alone costs 0.60%.
    body, loss = seismic_index(word_contract(), IndexOptions(), line.dialect, remap, Sample(documents, queries), 1, 0.1)
    assert loss.score == pytest.approx(0.0940, abs=0.0001)
    client.indices.create(index=line.index, body=body)
    lines: list[dict[str, object]] = []
    for number, document in enumerate(documents):
        lines += [{"index": {"_id": str(number)}}, {WEIGHTS_FIELD: remap.apply(document)}]
    assert not client.bulk(body=lines, index=line.index, params={"refresh": "true"})["errors"]
    exact = lost = 0.0
    for query in queries:
        clause = seismic_clause(query, remap, len(documents), len(query), heap_factor=2.0)
        hits = client.search(index=line.index, body={"query": clause, "size": len(documents)})["hits"]["hits"]
        assert len(hits) >= 10
        for hit in hits:
            document = documents[int(hit["_id"])]
            # What was seen differs by 1e-7: the server rounds as we do.
            assert hit["_score"] == pytest.approx(remap.asked(query).dot(remap.stored(document)), rel=1e-5)
            exact += query.dot(document)
            lost += abs(query.dot(document) - hit["_score"])
    # Of the documents found, which are the better ones, it was 5.86%.
    assert 0.0 < lost / exact < loss.score
