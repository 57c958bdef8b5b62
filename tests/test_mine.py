"""Hard negatives from a real index: which hits are taken, which are positives, which a teacher leaves out."""

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from csplade.integration.client import connect
from csplade.integration.documents import Document
from csplade.integration.errors import RequestError
from csplade.integration.index import create_index
from csplade.integration.ingest import IngestOptions, ingest
from csplade.integration.mine import Mined, MineOptions, mine, positives_of
from csplade.integration.query import Mode, QueryOptions, Question
from csplade.integration.search import search_many
from csplade.integration.templates import IndexOptions
from csplade.pipelines.errors import UsageError
from csplade.pipelines.literal import Floats
from csplade.pipelines.training_data import Example
from csplade.tests.word_encoder import WordEncoder, word_contract, word_vector
from opensearchpy import OpenSearch

QUERY = "how to keep bread"
WORDS = ["rye", "oven", "butter", "salt", "flour", "yeast", "crust", "crumb", "baker", "dough"]
# The more often they say bread, the better they match; no two match alike.
TEXTS = {f"d{number}": f"{'bread ' * number}{' '.join(WORDS[number:])}" for number in range(1, 10)}
DOCUMENTS = [
    *(Document(name, text) for name, text in TEXTS.items()),
    Document("titled", "Keep a loaf\nWrap the bread  in cloth to keep it.", "Keep a loaf"),
    Document("twin", f"{TEXTS['d3']} "),
    Document("other", "a pump with a valve"),
    Document("untold", "", "bread"),
]


class LengthTeacher:
    """Scores a document by a number for its text; remembers what it was asked."""

    def __init__(self, scores: dict[str, float]) -> None:
        self.asked: list[tuple[str, list[str]]] = []
        self._scores = scores

    def matrix(self, queries: Sequence[str], documents: Sequence[str]) -> Floats:
        return np.array([[self._scores[text] for text in documents] for _ in queries], dtype=np.float32)

    def lists(self, queries: Sequence[str], documents: Sequence[Sequence[str]]) -> list[Floats]:
        self.asked += [(query, list(texts)) for query, texts in zip(queries, documents, strict=True)]
        return [self.matrix([query], texts)[0] for query, texts in zip(queries, documents, strict=True)]


@pytest.fixture
def client(opensearch: str, index_name: str, tmp_path: Path) -> OpenSearch:
    """Return a client of a cluster whose index holds `DOCUMENTS`."""
    client = connect(opensearch)
    create_index(client, index_name, word_contract(), IndexOptions())
    ingest(client, WordEncoder(), DOCUMENTS, IngestOptions(index_name, tmp_path / "dead.jsonl"))
    return client


def example(query: str, positive: str, *negatives: str) -> Example:
    return Example(query, (positive, *negatives), None, "test", 1)


def mined(
    client: OpenSearch, options: MineOptions, *examples: Example, teacher: LengthTeacher | None = None
) -> list[Mined]:
    asked = ((each, Question(each.query, word_vector(each.query))) for each in examples)
    return list(mine(client, asked, positives_of(examples), options, teacher))


def ranking(client: OpenSearch, index: str, query: str, mode: Mode = Mode.BM25) -> list[str]:
    """Return the texts of an index's hits as an ingested document has them."""
    texts = {document.id: document.text for document in DOCUMENTS}
    (hits,) = search_many(client, index, [Question(query, word_vector(query))], QueryOptions(mode), 100)
    return [texts[hit.id] for hit in hits]


@pytest.mark.cluster
def test_negatives_are_the_best_hits_of_bm25_without_the_positive_each_text_once(
    client: OpenSearch, index_name: str
) -> None:
    (found,) = mined(client, MineOptions(index_name), example(QUERY, TEXTS["d5"], "given already"))
    hits = ranking(client, index_name, QUERY)
    assert len(hits) == 11
    distinct = {" ".join(text.split()): text for text in reversed(hits)}
    expected = [text for text in hits if text in distinct.values() and text != TEXTS["d5"]]
    assert len(expected) == 9
    assert found == Mined(QUERY, TEXTS["d5"], tuple(expected), None, 0)
    assert found.to_json() == {"query": QUERY, "positive": TEXTS["d5"], "negatives": expected}


@pytest.mark.cluster
def test_negatives_are_the_best_hits_of_an_earlier_model(client: OpenSearch, index_name: str) -> None:
    query = "bread yeast baker"
    options = MineOptions(index_name, Mode.SPARSE, negatives=4)
    (found,) = mined(client, options, example(query, "elsewhere"))
    vector = word_vector(query)
    best = sorted(TEXTS.values(), key=lambda text: -vector.dot(word_vector(text)))[:4]
    assert sorted(found.negatives) == sorted(best)
    assert list(found.negatives) != ranking(client, index_name, query)[:4]


@pytest.mark.cluster
def test_both_together_find_what_hybrid_search_finds(client: OpenSearch, index_name: str) -> None:
    query = "bread yeast baker"
    (found,) = mined(client, MineOptions(index_name, Mode.HYBRID, 3), example(query, "elsewhere"))
    assert list(found.negatives) == ranking(client, index_name, query, Mode.HYBRID)[:3]


@pytest.mark.cluster
@pytest.mark.parametrize(
    "positive",
    [
        "Keep a loaf\nWrap the bread  in cloth to keep it.",
        "wrap the bread in cloth\nto keep it. ",
        "KEEP A LOAF Keep a loaf Wrap the bread in cloth to keep it.",
    ],
)
def test_a_positive_is_known_with_and_without_its_title_in_any_case_and_spacing(
    client: OpenSearch, index_name: str, positive: str
) -> None:
    (found,) = mined(client, MineOptions(index_name), example(QUERY, positive))
    assert len(found.negatives) == 9
    assert not any("cloth" in text for text in found.negatives)


@pytest.mark.cluster
def test_no_positive_of_the_query_in_any_example_is_a_negative(client: OpenSearch, index_name: str) -> None:
    examples = [
        example(QUERY, TEXTS["d1"]),
        example("keep bread", TEXTS["d4"]),
        example(QUERY, TEXTS["d2"]),
        example(QUERY.upper(), TEXTS["d7"]),
    ]
    found = mined(client, MineOptions(index_name), *examples)
    assert [(each.query, each.positive) for each in found] == [(each.query, each.documents[0]) for each in examples]
    for each in (found[0], found[2], found[3]):
        assert len(each.negatives) == 7
        assert {TEXTS["d1"], TEXTS["d2"], TEXTS["d7"]}.isdisjoint(each.negatives)
    assert {TEXTS["d1"], TEXTS["d2"], TEXTS["d7"]} < set(found[1].negatives)


@pytest.mark.cluster
def test_depth_counts_hits_and_the_skipped_are_the_best_beside_the_positives(
    client: OpenSearch, index_name: str
) -> None:
    hits = ranking(client, index_name, QUERY)
    at_depth = MineOptions(index_name, negatives=2, depth=4)
    (found,) = mined(client, at_depth, example(QUERY, hits[0]))
    assert list(found.negatives) == hits[1:3]
    (skipped,) = mined(client, MineOptions(index_name, negatives=2, depth=4, skip_top=2), example(QUERY, hits[0]))
    assert list(skipped.negatives) == hits[3:4]


@pytest.mark.cluster
def test_what_finds_nothing_has_no_negatives_and_is_a_pair(client: OpenSearch, index_name: str) -> None:
    found, empty = mined(client, MineOptions(index_name), example("zzz", "bread"), example(" ", "bread"))
    assert (found.negatives, empty.negatives) == ((), ())
    assert found.to_json() == {"query": "zzz", "positive": "bread"}
    (judged,) = mined(client, MineOptions(index_name), example("zzz", "rye"), teacher=LengthTeacher({"rye": 2.0}))
    assert judged.to_json() == {"query": "zzz", "positive": "rye", "scores": [2.0]}


@pytest.mark.cluster
@pytest.mark.parametrize(
    ("positive", "margin", "limit"),
    [(10.0, 0.9, 9.0), (-10.0, 0.9, -11.0), (0.0, 0.9, 0.0), (8.0, 1.0, 8.0), (8.0, 1.25, 10.0)],
)
def test_a_teacher_leaves_out_what_scores_nearly_as_much_as_the_positive(
    client: OpenSearch, index_name: str, positive: float, margin: float, limit: float
) -> None:
    hits = ranking(client, index_name, QUERY)
    candidates = list(dict.fromkeys(text.strip() for text in hits))
    # Above, exactly at, and below the limit, in turn.
    scores = {text: limit + (0.5, 0.0, -0.5)[place % 3] for place, text in enumerate(candidates)}
    teacher = LengthTeacher({"the positive": positive, **scores, **{text: scores[text.strip()] for text in hits}})
    options = MineOptions(index_name, negatives=2, margin=margin)
    (found,) = mined(client, options, example(QUERY, "the positive"), teacher=teacher)
    assert [text.strip() for text in found.negatives] == [candidates[2], candidates[5]]
    assert found.scores == (positive, limit - 0.5, limit - 0.5)
    assert found.false_negatives == 4
    ((query, asked),) = teacher.asked
    assert (query, asked[0], len(asked)) == (QUERY, "the positive", 11)
    assert found.to_json()["scores"] == [positive, limit - 0.5, limit - 0.5]


@pytest.mark.cluster
def test_many_examples_come_lazily_and_in_order(client: OpenSearch, index_name: str) -> None:
    taken = 0
    examples = [example(f"bread {word} {number}", "p") for number in range(30) for word in WORDS]

    def asked() -> Iterator[tuple[Example, Question]]:
        nonlocal taken
        for each in examples:
            taken += 1
            yield each, Question(each.query)

    found = mine(client, asked(), {}, MineOptions(index_name, negatives=1))
    assert [each.query for each in islice(found, 10)] == [each.query for each in examples[:10]]
    assert taken <= 60
    assert [each.query for each in found] == [each.query for each in examples[10:]]


@pytest.mark.cluster
def test_an_index_that_is_not_there_is_told(opensearch: str) -> None:
    with pytest.raises(RequestError, match="no such index"):
        mined(connect(opensearch), MineOptions("nothing"), example("bread", "p"))


def test_numbers_that_leave_nothing_to_take_are_wrong_usage() -> None:
    MineOptions("i", negatives=15, depth=20, skip_top=5)
    for wrong in ((0, 100, 0), (15, 14, 0), (15, 20, 6), (15, 100, -1)):
        negatives, depth, skip_top = wrong
        with pytest.raises(UsageError, match=f"{negatives} negatives behind the {skip_top} best hits .* {depth} hits"):
            MineOptions("i", negatives=negatives, depth=depth, skip_top=skip_top)
    for margin in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(UsageError, match=f"{margin} is no share"):
            MineOptions("i", margin=margin)
