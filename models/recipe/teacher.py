"""The dense teacher, all-MiniLM-L6-v2: texts in, unit vectors out."""

from collections.abc import Sequence

import torch
from torch import Tensor
from tqdm import tqdm
from transformers import AutoModel, AutoTokenizer

_LONGEST = 256
_TOKENS_AT_ONCE = 16_384


class Teacher:
    """The model with its tokenizer, in bf16."""

    def __init__(self, folder: str) -> None:
        self._tokenizer = AutoTokenizer.from_pretrained(folder)
        self._model = AutoModel.from_pretrained(folder).eval().to(torch.bfloat16)

    @torch.inference_mode()
    def embed(self, texts: Sequence[str], progress: str = "") -> Tensor:
        """Return mean-pooled, normalised embeddings: (texts, 384)."""
        ids = self._tokenizer(list(texts), truncation=True, max_length=_LONGEST)["input_ids"]
        vectors = torch.zeros(len(texts), self._model.config.hidden_size)
        for group in tqdm(by_length(list(map(len, ids)), _TOKENS_AT_ONCE), desc=progress, disable=not progress):
            padded = torch.zeros(len(group), len(ids[group[-1]]), dtype=torch.int64)
            mask = torch.zeros_like(padded)
            for row, position in enumerate(group):
                padded[row, : len(ids[position])] = torch.tensor(ids[position])
                mask[row, : len(ids[position])] = 1
            states = self._model(input_ids=padded, attention_mask=mask).last_hidden_state.float()
            counted = mask.unsqueeze(-1)
            vectors[group] = (states * counted).sum(1) / counted.sum(1)
        return torch.nn.functional.normalize(vectors, dim=-1)


def by_length(lengths: Sequence[int], tokens: int) -> list[list[int]]:
    """Return positions of texts in groups of like length, the longest last, each of at most so many padded tokens."""
    groups: list[list[int]] = []
    for position in sorted(range(len(lengths)), key=lengths.__getitem__):
        if groups and (len(groups[-1]) + 1) * lengths[position] <= tokens:
            groups[-1].append(position)
        else:
            groups.append([position])
    return groups
