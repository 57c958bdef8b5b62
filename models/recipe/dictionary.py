"""Step 4: the sparse teacher: a dictionary of words over the dense teacher's space.

Each expansion term v has a row w_v and a bias b_v, begun from the embedding of its word. A text with embedding e has
the term with weight log(1 + relu(w_v . e + b_v)), of which the heaviest are kept. Rows and biases learn, together
with the literal path, to rank as literal path and dense teacher do together; batches hold groups of near documents.

python -m csplade.models.recipe.dictionary GGUF_FILE MINILM_FOLDER WORK_FOLDER STEPS
"""

import hashlib
import random
from dataclasses import dataclass
from pathlib import Path

import click
import torch
from csplade.models.recipe import arguments
from csplade.models.recipe.corpus import Corpus, read_corpus
from csplade.models.recipe.expansion import Expansion, read_expansion
from csplade.models.recipe.literal_scores import literal_scores
from csplade.models.recipe.plan import DOCUMENT_TERMS, QUERY_TERMS
from csplade.models.recipe.ranking import Target, ranking_loss
from csplade.models.recipe.reader import open_reader
from csplade.pipelines.batches import Collator
from csplade.pipelines.losses import flops, focused
from csplade.pipelines.whole_file import replace_file
from torch import Tensor
from torch.nn.functional import normalize
from tqdm import trange

_SEEDS = 64
_RATE = 8e-3
_GAIN = 12.0
_FIRING = 160
"""Terms of a document that fire at the start."""
_STRENGTH = 0.8
_CONTRASTIVE = 0.3
_FLOPS = 1e-3
_TOKENS = 128
_MEASURED = 4000
"""Documents over which the threshold is set."""


@dataclass(frozen=True)
class Dictionary:
    """The rows, their biases, the strength of both sides and the logarithm of the scores' scale."""

    rows: Tensor
    """(terms, 384)"""
    biases: Tensor
    """(terms,)"""
    strength: Tensor
    """(2,): documents, queries"""
    log_scale: Tensor
    """()"""

    @property
    def digest(self) -> str:
        """Return what tells it from any other."""
        return hashlib.sha256(b"".join(part.detach().numpy().tobytes() for part in vars(self).values())).hexdigest()[
            :12
        ]

    def logits(self, vectors: Tensor) -> Tensor:
        """Return w_v . e + b_v: (texts, 384) -> (texts, terms)."""
        return vectors @ self.rows.T + self.biases

    def terms(self, vectors: Tensor, kept: int) -> Tensor:
        """Return the weights of the heaviest terms, the others 0: (texts, 384) -> (texts, terms)."""
        return focused(torch.log1p(torch.relu(self.logits(vectors))), kept)


def begin(expansion: Expansion, documents: Tensor, firing: int = _FIRING) -> Dictionary:
    """Return the dictionary before training: centred word embeddings, of which a fixed number fires on the average."""
    rows = normalize(expansion.vectors - expansion.vectors.mean(0), dim=-1) * _GAIN
    threshold = (documents @ rows.T).topk(firing, dim=1).values[:, -1].mean()
    biases = torch.full((len(rows),), -threshold.item())
    return Dictionary(rows, biases, torch.full((2,), _STRENGTH), torch.zeros(()))


def read_dictionary(work: Path) -> Dictionary:
    """Read what this step wrote."""
    return Dictionary(**torch.load(work / "dictionary.pt"))


def optimize(dictionary: Dictionary, corpus: Corpus, collator: Collator, steps: int) -> None:
    """Let rows, biases, strength and scale learn."""
    chance = random.Random(0)
    learned = [value.requires_grad_() for value in vars(dictionary).values()]
    optimizer = torch.optim.Adam(learned, lr=_RATE, betas=(0.9, 0.98))
    rates = torch.optim.lr_scheduler.OneCycleLR(optimizer, _RATE, total_steps=steps, pct_start=0.1)
    for _ in (bar := trange(steps, unit=" steps")):
        drawn, asked = corpus.batch(_SEEDS, chance)
        loss = loss_of(dictionary, corpus, collator, drawn, asked)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(learned, 1.0)
        optimizer.step()
        rates.step()
        bar.set_postfix(loss=loss.item())


def loss_of(dictionary: Dictionary, corpus: Corpus, collator: Collator, drawn: list[int], asked: list[int]) -> Tensor:
    """Return the loss of a batch of documents and the queries that they answer."""
    extra: dict[str, int] = {}
    queries = collator.queries([corpus.queries[place] for place in asked], extra)
    documents = collator.documents([corpus.documents[place] for place in drawn], extra)
    literal = literal_scores(queries, documents, len(dictionary.rows) + len(extra))
    asking, answering = corpus.query_vectors[asked], corpus.document_vectors[drawn]
    query, document = dictionary.terms(asking, QUERY_TERMS), dictionary.terms(answering, DOCUMENT_TERMS)
    found = literal + dictionary.strength.prod() * (query @ document.T)
    ranking, contrastive = ranking_loss(found * dictionary.log_scale.exp(), Target(literal, asking @ answering.T))
    return ranking + _CONTRASTIVE * contrastive + _FLOPS * flops(document)


@click.command(cls=arguments.Step)
@arguments.gguf
@arguments.minilm
@arguments.work
@click.argument("steps", type=click.IntRange(min=1))
def main(gguf: Path, minilm: Path, work: Path, steps: int) -> None:
    """Train the dictionary and write `dictionary.pt`."""
    torch.manual_seed(0)
    corpus, expansion = read_corpus(work, minilm), read_expansion(work)
    collator = open_reader(gguf, work, expansion.terms).collator(_TOKENS)
    dictionary = begin(expansion, corpus.document_vectors[:_MEASURED])
    optimize(dictionary, corpus, collator, steps)
    learned = {name: value.detach() for name, value in vars(dictionary).items()}
    replace_file(work / "dictionary.pt", lambda file: torch.save(learned, file))


if __name__ == "__main__":
    main()
