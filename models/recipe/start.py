"""Where the pupil's head starts: the dictionary's rows, read from the language model's states.

A ridge regression predicts the dense teacher's embedding of a text from the state of each of its tokens. The
dictionary's rows go through it; then each row is scaled and shifted so that over plain texts it varies, and fires, as
the dictionary's does.
"""

import random
from collections.abc import Iterable

import torch
from csplade.models.recipe.corpus import Corpus
from csplade.models.recipe.dictionary import Dictionary
from csplade.models.recipe.pupil import Pupil
from csplade.pipelines.batches import TextBatch
from csplade.pipelines.pooling import max_pool
from torch import Tensor

_TEXTS = 1500
"""Of each side."""
_CALIBRATED = 600
_GROUP = 50
_TOKENS = 128
_RIDGE = 1e-3
_HIGH = 0.97
"""Quantile of a row's pooled logits over texts that is made equal to the dictionary's."""

Group = tuple[TextBatch, Tensor]
"""Texts, and their embeddings by the dense teacher: (texts, 384)."""


@torch.no_grad()
def start(pupil: Pupil, corpus: Corpus, dictionary: Dictionary, chance: random.Random) -> None:
    """Set head and shifts of the model, and the strengths."""
    collator = pupil.reader.collator(_TOKENS)
    documents = chance.sample(range(len(corpus.documents)), min(_TEXTS, len(corpus.documents)))
    queries = chance.sample(range(len(corpus.queries)), min(_TEXTS, len(corpus.queries)))
    read = documents_of(pupil, corpus, documents)
    asked = [
        (collator.queries([corpus.queries[i] for i in part], {}), corpus.query_vectors[part])
        for part in _parts(queries)
    ]
    states = ((*pupil.model.read(texts.ids, texts.mask), vectors) for texts, vectors in read + asked)
    weights = regression(states)  # (width + 1, 384)
    model = pupil.model
    model.head.copy_(dictionary.rows @ weights[:-1].T)
    model.shift.zero_()
    pooled = torch.cat([_pooled(pupil, texts) for texts, _ in read[: _CALIBRATED // _GROUP]])
    wanted = dictionary.logits(torch.cat([vectors for _, vectors in read[: _CALIBRATED // _GROUP]]))
    ratio = wanted.std(0) / pooled.std(0)
    model.head.mul_(ratio.unsqueeze(1))
    model.shift.copy_(wanted.quantile(_HIGH, dim=0) - (pooled * ratio).quantile(_HIGH, dim=0))
    model.strength.copy_(dictionary.strength)


def documents_of(pupil: Pupil, corpus: Corpus, places: list[int]) -> list[Group]:
    """Return those documents in groups, the beginning of each, with their embeddings."""
    collator = pupil.reader.collator(_TOKENS)
    return [
        (collator.documents([corpus.documents[i] for i in part], {}), corpus.document_vectors[part])
        for part in _parts(places)
    ]


def _parts(places: list[int]) -> list[list[int]]:
    return [places[begin : begin + _GROUP] for begin in range(0, len(places), _GROUP)]


def regression(states: Iterable[tuple[Tensor, Tensor, Tensor]]) -> Tensor:
    """Return the ridge regression of a text's embedding on each token's state, texts weighing alike.

    Args:
        states: of groups of texts, (texts, length, width); which of them count, (texts, length); and the texts'
            embeddings, (texts, 384).

    Returns:
        (width + 1, 384): the last row is the intercept.
    """
    squares, products = torch.zeros(()), torch.zeros(())
    for hidden, counted, vectors in states:
        told = torch.cat([hidden.float(), torch.ones(*counted.shape, 1)], dim=-1)
        share = counted / counted.sum(1, keepdim=True).clamp(min=1)
        weighted = told * share.unsqueeze(-1)
        squares = squares + told.flatten(0, 1).T @ weighted.flatten(0, 1)
        products = products + weighted.sum(1).T @ vectors
    found: Tensor = torch.linalg.solve(squares + _RIDGE * squares.diagonal().mean() * torch.eye(len(squares)), products)
    return found


def _pooled(pupil: Pupil, texts: TextBatch) -> Tensor:
    hidden, counted = pupil.model.read(texts.ids, texts.mask)
    return max_pool(hidden.float(), pupil.model.head, counted)
