"""Step 5: train the pupil to have the terms that the dictionary gives a text, and to rank as literal path and teacher.

The first loss compares logits, so that a term that should fire and does not has a gradient, however far below 0 it is;
terms that should not fire are only pushed below 0. The second is that of the dictionary's own training.

    python -m csplade.models.recipe.train GGUF_FILE MINILM_FOLDER WORK_FOLDER
"""

import random
import sys
from dataclasses import dataclass
from pathlib import Path

import torch
from csplade.models.recipe.by_length import encode
from csplade.models.recipe.corpus import Corpus, crop, read_corpus
from csplade.models.recipe.dictionary import Dictionary, read_dictionary
from csplade.models.recipe.expansion import read_expansion
from csplade.models.recipe.literal_scores import literal_scores
from csplade.models.recipe.masters import Group, Masters
from csplade.models.recipe.plan import DOCUMENT_TERMS, QUERY_TERMS, STAGES, Stage
from csplade.models.recipe.pupil import Pupil, build
from csplade.models.recipe.ranking import Target, ranking_loss
from csplade.models.recipe.reader import open_reader
from csplade.models.recipe.start import start
from csplade.models.recipe.teacher import Teacher
from csplade.pipelines.batches import Collator, TextBatch
from csplade.pipelines.graph import Role
from csplade.pipelines.training_model import TrainingModel
from torch import Tensor, nn
from tqdm import trange

_GATE_RATE = 3e-3
_DECAY = 0.01


@dataclass(frozen=True)
class Lesson:
    """A batch, and what is to be learned from it."""

    queries: TextBatch
    documents: TextBatch
    extra: int
    asking: Tensor
    """(queries, 384): the dense teacher's embeddings."""
    answering: Tensor
    """(documents, 384)"""


def likeness(logits: Tensor, wanted: Tensor) -> Tensor:
    """Return the squared distance to the wanted weights, as a share of their own: (texts, terms) both -> ().

    Where a weight is wanted, a logit below 0 counts as it is, and log(1 + logit) above; where none is, only what fires.
    """
    found = torch.where(logits > 0, torch.log1p(logits.clamp(min=0)), logits)
    missed = torch.where(wanted > 0, found - wanted, found.relu()).square().sum(1)
    return (missed / wanted.square().sum(1)).mean()


def draw(corpus: Corpus, collator: Collator, stage: Stage, teacher: Teacher, chance: random.Random) -> Lesson:
    """Draw a batch; what is read of a document is what the teacher embeds."""
    drawn, asked = corpus.batch(stage.seeds, chance)
    texts, answering = [corpus.documents[place] for place in drawn], corpus.document_vectors[drawn]
    if stage.crops is not None:
        texts = [crop(text, *stage.crops, chance) for text in texts]
        answering = teacher.embed(texts)
    extra: dict[str, int] = {}
    queries = collator.queries([corpus.queries[place] for place in asked], extra)
    documents = collator.documents(texts, extra)
    return Lesson(queries, documents, len(extra), corpus.query_vectors[asked], answering)


def loss_of(model: TrainingModel, lesson: Lesson, dictionary: Dictionary, stage: Stage, log_scale: Tensor) -> Tensor:
    """Return the loss of a batch."""
    with torch.autocast("cpu", torch.bfloat16):
        query, query_logits = encode(model, lesson.queries, Role.QUERY, lesson.extra, QUERY_TERMS)
        document, document_logits = encode(model, lesson.documents, Role.DOCUMENT, lesson.extra, DOCUMENT_TERMS)
    with torch.no_grad():
        target = Target(
            literal_scores(lesson.queries, lesson.documents, len(dictionary.rows) + lesson.extra),
            lesson.asking @ lesson.answering.T,
        )
        # Twice as many of a query: which of its terms survive is for the ranking to say.
        terms_of_query = dictionary.terms(lesson.asking, 2 * QUERY_TERMS)
        terms_of_document = dictionary.terms(lesson.answering, DOCUMENT_TERMS)
    alike = likeness(query_logits, terms_of_query) + likeness(document_logits, terms_of_document)
    scores = query @ document.T * log_scale.exp()
    ranking, contrastive = ranking_loss(scores, target)
    return alike + stage.ranking * (ranking + stage.contrastive * contrastive)


def optimize(pupil: Pupil, corpus: Corpus, dictionary: Dictionary, teacher: Teacher, work: Path) -> None:
    """Run the stages; `trained.pt` is written after each."""
    model, training, chance = pupil.model, pupil.training(), random.Random(0)
    log_scale = nn.Parameter(dictionary.log_scale.clone())
    layers = [weight for weight in model.backbone.parameters() if weight.requires_grad]
    small = [model.shift, model.strength, model.gate.weight, model.gate.bias, log_scale]
    for number, stage in enumerate(STAGES):
        collator = pupil.reader.collator(stage.document_tokens)
        groups = [Group(layers, stage.rate, _DECAY), Group([model.head], stage.head_rate), Group(small, _GATE_RATE)]
        optimizer = Masters(groups, lambda step, stage=stage: rate_of(stage, step))  # type: ignore[misc]
        for _ in (bar := trange(stage.steps, desc=f"stage {number + 1}", unit=" steps")):
            lesson = draw(corpus, collator, stage, teacher, chance)
            loss = loss_of(training, lesson, dictionary, stage, log_scale)
            loss.backward()  # type: ignore[no-untyped-call]
            bar.set_postfix(loss=loss.item(), gradient=optimizer.step().item())
        torch.save(model.state_dict(), work / "trained.pt")


def rate_of(stage: Stage, step: int) -> float:
    """Return the factor of the rates at a step: a linear rise, then, if the stage has one, a linear fall at its end."""
    falling = (stage.steps - step) / (stage.decay * stage.steps) if stage.decay else 1.0
    return min(1.0, (step + 1) / stage.warm_up, falling)


def main() -> None:
    """Train and write `trained.pt`."""
    gguf, folder, work = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
    torch.manual_seed(0)
    corpus, dictionary = read_corpus(work, folder), read_dictionary(work)
    pupil = build(gguf, open_reader(gguf, work, read_expansion(work).terms))
    start(pupil, corpus, dictionary, random.Random(0))
    optimize(pupil, corpus, dictionary, Teacher(folder), work)


if __name__ == "__main__":
    main()
