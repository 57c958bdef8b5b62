"""A tiny random encoder as training sees it, and examples for it."""

from collections.abc import Mapping, Set

import torch
from csplade.pipelines.batches import Collator
from csplade.pipelines.fold import Fold, every_piece, fold_vocabulary
from csplade.pipelines.model import HeadOptions, SparseEncoderModel
from csplade.pipelines.training_data import Example
from csplade.pipelines.training_model import TrainingModel
from csplade.pipelines.training_options import QueryPath, ReadingOptions, TermSpace
from csplade.tests.tiny_encoder import IDF, TEXTS, literal_path, tiny_model, tiny_tokenizer
from tokenizers import Tokenizer

WORDS = ReadingOptions(term_space=TermSpace.WORDS, query_tokens=12, document_tokens=40)
PIECES = ReadingOptions(term_space=TermSpace.PIECES, query_tokens=12, document_tokens=40)
EXAMPLES = [
    Example("why does bread go stale", (TEXTS[0], TEXTS[1], TEXTS[4]), (3.0, 0.5, 0.2), "kitchen", 1),
    Example("pump failed, valve XJ-4400B", (TEXTS[1], TEXTS[2], TEXTS[3]), (2.0, 1.5, 0.1), "plant", 2),
    Example("sugar from light", (TEXTS[2], TEXTS[0], TEXTS[5]), (2.5, 0.3, 0.0), "plant", 3),
    Example("who joined in 2019", (TEXTS[3], TEXTS[4], TEXTS[1]), (1.5, 0.4, 0.2), "cities", 4),
]


def fold_for(reading: ReadingOptions, tokenizer: Tokenizer) -> Fold:
    """Return the fold of the tiny tokenizer in a term space."""
    if reading.term_space is TermSpace.PIECES:
        return every_piece(tokenizer)
    return fold_vocabulary(tokenizer, "english")


def collator(reading: ReadingOptions = WORDS, positives: Mapping[str, Set[str]] | None = None) -> Collator:
    """Return the collator of the tiny encoder."""
    tokenizer = tiny_tokenizer()
    return Collator(tokenizer, reading, fold_for(reading, tokenizer).terms, IDF, literal_path().default_idf, positives)


def training_model(reading: ReadingOptions = WORDS, residual: bool = False) -> TrainingModel:
    """Return a live random model."""
    tokenizer = tiny_tokenizer()
    fold = fold_for(reading, tokenizer)
    model = tiny_model(tokenizer, fold)
    if residual:
        model = _with_residual(model, fold)
    idf = None
    if reading.query_path is not QueryPath.MODEL:
        idf = torch.tensor([IDF.get(term, literal_path().default_idf) for term in fold.terms])
    return TrainingModel(model, reading, literal_path() if reading.term_space is TermSpace.WORDS else None, idf)


def _with_residual(model: SparseEncoderModel, fold: Fold) -> SparseEncoderModel:
    options = HeadOptions(bos_id=0, document_terms=20, query_terms=8, strength=0.5, centred=False, residual=True)
    other = SparseEncoderModel(model.backbone, model.head, fold, options)
    other.load_state_dict(model.state_dict())
    return other.eval()
