"""Step 5: train the pupil to have the terms that the dictionary gives a text, and to rank as literal path and teacher.

The first loss compares logits, so that a term that should fire and does not has a gradient, however far below 0 it is;
terms that should not fire are only pushed below 0. The second is that of the dictionary's own training.

    python -m csplade.models.recipe.train GGUF_FILE MINILM_FOLDER WORK_FOLDER [mini|whole]
"""

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import orjson
import torch
from csplade.models.recipe import arguments
from csplade.models.recipe.by_length import encode
from csplade.models.recipe.corpus import Corpus, crop, read_corpus
from csplade.models.recipe.dictionary import Dictionary, read_dictionary
from csplade.models.recipe.expansion import read_expansion
from csplade.models.recipe.literal_scores import literal_scores
from csplade.models.recipe.masters import Group, Masters
from csplade.models.recipe.narrow import narrowly
from csplade.models.recipe.plan import DOCUMENT_TERMS, QUERY_TERMS, Size, Stage
from csplade.models.recipe.pupil import Pupil, build
from csplade.models.recipe.ranking import Target, ranking_loss
from csplade.models.recipe.reader import open_reader
from csplade.models.recipe.start import start
from csplade.models.recipe.teacher import Teacher
from csplade.pipelines.batches import Collator, TextBatch
from csplade.pipelines.errors import TrainingError, UsageError
from csplade.pipelines.graph import Role
from csplade.pipelines.training_model import TrainingModel
from csplade.pipelines.whole_file import replace_file
from torch import Tensor, nn
from tqdm import tqdm

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
    A text that is to have next to nothing counts by the distance itself.
    """
    found = torch.where(logits > 0, torch.log1p(logits.clamp(min=0)), logits)
    missed = torch.where(wanted > 0, found - wanted, found.relu()).square().sum(1)
    return (missed / wanted.square().sum(1).clamp(min=1)).mean()


def draw(corpus: Corpus, collator: Collator, stage: Stage, teacher: Teacher, chance: random.Random) -> Lesson:
    """Draw a batch.

    The teacher embeds the runs that are read; of whole documents it has read 256 tokens, the stage may read fewer.
    """
    drawn, asked = corpus.batch(stage.seeds, chance, stage.neighbours)
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
    with narrowly():
        query, query_logits = encode(model, lesson.queries, Role.QUERY, lesson.extra, QUERY_TERMS)
        document, document_logits = encode(model, lesson.documents, Role.DOCUMENT, lesson.extra, DOCUMENT_TERMS)
    with torch.no_grad():
        target = Target(
            stage.literal * literal_scores(lesson.queries, lesson.documents, len(dictionary.rows) + lesson.extra),
            stage.dense * (lesson.asking @ lesson.answering.T),
        )
        # Twice as many of a query: which of its terms survive is for the ranking to say.
        terms_of_query = dictionary.terms(lesson.asking, 2 * QUERY_TERMS)
        terms_of_document = dictionary.terms(lesson.answering, DOCUMENT_TERMS)
    alike = likeness(query_logits, terms_of_query) + likeness(document_logits, terms_of_document)
    scores = query @ document.T * log_scale.exp()
    ranking, contrastive = ranking_loss(scores, target)
    return stage.imitation * alike + stage.ranking * (ranking + stage.contrastive * contrastive)


def optimize(
    pupil: Pupil, corpus: Corpus, dictionary: Dictionary, teacher: Teacher, stages: Sequence[Stage], folder: Path
) -> None:
    """Run the stages, each from where the one before ended; write `stage-N.pt` after each, and its losses.

    Those up to the last one that an earlier run has finished are not run again.

    Raises:
        UsageError: that run learned from another dictionary.
        TrainingError: the loss is no number any more.
    """
    model, chance, log_scale = pupil.model, random.Random(0), nn.Parameter(dictionary.log_scale.clone())
    first = max((number + 1 for number in range(len(stages)) if _ended(folder, number).exists()), default=0)
    if first:
        ended = torch.load(path := _ended(folder, first - 1))
        if ended.get("dictionary") != dictionary.digest:
            raise UsageError(
                f"{path} learned from the dictionary {ended.get('dictionary')}, and the one that is there is "
                f"{dictionary.digest}: move that file and the stages before it away to train anew"
            )
        model.load_state_dict(ended["model"])
        log_scale.data.copy_(ended["log_scale"])
        chance.seed(first)
    else:
        start(pupil, corpus, dictionary, chance)
    for number in range(first, len(stages)):
        lessons = lessons_of(pupil, corpus, stages[number], teacher, chance)
        losses = run_stage(pupil, lessons, dictionary, stages[number], log_scale, f"stage {number + 1}")
        with (folder / "losses.jsonl").open("ab") as file:
            file.write(orjson.dumps({"stage": number + 1, "losses": losses}, option=orjson.OPT_APPEND_NEWLINE))
        keep_stage(_ended(folder, number), model, log_scale.data, dictionary)
    replace_file(folder / "trained.pt", lambda file: torch.save(model.state_dict(), file))


def keep_stage(path: Path, model: nn.Module, log_scale: Tensor, dictionary: Dictionary) -> None:
    """Write what the next stage goes on from."""
    ended = {"model": model.state_dict(), "log_scale": log_scale, "dictionary": dictionary.digest}
    replace_file(path, lambda file: torch.save(ended, file))


def lessons_of(pupil: Pupil, corpus: Corpus, stage: Stage, teacher: Teacher, chance: random.Random) -> Iterator[Lesson]:
    """Draw a stage's batches, each when its turn comes."""
    collator = pupil.reader.collator(stage.document_tokens)
    for _ in range(stage.steps):
        yield draw(corpus, collator, stage, teacher, chance)


def run_stage(
    pupil: Pupil, lessons: Iterator[Lesson], dictionary: Dictionary, stage: Stage, log_scale: nn.Parameter, name: str
) -> list[float]:
    """Train a stage and return the loss of each step; weights that need no gradient stay as they are.

    Raises:
        TrainingError: the loss is no number any more.
    """
    model, training = pupil.model, pupil.training()
    layers = [weight for weight in model.backbone.parameters() if weight.requires_grad]
    small = [model.shift, model.strength, model.gate.weight, model.gate.bias, log_scale]
    groups = [Group(layers, stage.rate, _DECAY), Group([model.head], stage.head_rate), Group(small, _GATE_RATE)]
    optimizer, losses = Masters(groups, lambda step: rate_of(stage, step)), list[float]()
    for lesson in (bar := tqdm(lessons, desc=name, total=stage.steps, unit=" steps")):
        loss = loss_of(training, lesson, dictionary, stage, log_scale)
        losses.append(loss.item())
        if not math.isfinite(losses[-1]):
            raise TrainingError(f"the loss is {losses[-1]} at step {len(losses)} of {name}: lower the stage's rates")
        loss.backward()  # type: ignore[no-untyped-call]
        bar.set_postfix(loss=losses[-1], gradient=optimizer.step().item())
    return losses


def _ended(folder: Path, stage: int) -> Path:
    return folder / f"stage-{stage + 1}.pt"


def rate_of(stage: Stage, step: int) -> float:
    """Return the factor of the rates at a step: a linear rise, then, if the stage has one, a linear fall at its end."""
    falling = (stage.steps - step) / (stage.decay * stage.steps) if stage.decay else 1.0
    return min(1.0, (step + 1) / stage.warm_up, falling)


@click.command(cls=arguments.Step)
@arguments.gguf
@arguments.minilm
@arguments.work
@arguments.size
def main(gguf: Path, minilm: Path, work: Path, size: Size) -> None:
    """Train the encoder and write `trained.pt`."""
    torch.manual_seed(0)
    corpus, dictionary = read_corpus(work, minilm), read_dictionary(work)
    pupil = build(gguf, open_reader(gguf, work, read_expansion(work).terms), size.layers, size.frozen)
    (work / size.folder).mkdir(exist_ok=True)
    optimize(pupil, corpus, dictionary, Teacher(minilm), size.stages, work / size.folder)


if __name__ == "__main__":
    main()
