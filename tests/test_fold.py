"""Which pieces become expansion terms, and that no two pieces of a vocabulary share a key."""

from collections.abc import Callable

import pytest
from csplade.pipelines.fold import every_piece, fold_vocabulary
from csplade.pipelines.vocab import decode_key
from csplade.tests.tiny_encoder import tiny_tokenizer
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers

Kind = Callable[[list[str]], Tokenizer]


def sentence_piece(pieces: list[str]) -> Tokenizer:
    """Return a tokenizer as Llama 2 and Mistral have it: BPE with bytes to fall back on."""
    tokenizer = Tokenizer(models.BPE(vocab={piece: number for number, piece in enumerate(pieces)}, merges=[]))
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    return tokenizer


def unigram(pieces: list[str]) -> Tokenizer:
    """Return a tokenizer as XLM-R has it."""
    tokenizer = Tokenizer(models.Unigram([(piece, -1.0) for piece in pieces], unk_id=0))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    return tokenizer


def word_piece(pieces: list[str]) -> Tokenizer:
    """Return a tokenizer as BERT has it."""
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    return Tokenizer(models.WordPiece(vocabulary, unk_token=pieces[0]))


def byte_level(pieces: list[str]) -> Tokenizer:
    """Return a tokenizer as GPT-2 and Llama 3 have it."""
    tokenizer = Tokenizer(models.BPE(vocab={piece: number for number, piece in enumerate(pieces)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(), pre_tokenizers.ByteLevel()])
    return tokenizer


def plain(pieces: list[str]) -> Tokenizer:
    return Tokenizer(models.WordLevel({piece: number for number, piece in enumerate(pieces)}, unk_token=pieces[0]))


KINDS = [sentence_piece, unigram, word_piece, byte_level, plain]
# With a space where each kind of vocabulary has its own mark of one.
PIECES = ["a", "run", " the", " running", " bread", " run", " xj", "ead", " 3", " runs", " Z"]
MARKS = [(byte_level, "Ġ"), (sentence_piece, "▁"), (unigram, "▁")]


@pytest.mark.parametrize(("kind", "mark"), MARKS)
def test_whole_words_fold_into_their_stem_and_all_else_is_left_out(kind: Kind, mark: str) -> None:
    fold = fold_vocabulary(kind([piece.replace(" ", mark) for piece in PIECES]), "english")
    assert fold.pieces.tolist() == [3, 4, 5, 9]
    assert fold.terms == ("bread", "run")
    assert fold.groups.tolist() == [[1, 4, 4], [0, 2, 3]]
    assert not fold.is_identity


def test_word_pieces_that_go_on_with_a_word_are_no_words() -> None:
    tokenizer = word_piece(["[UNK]", "run", "##run", "bread", "##s"])
    assert fold_vocabulary(tokenizer, "english").terms == ("bread", "run")
    assert fold_vocabulary(tokenizer, "english").pieces.tolist() == [1, 3]


@pytest.mark.parametrize("kind", KINDS)
def test_a_vocabulary_without_words_has_no_terms(kind: Kind) -> None:
    # Letters that are a mark in another kind of vocabulary are letters, and a special token is no word.
    tokenizer = kind(["A", "▁oven" if kind in (byte_level, plain) else "Ġoven"])
    tokenizer.add_special_tokens([" bread", "▁bread", "Ġbread", "bread"])
    fold = fold_vocabulary(tokenizer, "english")
    assert (fold.pieces.size, fold.terms, fold.groups.shape) == (0, (), (0, 0))


def test_byte_level_pieces_are_read_as_bytes() -> None:
    tokenizer = byte_level(["<s>", "Ġbread", "bread", "Ã¼", "Ġ", "Ċ", "Ã", "."])
    tokenizer.add_special_tokens([AddedToken("<s>"), AddedToken("<|end of text|>")])
    terms = every_piece(tokenizer).terms
    assert terms == ("<s>", "▁bread", "bread", "ü", "▁", "%0A", "%C3", "%2E", "<|end%20of%20text|>")


def test_sentence_piece_pieces_are_read_as_bytes() -> None:
    pieces = ["<unk>", "<s>", "<0x0A>", "<0x41>", "A", "▁the", "the", "▁", "東"]
    assert every_piece(sentence_piece(pieces)).terms == ("<unk>", "<s>", "%0A", "<0x41>", "A", "▁the", "the", "▁", "東")
    assert every_piece(unigram(pieces)).terms[4:] == ("A", "▁the", "the", "▁", "東")


def test_a_word_piece_begins_a_word_unless_it_says_otherwise() -> None:
    tokenizer = word_piece(["[UNK]", "[CLS]", "run", "##ing", "ing", "##", "###", "#"])
    tokenizer.add_special_tokens(["[UNK]", "[CLS]"])
    assert every_piece(tokenizer).terms == ("[UNK]", "[CLS]", "▁run", "ing", "▁ing", "▁##", "#", "▁#")


def test_ids_that_the_tokenizer_leaves_out_have_keys_too() -> None:
    fold = every_piece(Tokenizer(models.WordLevel({"a": 0, "b": 3, "<id-2>": 4}, unk_token="a")))
    assert fold.terms == ("a", "<id-1>", "<id-2>+", "b", "<id-2>")
    assert fold.is_identity


@pytest.mark.parametrize("kind", KINDS)
@given(
    pieces=st.lists(
        st.one_of(
            st.sampled_from(["<s>", "Ġ", "▁", "##", "#", "A", "Ã", "¼", "<0x41>", "##A", "ĠA", "▁A", " A", "A%", "."]),
            st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=4),
        ),
        min_size=1,
        max_size=30,
        unique=True,
    ),
    special=st.lists(st.sampled_from(["<s>", "A", " A", "Ġ", "<0x41>", "<mask>", "a b"]), unique=True, max_size=4),
)
def test_no_two_pieces_share_a_key(kind: Kind, pieces: list[str], special: list[str]) -> None:
    tokenizer = kind(pieces)
    tokenizer.add_special_tokens([AddedToken(token, normalized=False) for token in special])
    fold = every_piece(tokenizer)
    assert len(set(fold.terms)) == len(fold.terms) == tokenizer.get_vocab_size()
    for term in fold.terms:
        decode_key(term)


def test_the_identity_is_told_from_other_folds() -> None:
    tokenizer = tiny_tokenizer()
    assert every_piece(tokenizer).is_identity
    assert not fold_vocabulary(tokenizer, "english").is_identity
