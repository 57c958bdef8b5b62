"""The dense teacher, all-MiniLM-L6-v2: texts in, unit vectors out."""

from collections.abc import Sequence
from pathlib import Path

import torch
from csplade.models.recipe.narrow import NARROW
from csplade.pipelines.encode_batches import batches
from csplade.pipelines.graph import padded_batch
from torch import Tensor
from tqdm import tqdm
from transformers import AutoModel, AutoTokenizer

_LONGEST = 256
_TOKENS_AT_ONCE = 2048


class Teacher:
    """The model with its tokenizer."""

    def __init__(self, folder: Path) -> None:
        self._tokenizer = AutoTokenizer.from_pretrained(folder)
        self._model = AutoModel.from_pretrained(folder).eval().to(NARROW)

    @torch.inference_mode()
    def embed(self, texts: Sequence[str], progress: str = "") -> Tensor:
        """Return mean-pooled, normalised embeddings: (texts, 384)."""
        ids = self._tokenizer(list(texts), truncation=True, max_length=_LONGEST)["input_ids"]
        vectors = torch.zeros(len(texts), self._model.config.hidden_size)
        groups = list(batches(dict(enumerate(map(len, ids))), _TOKENS_AT_ONCE))
        for group in tqdm(groups, desc=progress, disable=not progress):
            padded, mask = map(torch.from_numpy, padded_batch([ids[position] for position in group]))
            states = self._model(input_ids=padded, attention_mask=mask).last_hidden_state.float()
            counted = mask.unsqueeze(-1)
            vectors[group] = (states * counted).sum(1) / counted.sum(1)
        return torch.nn.functional.normalize(vectors, dim=-1)
