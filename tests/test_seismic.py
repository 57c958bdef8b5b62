"""Terms as numbers: one to one, what is lost measured, too much refused; and searched for on a real server."""

import numpy as np
import pytest
from csplade.integration.client import connect
from csplade.integration.dialect import Feature
from csplade.integration.errors import IndexConflictError
from csplade.integration.index import create_index
from csplade.integration.passages import Long
from csplade.integration.seismic import (
    MOST_LOSS,
    NUMBERS,
    Loss,
    Remap,
    Sample,
    loss_of,
    remap_of,
    require_loss,
)
from csplade.integration.seismic_field import Seismic, loss_in, remap_in, seismic_clause, seismic_of, with_seismic
from csplade.integration.templates import SEISMIC_FIELD, IndexOptions, index_body
from csplade.pipelines.errors import UsageError
from csplade.pipelines.sparse import SparseVector
from csplade.tests.cluster_lines import ClusterLine
from csplade.tests.word_encoder import word_contract

DOCUMENTS = [
    SparseVector({"a": 10.0, "b": 1.0, "rare": 0.5}),
    SparseVector({"b": 4.0, "c": 2.0}),
    SparseVector({"a": 3.0, "common": 2.5}),
]
ONE = Seismic(Remap(("a",), 1.0), Loss(0.0, 0.0, 0.0))
QUERIES = [SparseVector({"a": 2.0, "rare": 1.0}), SparseVector({"b": 0.5, "unheard": 3.0})]


def test_the_terms_with_most_weight_get_numbers_one_to_one() -> None:
    remap = remap_of(DOCUMENTS, numbers=3)
    assert remap.numbers == {"a": 0, "b": 1, "common": 2}
    assert remap.ceiling == 10.0
    assert remap.apply({"a": 1.5, "rare": 1.0}) == {"0": 1.5}
    # Numbers that the documents leave over go to other terms, which they may have tomorrow.
    more = remap_of(DOCUMENTS, 7, ["b", "later", "never", "more"])
    assert more.terms == ("a", "b", "c", "common", "later", "never", "rare")


def test_the_mapping_keeps_the_numbers_and_what_they_cost() -> None:
    seismic = seismic_of(remap_of(DOCUMENTS, numbers=3), Sample(DOCUMENTS, QUERIES), 500, most_loss=0.9)
    body = with_seismic(index_body(word_contract(), IndexOptions()), seismic)
    assert remap_in(body["mappings"]) == seismic.remap
    assert loss_in(body["mappings"]) == seismic.loss.score
    assert (body["settings"]["index"]["sparse"], body["settings"]["index"]["number_of_shards"]) == (True, 1)
    usual = index_body(word_contract(), IndexOptions())["mappings"]
    assert (remap_in(usual), loss_in(usual)) == (None, None)
    for options, said in (
        (IndexOptions(long=Long.PASSAGES), "finds documents, not passages"),
        (IndexOptions(weights_in_source=False), "keeps its weights in `_source`"),
    ):
        with pytest.raises(UsageError, match=said):
            with_seismic(index_body(word_contract(), options), seismic)
    ours = body["mappings"]["_meta"]["csplade"]
    for kept in (None, {}, {**ours["seismic"], "terms": "a"}, {**ours["seismic"], "terms": "AAAA"}):
        ours["seismic"] = kept
        with pytest.raises(IndexConflictError, match="does not tell what its numbers mean"):
            remap_in(body["mappings"])


def test_no_number_reaches_the_limit_and_none_comes_twice() -> None:
    many = [SparseVector({f"t{number}": 1.0 + number}) for number in range(NUMBERS + 100)]
    remap = remap_of(many)
    assert sorted(remap.numbers.values()) == list(range(NUMBERS))
    # The lightest are those left out.
    assert not {f"t{number}" for number in range(100)} & remap.numbers.keys()
    assert remap_of(many, known=["later"]) == remap
    with pytest.raises(UsageError, match="32769 terms cannot have numbers below 32768"):
        remap_of(many, NUMBERS + 1)
    with pytest.raises(UsageError, match="no term with a weight"):
        remap_of([SparseVector()])


def test_the_loss_is_that_of_the_formula() -> None:
    remap = remap_of(DOCUMENTS, numbers=3)
    keys = sorted({term for vector in [*DOCUMENTS, *QUERIES] for term, _ in vector})

    def dense(vectors: list[SparseVector]) -> np.ndarray:
        return np.array([[vector.weights.get(key, 0.0) for key in keys] for vector in vectors])

    known = np.array([key in remap.numbers for key in keys])
    documents, queries = dense(DOCUMENTS), dense(QUERIES)
    stored = np.round(documents * known / 10.0 * 255) * 10.0 / 255
    heaviest = (queries * known).max(axis=1, keepdims=True)
    asked = np.round(queries * known / heaviest * 255) * heaviest / 255
    exact = queries @ documents.T
    loss = loss_of(remap, DOCUMENTS, QUERIES)
    assert loss.terms == pytest.approx(2 / 5)
    assert loss.mass == pytest.approx(2.5 / documents.sum())
    assert loss.score == pytest.approx(np.abs(asked @ stored.T - exact).sum() / exact.sum())


def test_a_rare_term_that_makes_the_best_documents_is_not_lost_among_frequent_ones() -> None:
    frequent = {f"frequent{number}": 1.0 for number in range(5)}
    documents = [SparseVector({f"rare{number}": 3.0, **frequent}) for number in range(300)]
    remap = remap_of(documents, numbers=5)
    assert set(remap.terms) == set(frequent)
    # Each query's own document has 9 of 14 by its rare term; it and nine others with 5 are compared.
    assert loss_of(remap, documents, documents).score == pytest.approx(9 / (14 + 9 * 5), abs=0.001)


def test_too_much_loss_is_refused_with_what_was_measured() -> None:
    require_loss(Loss(0.5, 0.02, 0.01), most=0.01)
    with pytest.raises(UsageError, match=r"cost 1\.10% of the scores \(50\.0% of the terms and 2\.00% of their"):
        require_loss(Loss(0.5, 0.02, 0.011), most=0.01)


def test_no_field_is_made_of_a_remap_that_costs_too_much_or_cannot_be_measured() -> None:
    remap, sample = remap_of(DOCUMENTS, numbers=3), Sample(DOCUMENTS, QUERIES)
    loss = loss_of(remap, *sample)
    assert loss.score > MOST_LOSS
    with pytest.raises(UsageError, match=rf"cost {loss.score:.2%} of the scores .* at most 1\.00% is allowed"):
        seismic_of(remap, sample)
    assert seismic_of(remap, sample, 1, loss.score).loss == loss
    for nothing in (Sample([], QUERIES), Sample(DOCUMENTS, []), Sample(DOCUMENTS, [SparseVector({"unheard": 1.0})])):
        with pytest.raises(UsageError, match="no loss can be measured"):
            seismic_of(remap, nothing)


def test_numbers_that_are_not_one_to_one_below_the_limit_are_refused() -> None:
    with pytest.raises(UsageError, match="the term 'a' has two numbers"):
        Remap(("a", "b", "a"), 1.0)
    with pytest.raises(UsageError, match="32769 terms cannot have numbers below 32768"):
        Remap(tuple(map(str, range(NUMBERS + 1))), 1.0)
    assert Remap(tuple(map(str, range(NUMBERS))), 1.0).numbers["32767"] == NUMBERS - 1


def test_a_query_uses_all_bits_and_unknown_terms_find_nothing() -> None:
    remap = Remap(("a", "b"), 1.0)
    clause = seismic_clause(SparseVector({"c": 900.0, "a": 100.0, "b": 25.0}), remap, 20, 10, 1.2)
    asked = clause["neural_sparse"][SEISMIC_FIELD]
    assert asked["query_tokens"] == {"0": 32.0, "1": 8.0}
    assert asked["method_parameters"] == {"top_n": 10, "heap_factor": 1.2, "k": 20}
    assert seismic_clause(SparseVector({"c": 1.0}), remap, 10, 10, 1.2) == {"match_none": {}}


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
    if Feature.SEISMIC not in line.dialect.features:
        with pytest.raises(UsageError, match="has no SEISMIC fields"):
            create_index(connect(line.url), line.index, word_contract(), IndexOptions(), seismic=ONE)
        return
    documents, queries = random_vectors(1, 200, 40, 300), random_vectors(2, 10, 8, 300)
    known = remap_of(documents, numbers=250)
    # Every number that there can be, and the ends of them in use.
    terms = [f"unused{number}" for number in range(NUMBERS)]
    for number, term in enumerate(known.terms):
        terms[{0: 0, 1: NUMBERS - 1}.get(number, 100 * number)] = term
    remap = Remap(tuple(terms), known.ceiling)
    # A sixth of the terms have no number, which costs 8.35% of the best scores; rounding alone costs 0.28%.
    seismic = seismic_of(remap, Sample(documents, queries), 1, 0.1)
    assert seismic.loss.score == pytest.approx(0.0835, abs=0.0001)
    client = connect(line.url)
    create_index(client, line.index, word_contract(), IndexOptions(), seismic=seismic)
    lines: list[dict[str, object]] = []
    for number, document in enumerate(documents):
        lines += [{"index": {"_id": str(number)}}, {SEISMIC_FIELD: remap.apply(document.weights)}]
    assert not client.bulk(body=lines, index=line.index, params={"refresh": "true"})["errors"]
    exact = lost = 0.0
    for query in queries:
        clause = seismic_clause(query, remap, len(documents), len(query), heap_factor=2.0)
        hits = client.search(index=line.index, body={"query": clause, "size": len(documents)})["hits"]["hits"]
        assert len(hits) >= 10
        for hit in hits:
            document = documents[int(hit["_id"])]
            score = hit["_score"] * next(weight for term, weight in query if term in remap.numbers) / 32.0
            # What was seen differs by 1e-7: the server rounds as we do.
            assert score == pytest.approx(remap.asked(query).dot(remap.stored(document)), rel=1e-5)
            exact += query.dot(document)
            lost += abs(query.dot(document) - score)
    # Of the documents found, which are the better ones, it was 5.86%.
    assert 0.0 < lost / exact < seismic.loss.score
