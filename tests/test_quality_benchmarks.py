"""What `benchmarks/parts.py` and `benchmarks/dense.py` say, from the shipped encoder and the example collection."""

from pathlib import Path
from statistics import fmean

import pytest
from csplade.benchmarks.dense import compared, merged, plot
from csplade.benchmarks.parts import ROWS, measured
from csplade.commands.options import SHIPPED_ENCODER
from csplade.pipelines.development import BEST_MEASURE, Development, read_development
from csplade.pipelines.encode import Encoder
from csplade.pipelines.quantize_measure import encoded, ndcg

EXAMPLE = Path(__file__).parents[1] / "docs" / "example"


@pytest.fixture(scope="module")
def development() -> Development:
    return read_development(EXAMPLE, 1000)


def test_parts_are_those_of_the_encoder_itself(development: Development) -> None:
    found, whole = measured(SHIPPED_ENCODER, development), encoded(Encoder.open(SHIPPED_ENCODER), development)
    assert found.ndcg.keys() == ROWS.keys()
    assert found.ndcg["gates and expansion"] == pytest.approx(ndcg(whole, development))
    assert found.ndcg["literal path, all gates at 1"] < found.ndcg["gates and expansion"]
    assert found.document_terms == pytest.approx(fmean(map(len, whole.documents.values())))
    assert found.query_terms == pytest.approx(fmean(map(len, whole.queries.values())))
    # The card promises at least 20 terms that are not a document's own.
    assert 20 <= found.added_terms < found.document_terms


def test_systems_are_compared_with_each_other(development: Development, tmp_path: Path) -> None:
    relevant = {
        query: [one for one, grade in found.items() if grade > 0]
        for query, found in development.collection.judgments.items()
    }
    others = {
        query: [one for one in development.documents if one not in set(found)] for query, found in relevant.items()
    }
    half = {query: found if number % 2 else others[query] for number, (query, found) in enumerate(relevant.items())}
    rows = compared(development, {"bm25": others, "dense": relevant, "sparse": half})
    assert rows["dense"][BEST_MEASURE] == 1.0
    assert rows["bm25"][BEST_MEASURE] == 0.0
    assert rows["bm25"]["p (bm25)"] == 1.0
    assert rows["dense"]["p (bm25)"] < rows["sparse"]["p (bm25)"]
    both = merged(relevant, others)
    assert all(both[query][0] in (found[0], others[query][0]) for query, found in relevant.items())
    plot({"example": {"bm25": 0.5, "sparse": 0.6, "dense": 0.4}}, tmp_path / "plot.png")
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")
