"""The sum of losses: what each weight adds, and what is refused."""

import dataclasses

import pytest
import torch
from csplade.pipelines import losses
from csplade.pipelines.batches import Batch
from csplade.pipelines.errors import UsageError
from csplade.pipelines.objective import Losses, loss_of
from csplade.pipelines.training_model import Encodings, own_pieces, own_words
from csplade.pipelines.training_options import LossOptions, ReadingOptions
from csplade.tests.training_parts import EXAMPLES, PIECES, WORDS, collator, training_model
from torch import Tensor

_NOTHING = LossOptions(contrastive=0.0, flops_query=0.0, flops_document=0.0)


def _encoded(reading: ReadingOptions = WORDS, negatives: int = 1) -> tuple[Batch, Encodings]:
    batch = collator(reading)(EXAMPLES, negatives, seed=0)
    with torch.no_grad():
        return batch, training_model(reading)(batch, logits=True)


def _loss(options: LossOptions, batch: Batch, found: Encodings, teacher: Tensor | None = None, step: int = 9) -> Losses:
    return loss_of(options, found.queries, found.documents, batch, teacher, step, 10)


def test_the_total_is_the_weighted_sum_of_the_parts() -> None:
    batch, found = _encoded()
    options = LossOptions(
        contrastive=0.5, kl=2.0, margin_mse=0.1, bag_of_words=0.3, flops_query=0.02, flops_document=0.01
    )
    teacher = torch.rand(4, 8)
    loss = _loss(options, batch, found, teacher)
    assert loss.parts.keys() == {"contrastive", "kl", "margin_mse", "bag_of_words", "flops_query", "flops_document"}
    wanted = sum(getattr(options, name) * value for name, value in loss.parts.items())
    assert loss.total.item() == pytest.approx(wanted, rel=1e-5)


def test_sparsity_is_free_at_the_first_step() -> None:
    batch, found = _encoded()
    options = dataclasses.replace(_NOTHING, flops_query=1.0, flops_document=1.0, flops_warm_up=0.5)
    assert _loss(options, batch, found, step=0).total.item() == 0.0
    whole = losses.flops(found.queries.expansion) + losses.flops(found.documents.expansion)
    assert _loss(options, batch, found, step=5).total.item() == pytest.approx(whole.item(), rel=1e-5)


def test_all_documents_of_the_batch_but_false_negatives_are_negatives() -> None:
    batch, found = _encoded()
    scores = found.queries.vectors @ found.documents.vectors.T
    # With one hard negative each, some are the positives of other queries; none is a query's own.
    wanted = losses.info_nce(scores, torch.tensor([0, 2, 4, 6]), batch.false_negatives(), 1.0)
    options = dataclasses.replace(_NOTHING, contrastive=1.0)
    assert _loss(options, batch, found).total.item() == pytest.approx(wanted.item(), rel=1e-5)
    repeated = collator()([*EXAMPLES, EXAMPLES[0]], 0, seed=0)
    assert repeated.false_negatives()[0, 4]


def test_scores_of_the_data_teach_each_querys_own_documents() -> None:
    batch, found = _encoded(negatives=2)
    assert batch.scores is not None
    scores = (found.queries.vectors @ found.documents.vectors.T).reshape(4, 4, 3)
    own = scores[torch.arange(4), torch.arange(4)]
    options = dataclasses.replace(_NOTHING, kl=1.0, margin_mse=1.0)
    loss = _loss(options, batch, found)
    assert loss.parts["kl"] == pytest.approx(losses.kl_to_teacher(own, batch.scores, 1.0, 0.05).item(), rel=1e-4)
    squares = ((own[:, :1] - own[:, 1:]) - (batch.scores[:, :1] - batch.scores[:, 1:])).square()
    assert loss.parts["margin_mse"] == pytest.approx(squares.mean().item(), rel=1e-4)


def test_a_live_teacher_comes_before_the_datas_scores() -> None:
    batch, found = _encoded()
    options = dataclasses.replace(_NOTHING, kl=1.0, teacher_temperature=1.0)
    ours = found.queries.vectors @ found.documents.vectors.T
    assert _loss(options, batch, found, ours).total.item() == pytest.approx(0.0, abs=1e-5)
    assert _loss(options, batch, found).total.item() > 0.01


@pytest.mark.parametrize("reading", [WORDS, PIECES])
def test_each_side_predicts_the_others_words(reading: ReadingOptions) -> None:
    batch, found = _encoded(reading)
    own = own_words if reading is WORDS else own_pieces
    terms = found.queries.expansion.shape[1]
    assert found.queries.logits is not None and found.documents.logits is not None
    forth = losses.bag_of_words(found.documents.logits[::2], own(batch.queries, terms))
    back = losses.bag_of_words(found.queries.logits, own(batch.documents, terms)[::2])
    loss = _loss(dataclasses.replace(_NOTHING, bag_of_words=1.0), batch, found)
    assert loss.total.item() == pytest.approx(((forth + back) / 2).item(), rel=1e-5)
    assert own(batch.queries, terms).any(dim=1).all()


def test_normalized_queries_are_scored_by_direction_alone() -> None:
    batch, found = _encoded()
    longer = found._replace(queries=found.queries._replace(vectors=found.queries.vectors * 5))
    options = dataclasses.replace(_NOTHING, contrastive=1.0)
    normalized = dataclasses.replace(options, normalized_queries=True)
    assert _loss(normalized, batch, found).total.item() == pytest.approx(_loss(normalized, batch, longer).total.item())
    assert _loss(options, batch, found).total.item() != pytest.approx(_loss(options, batch, longer).total.item())


def test_distillation_without_any_teacher_is_refused() -> None:
    batch, found = _encoded()
    unscored = dataclasses.replace(batch, scores=None)
    with pytest.raises(UsageError, match=r"need a teacher's scores.* name a --teacher"):
        _loss(dataclasses.replace(_NOTHING, kl=1.0), unscored, found)


def test_scores_of_positives_alone_are_refused() -> None:
    batch, found = _encoded(negatives=0)
    with pytest.raises(UsageError, match=r"batch\.negatives is 0: set it to 1 or more"):
        _loss(dataclasses.replace(_NOTHING, margin_mse=1.0), batch, found)
