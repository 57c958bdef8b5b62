"""Teachers of two random BERT layers, saved as sentence-transformers saves them; their formulas without it."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from sentence_transformers import CrossEncoder, SentenceTransformer
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    BertModel,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

_SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
_WORDS = "bread loaf salt oven butter rye stale fresh bake baked keep keeps cloth warm cold pump valve the a in of"


def _tokenizer() -> PreTrainedTokenizerFast:
    words = [*_SPECIAL, *_WORDS.split()]
    tokenizer = Tokenizer(models.WordLevel({word: number for number, word in enumerate(words)}, "[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    names = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token"), _SPECIAL, strict=True))
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=64, **names)


def _config(labels: int) -> BertConfig:
    return BertConfig(
        vocab_size=len(_SPECIAL) + len(_WORDS.split()),
        hidden_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=64,
        num_labels=labels,
        initializer_range=0.5,
    )


def write_plain(folder: Path, labels: int = 0) -> PreTrainedModel:
    """Write a folder as transformers does, with a head if there are labels; return the model."""
    torch.manual_seed(11)
    model = BertForSequenceClassification(_config(labels)) if labels else BertModel(_config(1))
    model.save_pretrained(folder)
    _tokenizer().save_pretrained(folder)
    return model.eval()


def write_dense(folder: Path, prompts: dict[str, str] | None = None) -> PreTrainedModel:
    """Write a SentenceTransformer; return the BERT inside."""
    plain = folder.with_name(f"{folder.name}-plain")
    model = write_plain(plain)
    SentenceTransformer(str(plain), prompts=prompts, local_files_only=True).save_pretrained(str(folder))
    return model


def write_cross_encoder(folder: Path, labels: int = 1) -> PreTrainedModel:
    """Write a CrossEncoder; return the BERT inside."""
    plain = folder.with_name(f"{folder.name}-plain")
    model = write_plain(plain, labels)
    CrossEncoder(str(plain), local_files_only=True).save_pretrained(str(folder))
    return model


@torch.inference_mode()
def unit_vector(model: PreTrainedModel, text: str) -> NDArray[np.float64]:
    """Return the mean of the last states, of length 1: (dimensions,)."""
    (states,) = model(**_tokenizer()(text, return_tensors="pt")).last_hidden_state.numpy().astype(np.float64)
    mean = states.mean(axis=0)
    length = np.sqrt(mean @ mean)
    vector: NDArray[np.float64] = mean / length
    return vector


@torch.inference_mode()
def logit(model: PreTrainedModel, query: str, document: str) -> float:
    """Return the head's only number."""
    return float(model(**_tokenizer()(query, document, return_tensors="pt")).logits)
