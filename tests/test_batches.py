"""Batches: what stands where, and what counts as a false negative."""

import dataclasses

import pytest
import torch
from csplade.pipelines.batches import BEHIND, NO_TERM, check_negatives, positives_of
from csplade.pipelines.errors import UsageError
from csplade.pipelines.training_data import Example
from csplade.pipelines.words import split_words
from csplade.tests.tiny_encoder import IDF, TEXTS, tiny_tokenizer
from csplade.tests.training_parts import EXAMPLES, PIECES, WORDS, collator, fold_for


def test_each_positive_is_followed_by_its_negatives() -> None:
    batch = collator()(EXAMPLES[:2], 2, seed=0)
    assert batch.query_texts == (EXAMPLES[0].query, EXAMPLES[1].query)
    assert batch.document_texts == (*EXAMPLES[0].documents, *EXAMPLES[1].documents)
    assert batch.group == 3
    assert batch.targets().tolist() == [0, 3]


def test_ids_are_the_tokenizers_padded_on_the_right() -> None:
    texts = collator()(EXAMPLES, 0, seed=0).documents
    for row, example in enumerate(EXAMPLES):
        ids = tiny_tokenizer().encode(example.documents[0]).ids[:40]
        assert texts.ids[row, : len(ids)].tolist() == ids
        assert texts.mask[row].tolist() == [1] * len(ids) + [0] * (texts.ids.shape[1] - len(ids))


def test_words_have_the_number_of_their_term_and_the_root_of_their_idf() -> None:
    batch = collator()(EXAMPLES, 0, seed=0)
    terms = fold_for(WORDS, tiny_tokenizer()).terms
    numbers: dict[str, int] = {}
    for texts, strings in ((batch.queries, batch.query_texts), (batch.documents, batch.document_texts)):
        for row, text in enumerate(strings):
            words = split_words(text, "english")
            assert texts.lengths[row] == len(words)
            assert texts.word_terms[row, len(words) :].eq(NO_TERM).all()
            for word, number, root in zip(
                words, texts.word_terms[row].tolist(), texts.roots[row].tolist(), strict=False
            ):
                assert numbers.setdefault(word.key, number) == number
                assert root**2 == pytest.approx(IDF.get(word.key, 6.0))
    known = {key: terms.index(key) for key in numbers if key in terms}
    assert known and known.items() <= numbers.items()
    beyond = sorted(number for key, number in numbers.items() if key not in known)
    assert beyond == list(range(len(terms), len(terms) + batch.extra))


def test_a_word_ends_in_its_last_token_also_behind_a_prefix() -> None:
    reading = dataclasses.replace(WORDS, query_prefix="query: ", query_tokens=30)
    texts = collator(reading)(EXAMPLES[:1], 0, seed=0).queries
    found = tiny_tokenizer().encode("query: " + EXAMPLES[0].query)
    ends = [found.offsets[token][1] - len("query: ") for token in texts.word_tokens[0].tolist()]
    assert ends == [word.end for word in split_words(EXAMPLES[0].query, "english")]


def test_words_that_the_tokens_do_not_reach_are_marked_and_counted() -> None:
    reading = dataclasses.replace(WORDS, document_tokens=5)
    texts = collator(reading)(EXAMPLES[:1], 0, seed=0).documents
    assert texts.ids.shape == (1, 5)
    assert texts.lengths.tolist() == [len(split_words(TEXTS[0], "english"))]
    assert texts.word_tokens[0, -1] == BEHIND and texts.word_tokens[0, 0] != BEHIND


def test_bos_and_prefix_are_not_a_texts_own() -> None:
    reading = dataclasses.replace(PIECES, query_prefix="query: ", query_tokens=30)
    texts = collator(reading)(EXAMPLES[:1], 0, seed=0).queries
    own = texts.ids[0][texts.own[0] == 1].tolist()
    assert tiny_tokenizer().decode(own).strip() == EXAMPLES[0].query
    assert 0 not in own


def test_pieces_have_no_words() -> None:
    batch = collator(PIECES)(EXAMPLES, 1, seed=0)
    assert batch.documents.word_terms.shape == (8, 0)
    assert batch.documents.roots.shape == (8, 0)
    assert batch.extra == 0


def test_negatives_and_their_scores_are_drawn_by_the_seed() -> None:
    drawn = [collator()(EXAMPLES, 1, seed) for seed in (1, 1, 2, 3, 4)]
    assert drawn[0].document_texts == drawn[1].document_texts
    assert len({batch.document_texts for batch in drawn}) > 1
    for batch in drawn:
        assert batch.scores is not None
        for row, example in enumerate(EXAMPLES):
            assert example.scores is not None
            mine = batch.document_texts[2 * row : 2 * row + 2]
            wanted = [example.scores[example.documents.index(text)] for text in mine]
            assert batch.scores[row].tolist() == pytest.approx(wanted)


def test_a_batch_with_one_example_without_scores_has_none() -> None:
    examples = [*EXAMPLES, dataclasses.replace(EXAMPLES[0], scores=None)]
    assert collator()(examples, 0, seed=0).scores is None


def test_an_equal_query_or_an_equal_positive_makes_a_false_negative() -> None:
    a, b, c, d = TEXTS[:4]
    examples = [
        Example("bread", (a, b), None, "x", 1),
        Example("bread", (c, d), None, "x", 2),
        Example("pump", (b, a), None, "x", 3),
        Example("loaf", (a, c), None, "x", 4),
    ]
    found = collator()(examples, 1, seed=0).false_negatives()  # documents: a b c d b a a c
    wanted = torch.zeros(4, 8, dtype=torch.bool)
    wanted[0, [2, 5, 6, 7]] = True
    wanted[1, [0, 5, 6, 7]] = True
    wanted[2, 1] = True
    wanted[3, [0, 5]] = True
    assert torch.equal(found, wanted)


def test_a_positive_of_another_batch_is_a_false_negative_in_this_one() -> None:
    a, b, c, d = TEXTS[:4]
    data = [
        Example("bread", (a, d), None, "x", 1),
        Example("bread", (b, d), None, "x", 2),
        Example("pump", (b, c), None, "x", 3),
    ]
    batch = collator(positives=positives_of(data))([data[0], data[2]], 1, seed=0)  # documents: a d b c
    wanted = torch.zeros(2, 4, dtype=torch.bool)
    wanted[0, 2] = True
    assert torch.equal(batch.false_negatives(), wanted)
    assert torch.equal(batch.to("cpu").part(0, 2).false_negatives(), torch.zeros(1, 2, dtype=torch.bool))
    assert batch.part(0, 2).positives == ({a, b},)


def test_parts_and_chunks_hold_whole_groups_in_order() -> None:
    batch = collator()(EXAMPLES, 2, seed=0)
    for parts in ([batch.part(0, 2), batch.part(1, 2)], batch.chunks(3), batch.chunks(0)):
        assert sum((part.document_texts for part in parts), ()) == batch.document_texts
        assert torch.equal(torch.cat([part.documents.ids for part in parts]), batch.documents.ids)
        assert torch.equal(torch.cat([part.queries.roots for part in parts]), batch.queries.roots)
        assert {part.extra for part in parts} == {batch.extra}
        assert {part.group for part in parts} == {3}


def test_queries_that_cannot_be_dealt_out_evenly_are_refused() -> None:
    with pytest.raises(UsageError, match=r"4 queries .* 3 devices: set batch\.queries to a multiple of 3"):
        collator()(EXAMPLES, 0, seed=0).part(0, 3)


def test_too_few_negatives_are_refused_by_line() -> None:
    check_negatives(EXAMPLES, 2)
    with pytest.raises(UsageError, match=r"line 1 of kitchen has 2 hard negatives and batch\.negatives asks for 3"):
        check_negatives(EXAMPLES, 3)
