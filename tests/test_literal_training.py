"""The literal path with gradients, against the literal path of encoding and against differences."""

import dataclasses

import numpy as np
import pytest
import torch
from csplade.pipelines.batches import TextBatch
from csplade.pipelines.graph import Role
from csplade.pipelines.literal import document_weights, frequencies, gates_of_words, query_weights
from csplade.pipelines.literal_training import literal_vectors
from csplade.pipelines.training_options import ReadingOptions
from csplade.pipelines.words import find_words
from csplade.tests.tiny_encoder import IDF, TEXTS, literal_path, tiny_tokenizer
from csplade.tests.training_parts import WORDS, collator, fold_for
from torch import Tensor

_CASES = [*TEXTS, "the of and", "!", "bread bread BREAD breads"]


def _batch(reading: ReadingOptions) -> tuple[TextBatch, dict[str, int]]:
    extra: dict[str, int] = {}
    return collator(reading).documents(_CASES, extra), extra


def _encoded(text: str, gates: Tensor, limit: int, role: Role) -> dict[str, float]:
    """Return the weights that encoding gives the text's words."""
    ends = np.array([end for _, end in tiny_tokenizer().encode(text).offsets[:limit]])
    words = find_words(text, "english")
    counted = frequencies(words.keys, gates_of_words(words.ends, ends, gates[: len(ends)].numpy()))
    if role is Role.QUERY:
        return query_weights(counted, IDF, literal_path())
    return document_weights(counted, len(words.keys), IDF, literal_path())


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("limit", [1, 6, 40])
def test_weights_equal_those_of_encoding(role: Role, limit: int) -> None:
    texts, extra = _batch(dataclasses.replace(WORDS, document_tokens=limit))
    names = [*fold_for(WORDS, tiny_tokenizer()).terms, *extra]
    torch.manual_seed(0)
    gates = torch.rand(texts.ids.shape) * 2
    found = literal_vectors(texts, gates, role, len(names), literal_path())
    for row, text in enumerate(_CASES):
        wanted = _encoded(text, gates[row], limit, role)
        mine = {names[place]: found[row, place].item() for place in found[row].nonzero().squeeze(1).tolist()}
        assert mine == pytest.approx(wanted, abs=1e-5)


@pytest.mark.parametrize("role", list(Role))
def test_gradients_equal_differences(role: Role) -> None:
    texts, extra = _batch(dataclasses.replace(WORDS, document_tokens=6))
    texts = dataclasses.replace(texts, roots=texts.roots.double())
    width = len(fold_for(WORDS, tiny_tokenizer()).terms) + len(extra)
    torch.manual_seed(0)
    gates = (torch.rand(texts.ids.shape, dtype=torch.float64) + 0.5).requires_grad_()
    chosen = torch.rand(len(_CASES), width, dtype=torch.float64)
    # One direction for all words at once: the whole Jacobian has thousands of rows.
    assert torch.autograd.gradcheck(
        lambda values: (literal_vectors(texts, values, role, width, literal_path()) * chosen).sum(), (gates,)
    )


def test_texts_without_words_have_no_weight_and_a_finite_gradient() -> None:
    texts = collator().documents(["!", "of the"], {})
    gates = torch.ones(texts.ids.shape, requires_grad=True)
    found = literal_vectors(texts, gates, Role.DOCUMENT, 10, literal_path())
    found.sum().backward()  # type: ignore[no-untyped-call]
    assert not found.any()
    assert gates.grad is not None and not gates.grad.any()
