"""The encoder that is trained: SmolLM2's lower layers, a head with one row for each expansion term, gates."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from csplade.models.recipe.llama import Llama
from csplade.models.recipe.plan import BOS_ID, DOCUMENT_TERMS, LITERAL, MINI, QUERY_TERMS, VOCABULARY
from csplade.models.recipe.reader import Reader
from csplade.pipelines.backbone import cut_layers, cut_vocabulary, load_language_model
from csplade.pipelines.fold import Fold
from csplade.pipelines.model import HeadOptions, SparseEncoderModel
from csplade.pipelines.training_model import TrainingModel
from csplade.pipelines.training_options import ReadingOptions
from transformers import PreTrainedModel


@dataclass(frozen=True)
class Pupil:
    """The model with what its texts are read by."""

    language_model: PreTrainedModel
    """Float weights, as they were before training."""
    model: SparseEncoderModel
    reader: Reader
    gates: bool = True
    """Whether gates are trained."""

    def training(self) -> TrainingModel:
        """Return the model as training sees it."""
        training = TrainingModel(self.model, ReadingOptions(), LITERAL)
        self.model.gate.requires_grad_(self.gates)
        return training


def build(gguf: Path, reader: Reader, layers: int = MINI.layers, frozen: int = MINI.frozen) -> Pupil:
    """Return the encoder with the language model's lowest layers, a head of zeros, and all gates at 1."""
    language_model = load_language_model(str(gguf.parent), gguf.name)
    cut_vocabulary(language_model, VOCABULARY)
    cut_layers(language_model, tuple(range(layers)))
    rows = np.arange(len(reader.terms), dtype=np.int64)
    options = HeadOptions(BOS_ID, DOCUMENT_TERMS, QUERY_TERMS, centred=False)
    head = torch.zeros(len(rows), language_model.config.hidden_size)
    model = SparseEncoderModel(language_model.model, head, Fold(rows, reader.terms, rows[:, None]), options)
    model.backbone = Llama(language_model.model, frozen)
    model.scale.requires_grad_(False)
    return Pupil(language_model, model, reader)
