"""The recipe's training scores are those of the encoder that is served."""

import math

import numpy as np
import pytest
import torch
from csplade.models.recipe.corpus import Text
from csplade.models.recipe.plan import LITERAL
from csplade.models.recipe.scores import Training, imitation_loss, literal_weights
from csplade.pipelines.fold import fold_vocabulary
from csplade.pipelines.graph import Role
from csplade.pipelines.literal import document_weights, frequencies, query_weights
from csplade.pipelines.losses import flops
from csplade.pipelines.words import split_words
from csplade.tests.tiny_encoder import IDF, tiny_model, tiny_tokenizer

TEXT = "Bread and salt; salt and bread with butter. XJ-4400B runs"


@pytest.fixture(scope="module")
def training() -> Training:
    tokenizer = tiny_tokenizer()
    fold = fold_vocabulary(tokenizer, "english")
    model = tiny_model(tokenizer, fold)
    return Training(model, model.backbone, {term: number for number, term in enumerate(fold.terms)}, IDF, 6.0)


@pytest.mark.parametrize("role", list(Role))
def test_literal_weights_are_those_of_the_literal_path(training: Training, role: Role) -> None:
    words = split_words(TEXT, "english")
    gates = torch.linspace(0.5, 2.0, len(words))
    states = np.zeros((len(words), 1), dtype=np.float16)
    text = Text(np.arange(len(words)), states, states, tuple(words), np.arange(len(words)))
    known = len(training.term_ids)
    keys = dict.fromkeys(word.key for word in words if word.key not in training.term_ids)
    extra = {key: known + number for number, key in enumerate(keys)}
    found = literal_weights(training, text, gates, role, extra, known)
    counted = frequencies([word.key for word in words], gates.numpy())
    literal = LITERAL.__class__(**{**LITERAL.__dict__, "default_idf": 6.0})
    if role is Role.DOCUMENT:
        expected = document_weights(counted, len(words), IDF, literal)
    else:
        expected = query_weights(counted, IDF, literal)
    places = training.term_ids | extra
    assert {key: found[places[key]].item() for key in expected} == pytest.approx(expected, rel=1e-5)
    assert int((found != 0).sum()) == len(expected)


def test_flops_is_the_sum_of_squared_means() -> None:
    terms = torch.tensor([[1.0, 0.0, 2.0], [3.0, 0.0, 0.0]])
    assert flops(terms).item() == pytest.approx((4 / 2) ** 2 + 0 + (2 / 2) ** 2)


def test_imitation_pulls_what_fires_and_pushes_what_does_not() -> None:
    wanted = torch.tensor([[1.0, -2.0, -1.0]])
    calibrated = torch.tensor([[-0.5, 0.25, -3.0]], requires_grad=True)
    loss = imitation_loss(calibrated, wanted)
    assert loss.item() == pytest.approx((1.5**2 + 0.25**2) / 2.0**2)
    (gradient,) = torch.autograd.grad(loss, calibrated)
    assert gradient[0, 0] < 0 < gradient[0, 1]
    assert gradient[0, 2] == 0


def test_tempered_gates_keep_a_share_of_what_they_learned() -> None:
    tokenizer = tiny_tokenizer()
    model = tiny_model(tokenizer, fold_vocabulary(tokenizer, "english"))
    hidden = torch.randn(1, 4, model.head.shape[1])
    learned = [model.gate(hidden)[..., role] for role in Role]
    one = math.log(math.e - 1)  # softplus of this is 1
    model.temper_gates(torch.tensor([0.0, 0.5]))
    torch.testing.assert_close(model.gates(hidden, torch.tensor(0)), torch.ones(1, 4))
    kept = torch.nn.functional.softplus(one + 0.5 * (learned[Role.QUERY] - one))
    torch.testing.assert_close(model.gates(hidden, torch.tensor(1)), kept)
