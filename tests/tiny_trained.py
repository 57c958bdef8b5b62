"""Tiny trained models, as training hands them over."""

from csplade.pipelines.attention_kinds import Attention
from csplade.pipelines.fold import every_piece, fold_vocabulary
from csplade.pipelines.trained import About, Trained
from csplade.pipelines.training_options import ReadingOptions, TermSpace
from csplade.tests.tiny_encoder import DOCUMENT_TERMS, IDF, QUERY_TERMS, tiny_model, tiny_tokenizer

ABOUT = About("tiny", "random Llama", "seed 7", "Apache-2.0", ("nothing",))


def tiny_trained(space: TermSpace = TermSpace.WORDS) -> Trained:
    """Return a random model in either term space."""
    tokenizer = tiny_tokenizer()
    in_words = space is TermSpace.WORDS
    fold = fold_vocabulary(tokenizer, "english") if in_words else every_piece(tokenizer)
    reading = ReadingOptions(
        attention=Attention.CAUSAL,
        term_space=space,
        lowercase=True,
        query_tokens=12,
        document_tokens=40,
        query_terms=QUERY_TERMS,
        document_terms=DOCUMENT_TERMS,
    )
    idf = IDF if in_words else {"▁bread": 3.0, "▁plants": 2.0}
    return Trained(tiny_model(tokenizer, fold), tokenizer, reading, fold.terms, idf, 6.0, 10.0 * in_words, ABOUT)
