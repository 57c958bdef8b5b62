"""What training sees of the encoder, against the encoder that is exported."""

import dataclasses

import pytest
import torch
from csplade.pipelines.attention_kinds import Attention
from csplade.pipelines.errors import UsageError
from csplade.pipelines.graph import Role
from csplade.pipelines.literal_training import literal_vectors
from csplade.pipelines.precision import precision
from csplade.pipelines.training_model import TrainingModel, own_pieces, own_words
from csplade.pipelines.training_options import QueryPath, ReadingOptions
from csplade.pipelines.words import split_words
from csplade.tests.tiny_encoder import IDF, TEXTS, literal_path, tiny_tokenizer
from csplade.tests.training_parts import EXAMPLES, PIECES, WORDS, collator, fold_for, training_model
from torch import Tensor

_ROLES = list(Role)


def _exported(model: TrainingModel, ids: Tensor, mask: Tensor, role: Role) -> Tensor:
    """Return all expansion terms that the exported graph gives, as (texts, terms)."""
    model.model.kept.fill_(len(model.model.groups))
    out = model.model(ids, mask, torch.tensor(int(role)))
    return torch.zeros_like(out.weights).scatter(1, out.term_ids, out.weights)


@pytest.mark.parametrize("role", _ROLES)
@pytest.mark.parametrize(("reading", "residual"), [(WORDS, False), (PIECES, False), (PIECES, True)])
def test_expansion_and_residual_equal_the_exported_models(reading: ReadingOptions, residual: bool, role: Role) -> None:
    model = training_model(reading, residual)
    texts = collator(reading).documents(TEXTS, {})
    with torch.no_grad():
        found = model.encode(texts, role, extra=0 if model.literal is None else 60)
        wanted = _exported(model, texts.ids, texts.mask, role)
    torch.testing.assert_close(found.expansion if model.literal else found.vectors, wanted, rtol=1e-5, atol=1e-5)
    assert (wanted > 0).sum(dim=1).min() > 0


@pytest.mark.parametrize("residual", [False, True])
def test_the_exported_model_can_be_measured_in_bfloat16(residual: bool) -> None:
    """As `prosper` does on its development collection; on a processor gates are of another type than terms."""
    model, texts = training_model(PIECES, residual), collator(PIECES).documents(TEXTS, {})
    with torch.no_grad():
        wanted = _exported(model, texts.ids, texts.mask, Role.DOCUMENT)
        with precision(torch.device("cpu"), bf16=True):
            found = _exported(model, texts.ids, texts.mask, Role.DOCUMENT)
    assert found.dtype is torch.float32
    torch.testing.assert_close(found, wanted, rtol=0.02, atol=0.1)


@pytest.mark.parametrize("role", _ROLES)
def test_words_have_the_literal_path_on_top(role: Role) -> None:
    model, extra = training_model(), dict[str, int]()
    texts = collator().documents(TEXTS, extra)
    with torch.no_grad():
        found = model.encode(texts, role, len(extra))
        hidden, _ = model.model.read(texts.ids, texts.mask)
        gates = model.model.gates(hidden, torch.tensor(int(role)))
        width = found.vectors.shape[1]
        literal = literal_vectors(texts, gates, role, width, literal_path())
    assert width == len(model.model.groups) + len(extra)
    torch.testing.assert_close(found.vectors[:, : -len(extra)], found.expansion + literal[:, : -len(extra)])
    torch.testing.assert_close(found.vectors[:, -len(extra) :], literal[:, -len(extra) :])


def test_logits_are_the_expansion_before_the_relu() -> None:
    model = training_model()
    with torch.no_grad():
        found = model.encode(collator().documents(TEXTS, {}), Role.DOCUMENT, 60, logits=True)
    assert found.logits is not None and found.logits.min() < -1
    torch.testing.assert_close(found.expansion, model.model.strength[0].detach() * found.logits.relu().log1p())


def test_a_window_keeps_as_many_terms() -> None:
    model = training_model()
    with torch.no_grad():
        found = model.encode(collator().documents(TEXTS, {}), Role.DOCUMENT, 60, keep=3)
    assert (found.expansion > 0).sum(dim=1).tolist() == [3] * len(TEXTS)


def test_padding_changes_nothing() -> None:
    model = training_model()
    extra: dict[str, int] = {}
    together = collator().documents(TEXTS, extra)
    with torch.no_grad():
        all_at_once = model.encode(together, Role.DOCUMENT, len(extra)).vectors
        alone = [model.encode(collator().documents([text], extra), Role.DOCUMENT, len(extra)).vectors for text in TEXTS]
    torch.testing.assert_close(all_at_once, torch.cat(alone), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("attention", list(Attention))
def test_every_part_that_is_trained_gets_a_gradient(attention: Attention) -> None:
    model = training_model()
    model.model.options = dataclasses.replace(model.model.options, attention=attention)
    encoded = model(collator()(EXAMPLES, 1, seed=0))
    (encoded.queries.vectors.sum() + encoded.documents.vectors.sum()).backward()
    untouched = [name for name, weight in model.named_parameters() if weight.grad is None or not weight.grad.any()]
    # The embedding is tied to a head of its own.
    assert untouched == []


def test_gates_that_nothing_uses_are_frozen() -> None:
    assert not any(weight.requires_grad for weight in training_model(PIECES).model.gate.parameters())
    assert all(weight.requires_grad for weight in training_model(PIECES, residual=True).model.gate.parameters())


@pytest.mark.parametrize("path", [QueryPath.IDF, QueryPath.LEARNED])
def test_inference_free_pieces_weigh_each_own_piece_once(path: QueryPath) -> None:
    reading = dataclasses.replace(PIECES, query_path=path)
    model = training_model(reading)
    texts = collator(reading).queries(["bread bread plant"], {})
    found = model.encode(texts, Role.QUERY, 0)
    terms = fold_for(PIECES, tiny_tokenizer()).terms
    pieces = set(texts.ids[0].tolist()) - {0}
    wanted = torch.zeros(len(terms))
    for piece in pieces:
        wanted[piece] = IDF.get(terms[piece], 6.0)
    torch.testing.assert_close(found.vectors[0].detach(), wanted)
    assert not found.expansion.requires_grad and found.logits is None


def test_a_learned_table_of_pieces_gets_the_gradient_of_the_querys_pieces_alone() -> None:
    reading = dataclasses.replace(PIECES, query_path=QueryPath.LEARNED)
    model = training_model(reading)
    batch = collator(reading)(EXAMPLES, 0, seed=0)
    model(batch).queries.vectors.sum().backward()
    assert model.learned is not None and model.learned.grad is not None
    assert torch.equal(model.learned.grad > 0, own_pieces(batch.queries, len(model.learned)).any(dim=0))


def test_inference_free_words_count_each_word_once_per_occurrence() -> None:
    reading = dataclasses.replace(WORDS, query_path=QueryPath.IDF)
    model, extra = training_model(reading), dict[str, int]()
    texts = collator(reading).queries(["bread plants breads zanzibar"], extra)
    found = model.encode(texts, Role.QUERY, len(extra)).vectors[0]
    names = [*fold_for(WORDS, tiny_tokenizer()).terms, *extra]
    mine = {names[place]: found[place].item() for place in found.nonzero().squeeze(1).tolist()}
    key = split_words("zanzibar", "english")[0].key
    assert mine == pytest.approx({"bread": 2 * 3.0**0.5, "plant": 2.0, key: 6.0**0.5})


def test_a_learned_table_of_words_starts_at_the_idf_and_reaches_both_sides() -> None:
    learned = training_model(dataclasses.replace(WORDS, query_path=QueryPath.LEARNED))
    fixed = training_model(dataclasses.replace(WORDS, query_path=QueryPath.IDF))
    batch = collator()(EXAMPLES, 1, seed=0)
    found, wanted = learned(batch), fixed(batch)
    torch.testing.assert_close(found.queries.vectors, wanted.queries.vectors)
    torch.testing.assert_close(found.documents.vectors, wanted.documents.vectors)
    found.documents.vectors.sum().backward()
    assert learned.learned is not None and learned.learned.grad is not None
    assert torch.equal(learned.learned.grad > 0, own_words(batch.documents, len(learned.learned)).any(dim=0))


def test_inference_free_queries_without_a_table_are_refused() -> None:
    reading = dataclasses.replace(PIECES, query_path=QueryPath.IDF)
    with pytest.raises(UsageError, match="the query path idf needs a table of idf"):
        TrainingModel(training_model(PIECES).model, reading, None)
