"""The encoder that is trained: SmolLM2's lower layers, a head with one row for each expansion term, gates."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import orjson
import torch
from csplade.models.recipe.llama import Llama
from csplade.models.recipe.plan import (
    BOS,
    BOS_ID,
    DOCUMENT_TERMS,
    FROZEN_LAYERS,
    LAYERS,
    LITERAL,
    QUERY_TERMS,
    VOCABULARY,
)
from csplade.pipelines.backbone import (
    cut_layers,
    cut_tokenizer,
    cut_vocabulary,
    load_language_model,
    load_tokenizer,
)
from csplade.pipelines.batches import Collator
from csplade.pipelines.fold import Fold
from csplade.pipelines.model import HeadOptions, SparseEncoderModel
from csplade.pipelines.training_model import TrainingModel
from csplade.pipelines.training_options import ReadingOptions
from tokenizers import Tokenizer
from transformers import PreTrainedModel


@dataclass(frozen=True)
class Pupil:
    """The model with what its texts are read by."""

    language_model: PreTrainedModel
    """Float weights, as they were before training."""
    model: SparseEncoderModel
    terms: tuple[str, ...]
    tokenizer: Tokenizer
    idf: dict[str, float]

    def training(self, document_tokens: int) -> tuple[TrainingModel, Collator]:
        """Return the model as training sees it, and what makes its batches."""
        reading = ReadingOptions(lowercase=True, query_tokens=32, document_tokens=document_tokens)
        collator = Collator(self.tokenizer, reading, self.terms, self.idf, LITERAL.default_idf)
        return TrainingModel(self.model, reading, LITERAL), collator


def build(gguf: Path, work: Path, terms: tuple[str, ...]) -> Pupil:
    """Return the encoder with the language model's weights, a head of zeros, and all gates at 1."""
    language_model = load_language_model(str(gguf.parent), gguf.name)
    cut_vocabulary(language_model, VOCABULARY)
    cut_layers(language_model, tuple(range(LAYERS)))
    tokenizer = cut_tokenizer(load_tokenizer(str(gguf.parent), gguf.name), VOCABULARY, lowercase=True, bos=BOS)
    rows = np.arange(len(terms), dtype=np.int64)
    options = HeadOptions(BOS_ID, DOCUMENT_TERMS, QUERY_TERMS, centred=False)
    head = torch.zeros(len(terms), language_model.config.hidden_size)
    model = SparseEncoderModel(language_model.model, head, Fold(rows, terms, rows[:, None]), options)
    model.backbone = Llama(language_model.model, FROZEN_LAYERS)
    model.scale.requires_grad_(False)
    idf = orjson.loads((work / "idf.json").read_bytes())["idf"]
    return Pupil(language_model, model, terms, tokenizer, idf)
