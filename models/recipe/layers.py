"""How well the states of a language model's layers tell what a text is about: why the encoder has the lower ones.

    python -m csplade.models.recipe.layers GGUF_FILE MINILM_FOLDER WORK_FOLDER LAYERS...

For each number of layers the dense teacher's embedding of a text is predicted from the states of its tokens by ridge
regression, as the head's start does, and compared with the embedding itself on documents that the regression has not
seen: by cosine, and by how often a document's own embedding is the nearest of all to the prediction.
"""

import random
import sys
from pathlib import Path

import torch
from csplade.commands.output import print_table
from csplade.models.recipe.corpus import read_corpus
from csplade.models.recipe.expansion import read_expansion
from csplade.models.recipe.pupil import Pupil, build
from csplade.models.recipe.reader import open_reader
from csplade.models.recipe.start import Group, documents_of, regression
from csplade.pipelines.batches import TextBatch
from torch import Tensor
from torch.nn.functional import normalize

_SEEN, _UNSEEN = 1500, 500


@torch.no_grad()
def told(pupil: Pupil, seen: list[Group], unseen: list[Group]) -> tuple[float, float]:
    """Return the mean cosine of predicted and true embeddings, and the share whose own embedding is the nearest."""
    weights = regression(pupil, seen)
    predicted = normalize(torch.cat([_states(pupil, texts) for texts, _ in unseen]) @ weights, dim=-1)
    cosines = predicted @ torch.cat([vectors for _, vectors in unseen]).T
    nearest = cosines.argmax(1) == torch.arange(len(cosines))
    return cosines.diagonal().mean().item(), nearest.float().mean().item()


def _states(pupil: Pupil, texts: TextBatch) -> Tensor:
    """Return the mean state of each text's tokens, and a 1 for the intercept: (texts, width + 1)."""
    hidden, counted = pupil.model.read(texts.ids, texts.mask)
    share = counted / counted.sum(1, keepdim=True).clamp(min=1)
    mean = (hidden.float() * share.unsqueeze(-1)).sum(1)
    return torch.cat([mean, torch.ones(len(mean), 1)], dim=-1)


def main() -> None:
    """Print a row for each number of layers."""
    gguf, folder, work = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
    corpus, reader = read_corpus(work, folder), open_reader(gguf, work, read_expansion(work).terms)
    places = random.Random(0).sample(range(len(corpus.documents)), _SEEN + _UNSEEN)
    rows = []
    for layers in map(int, sys.argv[4:]):
        pupil = build(gguf, reader, layers, frozen=layers)
        seen, unseen = documents_of(pupil, corpus, places[:_SEEN]), documents_of(pupil, corpus, places[_SEEN:])
        cosine, nearest = told(pupil, seen, unseen)
        rows.append((layers, cosine, f"{nearest:.1%}"))
    print_table("", ("layers", "cosine", "own document nearest"), rows)


if __name__ == "__main__":
    main()
