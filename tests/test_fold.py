"""Which pieces become expansion terms."""

from csplade.pipelines.fold import fold_vocabulary

VOCABULARY = {
    "Ġrun": 5,
    "Ġrunning": 3,
    "Ġruns": 9,
    "run": 1,
    "Ġthe": 2,
    "Ġbread": 4,
    "Ġxj": 6,
    "ead": 7,
    "Ġ3": 8,
    "ĠZ": 10,
}


def test_whole_words_fold_into_their_stem_and_all_else_is_left_out() -> None:
    fold = fold_vocabulary(VOCABULARY, "english")
    assert fold.pieces.tolist() == [3, 4, 5, 9]
    assert fold.terms == ("bread", "run")
    assert fold.groups.tolist() == [[1, 4, 4], [0, 2, 3]]


def test_a_vocabulary_without_words_has_no_terms() -> None:
    fold = fold_vocabulary({"a": 0, "Ġ": 1}, "english")
    assert (fold.pieces.size, fold.terms, fold.groups.shape) == (0, (), (0, 0))
