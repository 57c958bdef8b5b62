"""The dense teacher, all-MiniLM-L6-v2: texts in, unit vectors out."""

import torch
from csplade.models.recipe.states import batches
from torch import Tensor
from tqdm import tqdm
from transformers import AutoModel, AutoTokenizer

_LONGEST = 96
"""Tokens of a text that the teacher reads; a little more than the pupil does, whose pieces are longer."""


@torch.inference_mode()
def embed(folder: str, texts: list[str]) -> Tensor:
    """Return mean-pooled, normalised embeddings: (texts, 384)."""
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()
    ids = [tokenizer(text, truncation=True, max_length=_LONGEST)["input_ids"] for text in texts]
    vectors = torch.zeros(len(texts), model.config.hidden_size)
    for group in tqdm(batches(ids), desc="teacher", unit=" batches"):
        longest = max(len(ids[position]) for position in group)
        padded = torch.tensor([ids[position] + [0] * (longest - len(ids[position])) for position in group])
        mask = torch.tensor([[1] * len(ids[position]) + [0] * (longest - len(ids[position])) for position in group])
        states = model(input_ids=padded, attention_mask=mask).last_hidden_state
        counted = mask.unsqueeze(-1)
        vectors[torch.tensor(group)] = (states * counted).sum(1) / counted.sum(1)
    return torch.nn.functional.normalize(vectors, dim=-1)
