"""How well the states of a language model's layers tell what a text is about: why the encoder has the lower ones.

    python -m csplade.models.recipe.layers GGUF_FILE MINILM_FOLDER WORK_FOLDER LAYERS...

For each number of layers the dense teacher's embedding of a text is predicted from the normed states of its tokens by
ridge regression, as the head's start does, and compared with the embedding itself on documents that the regression has
not seen: by cosine, and by how often a document's own embedding is the nearest of all to the prediction.
"""

import random
from collections.abc import Sequence
from pathlib import Path

import click
import torch
from csplade.commands.output import print_table
from csplade.models.recipe import arguments
from csplade.models.recipe.corpus import read_corpus
from csplade.models.recipe.expansion import read_expansion
from csplade.models.recipe.narrow import narrowly
from csplade.models.recipe.plan import WHOLE
from csplade.models.recipe.pupil import Pupil, build
from csplade.models.recipe.reader import open_reader
from csplade.models.recipe.start import Group, documents_of, regression
from torch import Tensor
from torch.nn.functional import normalize

_SEEN, _UNSEEN = 800, 200

States = tuple[Tensor, Tensor, Tensor]
"""States of a group of texts, which of them count, and the texts' embeddings."""


def states_of(pupil: Pupil, groups: Sequence[Group], depths: Sequence[int]) -> list[list[States]]:
    """Return for each depth the states of all groups, as a model that ends there gives them."""
    model, found = pupil.language_model.model, [list[States]() for _ in depths]
    for texts, vectors in groups:
        counted = texts.mask.clone()
        counted[:, 0] = 0  # BOS
        hidden = model(input_ids=texts.ids, attention_mask=texts.mask, output_hidden_states=True).hidden_states
        for depth, held in zip(depths, found, strict=True):
            # The last one comes normed already.
            held.append((hidden[depth] if depth == len(hidden) - 1 else model.norm(hidden[depth]), counted, vectors))
    return found


def told(seen: Sequence[States], unseen: Sequence[States]) -> tuple[float, float]:
    """Return the mean cosine of predicted and true embeddings, and the share whose own embedding is the nearest."""
    weights = regression(seen)
    predicted = normalize(torch.cat([_mean(hidden, counted) for hidden, counted, _ in unseen]) @ weights, dim=-1)
    cosines = predicted @ torch.cat([vectors for *_, vectors in unseen]).T
    nearest = cosines.argmax(1) == torch.arange(len(cosines))
    return cosines.diagonal().mean().item(), nearest.float().mean().item()


def _mean(hidden: Tensor, counted: Tensor) -> Tensor:
    """Return the mean state of each text's tokens, and a 1 for the intercept: (texts, width + 1)."""
    share = counted / counted.sum(1, keepdim=True).clamp(min=1)
    return torch.cat([(hidden.float() * share.unsqueeze(-1)).sum(1), torch.ones(len(hidden), 1)], dim=-1)


@click.command(cls=arguments.Step)
@arguments.gguf
@arguments.minilm
@arguments.work
@click.argument("depths", metavar="LAYERS...", nargs=-1, required=True, type=click.IntRange(1, WHOLE.layers))
@torch.no_grad()
def main(gguf: Path, minilm: Path, work: Path, depths: tuple[int, ...]) -> None:
    """Print a row for each number of layers."""
    corpus, reader = read_corpus(work, minilm), open_reader(gguf, work, read_expansion(work).terms)
    places = random.Random(0).sample(range(len(corpus.documents)), _SEEN + _UNSEEN)
    pupil = build(gguf, reader, WHOLE.layers, frozen=WHOLE.layers)
    groups = documents_of(pupil, corpus, places)
    with narrowly():
        states = states_of(pupil, groups, depths)
    parts = len(groups) * _SEEN // len(places)
    rows = []
    for depth, each in zip(depths, states, strict=True):
        cosine, nearest = told(each[:parts], each[parts:])
        rows.append((depth, cosine, f"{nearest:.1%}"))
    print_table("", ("layers", "cosine", "own document nearest"), rows)


if __name__ == "__main__":
    main()
