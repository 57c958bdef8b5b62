"""The server's explanation of a score, taken apart; trees as the server writes them, no server."""

from typing import Any

import pytest
from csplade.integration.explain import Contribution, Origin, contributions, unmet
from csplade.pipelines.sparse import SparseVector


def node(value: float, description: str, *details: dict[str, Any]) -> dict[str, Any]:
    return {"value": value, "description": description, "details": list(details)}


def term(value: float, key: str, query: float, document: float) -> dict[str, Any]:
    return node(
        value,
        f"Linear function on the csplade_terms field for the {key} feature, computed as w * S from:",
        node(query, "w, weight of this function"),
        node(document, "S, feature value"),
    )


def word(value: float, name: str, *factors: dict[str, Any]) -> dict[str, Any]:
    score = node(value, "score(freq=1.0), computed as boost * idf * tf from:", *factors)
    return node(value, f"weight({name} in 7) [PerFieldSimilarity], result of:", score)


TF = node(0.5, "tf, computed as freq / (freq + k1 * (1 - b + b * dl / avgdl)) from:", node(1.0, "freq, occurrences"))
IDF = node(3.0, "idf, computed as log(1 + (N - n + 0.5) / (n + 0.5)) from:", node(1, "n, number of documents"))
BOOST = node(2.0, "boost")
FILTER = node(0.0, "match on required clause, product of:", node(0.0, "# clause"), node(1.0, "*:*"))


def test_sums_are_taken_apart_whatever_their_depth_and_filters_left_out() -> None:
    words = node(4.5, "sum of:", word(3.0, "text:bread", BOOST, IDF, TF), word(1.5, "text:fresh", IDF, TF))
    tree = node(16.5, "sum of:", term(2.0, "▁fresh", 1.0, 2.0), term(10.0, "a%2Eb", 2.5, 4.0), words, FILTER)
    found = contributions(tree)
    assert found == (
        Contribution("a.b", Origin.SPARSE, 10.0, 2.5, 4.0),
        Contribution("bread", Origin.BM25, 3.0, 6.0, 0.5),
        Contribution("fresh", Origin.SPARSE, 2.0, 1.0, 2.0),
        Contribution("fresh", Origin.BM25, 1.5, 3.0, 0.5),
    )
    assert sum(part.value for part in found) == tree["value"]
    assert found[0].percent(20.0) == 50.0


def test_a_score_of_one_part_is_no_sum() -> None:
    assert contributions(term(6.0, "loaf", 2.0, 3.0)) == (Contribution("loaf", Origin.SPARSE, 6.0, 2.0, 3.0),)


def test_what_is_not_known_is_shown_as_the_server_says_it() -> None:
    tree = node(
        3.0,
        "sum of:",
        node(1.0, "ConstantScore(year:2000)"),
        word(2.0, "Synonym(text:bread text:loaf)", node(2.0, "computed by a script")),
    )
    assert contributions(tree) == (
        Contribution("Synonym(bread loaf)", Origin.BM25, 2.0),
        Contribution("ConstantScore(year:2000)", Origin.OTHER, 1.0),
    )


def test_both_phases_of_a_score_are_taken_apart() -> None:
    one = node(10.0, "product of:", term(10.0, "bread", 2.5, 4.0), node(1.0, "primaryWeight"))
    two = node(3.0, "product of:", node(3.0, "sum of:", term(3.0, "loaf", 1.0, 3.0)), node(1.0, "secondaryWeight"))
    assert contributions(node(13.0, "sum of:", one, two)) == (
        Contribution("bread", Origin.SPARSE, 10.0, 2.5, 4.0),
        Contribution("loaf", Origin.SPARSE, 3.0, 1.0, 3.0),
    )
    other = node(6.0, "product of:", node(2.0, "a"), node(3.0, "boost"))
    assert contributions(other) == (Contribution("product of", Origin.OTHER, 6.0),)


def test_a_term_of_another_field_is_told_with_the_field() -> None:
    text = "Linear function on the title_terms field for the loaf feature, computed as w * S from:"
    tree = node(6.0, text, node(2.0, "w, weight of this function"), node(3.0, "S, feature value"))
    assert contributions(tree) == (Contribution("title_terms:loaf", Origin.SPARSE, 6.0, 2.0, 3.0),)


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ("fulltext:bread", "fulltext:bread"),
        ("body.text:bread", "body.text:bread"),
        ("my-text:bread", "my-text:bread"),
        ('text:"fresh bread"', '"fresh bread"'),
        ("Synonym(text:bread fulltext:loaf text:rye)", "Synonym(bread fulltext:loaf rye)"),
        ("spanNear([text:fresh, text:bread], 0, true)", "spanNear([fresh, bread], 0, true)"),
    ],
)
def test_a_word_of_another_field_keeps_the_name_of_the_field(told: str, shown: str) -> None:
    assert contributions(word(2.0, told, IDF, TF)) == (Contribution(shown, Origin.BM25, 2.0, 3.0, 0.5),)


def test_a_score_of_nothing_has_no_percentages() -> None:
    assert contributions(node(0.0, "no match")) == ()
    assert Contribution("a", Origin.OTHER, 0.0).percent(0.0) == pytest.approx(0.0)


def test_the_terms_that_no_field_of_a_document_has() -> None:
    vector = SparseVector({"▁fresh": 3.0, "loaf": 2.0, "a%2Eb": 1.0})
    parts = [Contribution("fresh", Origin.SPARSE, 1.0), Contribution("loaf", Origin.BM25, 1.0)]
    # That BM25 finds the word says nothing about the term.
    assert list(unmet(vector, parts)) == [("loaf", 2.0), ("a%2Eb", 1.0)]
    titles = [Contribution("title_terms:loaf", Origin.SPARSE, 1.0)]
    assert "loaf" in unmet(vector, titles).weights
    assert "loaf" not in unmet(vector, titles, ["csplade_terms", "title_terms"]).weights
