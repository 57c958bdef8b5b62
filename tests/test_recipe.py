"""The recipe of csplade-mini: its layers are those of transformers, its losses are their formulas, its start fires."""

import dataclasses
import math
import random
from pathlib import Path
from typing import cast

import numpy as np
import orjson
import pytest
import torch
from csplade.models.recipe import by_length, train
from csplade.models.recipe.assemble import assemble, give_back, trained_of
from csplade.models.recipe.corpus import Corpus, crop
from csplade.models.recipe.dictionary import Dictionary
from csplade.models.recipe.expansion import choose
from csplade.models.recipe.layers import States, told
from csplade.models.recipe.literal_scores import literal_scores
from csplade.models.recipe.llama import Llama
from csplade.models.recipe.masters import Group, Masters
from csplade.models.recipe.narrow import narrowly
from csplade.models.recipe.plan import LITERAL
from csplade.models.recipe.pupil import Pupil
from csplade.models.recipe.ranking import Target, ranking_loss
from csplade.models.recipe.spreads import spreads
from csplade.models.recipe.start import start
from csplade.models.recipe.teacher import Teacher
from csplade.models.recipe.train import Lesson, likeness, loss_of, rate_of
from csplade.pipelines.development import encoder_of
from csplade.pipelines.encode import Encoder
from csplade.pipelines.errors import TrainingError, UsageError
from csplade.pipelines.graph import Role
from csplade.pipelines.literal import document_weights, frequencies, query_weights
from csplade.pipelines.trained_folder import read_trained
from csplade.pipelines.words import split_words
from csplade.tests.tiny_encoder import IDF, TEXTS
from csplade.tests.tiny_recipe import STAGE, TERMS, tiny_corpus, tiny_dictionary, tiny_pupil
from torch import nn


@pytest.fixture
def pupil() -> Pupil:
    return tiny_pupil()


@pytest.fixture
def corpus() -> Corpus:
    return tiny_corpus()


@pytest.fixture
def dictionary(corpus: Corpus) -> Dictionary:
    return tiny_dictionary(corpus)


@pytest.mark.parametrize("narrow", [torch.bfloat16, torch.float32])
def test_layers_and_gradients_are_those_of_transformers(narrow: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("csplade.models.recipe.llama.NARROW", narrow)
    pupil = tiny_pupil()
    theirs, ours = pupil.language_model.model, pupil.model.backbone
    ids = torch.randint(0, pupil.language_model.config.vocab_size, (3, 11), generator=torch.Generator().manual_seed(0))
    mixing = torch.randn(theirs.config.hidden_size, generator=torch.Generator().manual_seed(3))
    expected, found = theirs(input_ids=ids, use_cache=False).last_hidden_state, ours(ids).last_hidden_state
    assert (found - expected).norm() < 0.02 * expected.norm()
    (expected @ mixing).tanh().sum().backward()
    (found.float() @ mixing).tanh().sum().backward()
    for layer, own in zip(theirs.layers, ours.layers, strict=True):
        pairs = [
            (layer.mlp.down_proj.weight.grad, own.inner_out.grad),
            (layer.self_attn.o_proj.weight.grad, own.heads_out.grad),
            (layer.self_attn.q_proj.weight.grad, own.heads_in.grad[: len(layer.self_attn.q_proj.weight)]),
            (layer.mlp.gate_proj.weight.grad, own.inner_in.grad.chunk(2)[0]),
            (layer.input_layernorm.weight.grad, own.norms.grad[0]),
        ]
        for wanted, got in pairs:
            assert torch.nn.functional.cosine_similarity(wanted.flatten(), got.float().flatten(), dim=0) > 0.99


def test_trained_layers_go_back_into_the_language_model(pupil: Pupil) -> None:
    with torch.no_grad():
        for weight in pupil.model.backbone.parameters():
            weight.add_(torch.randn_like(weight) * 0.01)
        pupil.model.backbone.embedding.copy_(pupil.language_model.model.embed_tokens.weight)
    pupil.model.backbone.copy_to(pupil.language_model.model)
    ids = torch.arange(2, 12).unsqueeze(0)
    expected = pupil.language_model.model(input_ids=ids, use_cache=False).last_hidden_state
    assert (pupil.model.backbone(ids).last_hidden_state - expected).norm() < 0.05 * expected.norm()


def test_frozen_layers_have_no_gradient(pupil: Pupil) -> None:
    half = Llama(pupil.language_model.model, frozen=1)
    # A batch of one, and a gradient of one number for all, would be compiled anew.
    half(torch.arange(2, 12).view(2, 5)).last_hidden_state.float().square().sum().backward()
    assert half.layers[0].heads_in.grad is None
    assert half.layers[1].heads_in.grad is not None


def test_small_steps_add_up_in_bf16() -> None:
    weight = nn.Parameter(torch.ones(1, dtype=torch.bfloat16))
    optimizer = Masters([Group([weight], rate=1e-4)], lambda step: 1.0)
    for _ in range(100):
        weight.grad = torch.ones(1, dtype=torch.bfloat16)
        optimizer.step()
    # A hundredth is lost if each step of 1e-4 is rounded to the 8 bits of bf16.
    assert weight.item() == pytest.approx(0.99, abs=0.004)


def test_literal_scores_are_those_of_the_literal_path(pupil: Pupil) -> None:
    collator = pupil.reader.collator(32)
    extra: dict[str, int] = {}
    queries, documents = collator.queries(["bread pumps", "ok"], extra), collator.documents(TEXTS, extra)
    found = literal_scores(queries, documents, len(TERMS) + len(extra))
    for row, query in enumerate(["bread pumps", "ok"]):
        for column, text in enumerate(TEXTS):
            words = [word.key for word in split_words(text, "english")]
            asked = [word.key for word in split_words(query, "english")]
            theirs = document_weights(
                frequencies(words, np.ones(len(words), dtype=np.float32)), len(words), IDF, LITERAL
            )
            ours = query_weights(frequencies(asked, np.ones(len(asked), dtype=np.float32)), IDF, LITERAL)
            exact = sum(weight * theirs.get(key, 0.0) for key, weight in ours.items())
            assert found[row, column].item() == pytest.approx(exact, rel=1e-5)


def test_likeness_pulls_what_is_missed_and_pushes_what_fires() -> None:
    logits = torch.tensor([[-0.5, 0.25, -3.0, 2.0]], requires_grad=True)
    wanted = torch.tensor([[1.0, 0.0, 0.0, 0.5]])
    loss = likeness(logits, wanted)
    exact = (1.5**2 + np.log(1.25) ** 2 + (np.log(3.0) - 0.5) ** 2) / (1.0 + 0.25)
    assert loss.item() == pytest.approx(exact, rel=1e-6)
    (gradient,) = torch.autograd.grad(loss, logits)
    assert gradient[0, 0] < 0 < gradient[0, 1]
    assert gradient[0, 2] == 0 < gradient[0, 3]


def test_a_text_that_is_to_have_no_term_has_a_loss_too() -> None:
    assert likeness(torch.tensor([[-1.0, 1.0]]), torch.zeros(1, 2)).item() == pytest.approx(math.log(2) ** 2)


def test_ranking_loss_is_the_divergence_both_ways() -> None:
    generator = torch.Generator().manual_seed(0)
    found, literal, dense = (torch.randn(3, 3, generator=generator) for _ in range(3))
    divergence, contrastive = ranking_loss(found, Target(literal, dense))
    theirs = 2.0 * (literal.numpy() / 4.0 + dense.numpy() / 0.1)
    exact = _divergence(theirs, found.numpy()) + _divergence(theirs.T, found.numpy().T)
    assert divergence.item() == pytest.approx(exact, rel=1e-4)
    assert contrastive.item() == pytest.approx(-np.diag(np.log(_shares(found.numpy()))).mean(), rel=1e-5)


def _shares(scores: np.ndarray) -> np.ndarray:
    exact = np.exp(scores.astype(np.float64) - scores.max(axis=1, keepdims=True))
    shares: np.ndarray = exact / exact.sum(axis=1, keepdims=True)
    return shares


def _divergence(theirs: np.ndarray, ours: np.ndarray) -> float:
    wanted = _shares(theirs)
    return float((wanted * np.log(np.maximum(wanted, 1e-300) / _shares(ours))).sum(axis=1).mean())


def test_head_starts_as_the_dictionary_fires(pupil: Pupil, corpus: Corpus, dictionary: Dictionary) -> None:
    start(pupil, corpus, dictionary, random.Random(0))
    collator = pupil.reader.collator(32)
    texts = collator.documents(corpus.documents, {})
    with torch.no_grad():
        hidden, counted = pupil.model.read(texts.ids, texts.mask)
        logits = (hidden.float() @ pupil.model.head.T).masked_fill(counted.unsqueeze(-1) == 0, -1e9).amax(1)
    logits = logits + pupil.model.shift
    wanted = dictionary.logits(corpus.document_vectors)
    torch.testing.assert_close(logits.quantile(0.97, dim=0), wanted.quantile(0.97, dim=0), rtol=0.02, atol=0.02)
    torch.testing.assert_close(logits.std(0), wanted.std(0), rtol=0.02, atol=0.02)


def test_a_few_steps_bring_the_pupil_nearer_to_both_teachers(
    pupil: Pupil, corpus: Corpus, dictionary: Dictionary
) -> None:
    start(pupil, corpus, dictionary, random.Random(0))
    collator = pupil.reader.collator(32)
    extra: dict[str, int] = {}
    queries, documents = collator.queries(corpus.queries, extra), collator.documents(corpus.documents, extra)
    lesson = Lesson(queries, documents, len(extra), corpus.query_vectors, corpus.document_vectors)
    weights = [weight for weight in pupil.model.parameters() if weight.requires_grad]
    optimizer, training = Masters([Group(weights, 2e-3)], lambda step: 1.0), pupil.training()
    alone = [dataclasses.replace(STAGE, ranking=0.0), dataclasses.replace(STAGE, imitation=0.0)]

    def both() -> list[float]:
        with torch.no_grad():
            return [loss_of(training, lesson, dictionary, stage, torch.zeros(())).item() for stage in alone]

    before = both()
    for _ in range(30):
        loss_of(training, lesson, dictionary, STAGE, torch.zeros(())).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    for after, start_loss in zip(both(), before, strict=True):
        assert after < 0.9 * start_loss


def test_a_stopped_training_goes_on_behind_its_last_finished_stage(
    pupil: Pupil, corpus: Corpus, dictionary: Dictionary, tmp_path: Path
) -> None:
    stage = dataclasses.replace(STAGE, steps=2)
    no_teacher = cast("Teacher", None)  # whole documents have their embeddings
    train.optimize(pupil, corpus, dictionary, no_teacher, (stage,), tmp_path)
    first = {name: weight.clone() for name, weight in pupil.model.state_dict().items()}
    with torch.no_grad():
        pupil.model.head.zero_()
    again = (stage, dataclasses.replace(stage, rate=0.0, head_rate=0.0))
    train.optimize(pupil, corpus, dictionary, no_teacher, again, tmp_path)
    assert torch.equal(torch.load(tmp_path / "trained.pt")["head"], first["head"])
    assert first["head"].abs().max() > 0
    written = [orjson.loads(line) for line in (tmp_path / "losses.jsonl").read_bytes().splitlines()]
    assert [(line["stage"], len(line["losses"])) for line in written] == [(1, 2), (2, 2)]


def test_stages_of_another_dictionary_are_not_gone_on_from(
    pupil: Pupil, corpus: Corpus, dictionary: Dictionary, tmp_path: Path
) -> None:
    stages = (dataclasses.replace(STAGE, steps=1),)
    train.optimize(pupil, corpus, dictionary, cast("Teacher", None), stages, tmp_path)
    other = dataclasses.replace(dictionary, biases=dictionary.biases + 1)
    with pytest.raises(UsageError, match=f"stage-1.pt learned from the dictionary {dictionary.digest}"):
        train.optimize(pupil, corpus, other, cast("Teacher", None), stages, tmp_path)


def test_a_loss_that_is_no_number_ends_the_training(
    pupil: Pupil, corpus: Corpus, dictionary: Dictionary, tmp_path: Path
) -> None:
    broken = dataclasses.replace(dictionary, log_scale=torch.tensor(math.nan))
    with pytest.raises(TrainingError, match="the loss is nan at step 1 of stage 1"):
        train.optimize(pupil, corpus, broken, cast("Teacher", None), (STAGE,), tmp_path)
    assert not (tmp_path / "stage-1.pt").exists()


def test_each_part_of_the_loss_can_be_left_out(pupil: Pupil, corpus: Corpus, dictionary: Dictionary) -> None:
    start(pupil, corpus, dictionary, random.Random(0))
    collator, extra = pupil.reader.collator(32), dict[str, int]()
    queries, documents = collator.queries(corpus.queries, extra), collator.documents(corpus.documents, extra)
    lesson = Lesson(queries, documents, len(extra), corpus.query_vectors, corpus.document_vectors)

    def loss(*left_out: str) -> float:
        stage = dataclasses.replace(STAGE, **dict.fromkeys(left_out, 0.0))  # type: ignore[arg-type]  # all are floats
        with torch.no_grad():
            return loss_of(pupil.training(), lesson, dictionary, stage, torch.zeros(())).item()

    imitation, ranking = loss("ranking"), loss("imitation")
    assert min(imitation, ranking) > 0
    assert loss() == pytest.approx(imitation + ranking, rel=1e-3)
    assert loss("imitation", "contrastive") < ranking
    assert len({loss("imitation", part) for part in ("literal", "dense", "contrastive")} | {ranking}) == 4


def test_parts_of_a_batch_say_what_the_batch_says(
    pupil: Pupil, corpus: Corpus, dictionary: Dictionary, monkeypatch: pytest.MonkeyPatch
) -> None:
    start(pupil, corpus, dictionary, random.Random(0))
    monkeypatch.setattr(by_length, "_TOKENS_AT_ONCE", 16)
    extra: dict[str, int] = {}
    documents = pupil.reader.collator(32).documents(["", *corpus.documents], extra)
    training = pupil.training()
    with torch.no_grad(), narrowly():
        vectors, logits = by_length.encode(training, documents, Role.DOCUMENT, len(extra), keep=4)
        whole = training.encode(documents, Role.DOCUMENT, len(extra), keep=4, logits=True)
    assert len(set(documents.mask.sum(1).tolist())) > 2
    torch.testing.assert_close(vectors, whole.vectors, rtol=1e-2, atol=1e-2)
    torch.testing.assert_close(logits, whole.logits, rtol=1e-2, atol=1e-2)


def test_what_was_trained_becomes_an_encoder_folder(
    pupil: Pupil, corpus: Corpus, dictionary: Dictionary, tmp_path: Path
) -> None:
    start(pupil, corpus, dictionary, random.Random(0))
    give_back(pupil)
    assemble(trained_of(pupil), tmp_path / "model", tmp_path / "encoder")
    folder = Encoder.open(tmp_path / "encoder")
    exact = list(encoder_of(read_trained(tmp_path / "model")).documents(TEXTS))
    assert all(vector.weights.keys() & set(TERMS) for vector in exact)
    for found, wanted in zip(folder.documents(TEXTS), exact, strict=True):
        assert found.dot(wanted) / math.sqrt(found.dot(found) * wanted.dot(wanted)) > 0.97
    assert folder.contract.licence == "Apache-2.0"


def test_states_tell_embeddings_as_far_as_they_hold_them() -> None:
    chance = torch.Generator().manual_seed(4)
    mixed = torch.randn(12, 8, generator=chance)

    def states(noise: float) -> list[States]:
        """Give groups of 10 texts of 5 tokens, whose embeddings are a product of their states but for the noise."""
        found = []
        for _ in range(30):
            hidden = torch.randn(10, 1, 12, generator=chance).expand(10, 5, 12)
            vectors = hidden[:, 0] @ mixed + noise * torch.randn(10, 8, generator=chance)
            found.append((hidden, torch.ones(10, 5), torch.nn.functional.normalize(vectors, dim=-1)))
        return found

    cosine, nearest = told(states(0.0)[:20], (clear := states(0.0))[20:])
    assert cosine > 0.95
    assert nearest > 0.9
    worse = told(states(10.0)[:20], clear[20:])
    assert worse[0] < cosine


def test_spreads_are_those_of_the_scores(pupil: Pupil, corpus: Corpus) -> None:
    literal, dense = spreads(corpus, pupil.reader, random.Random(0))
    assert dense == pytest.approx((corpus.query_vectors @ corpus.document_vectors.T).std(1).mean().item(), abs=1e-6)
    extra: dict[str, int] = {}
    queries = pupil.reader.collator(256).queries(corpus.queries, extra)
    documents = pupil.reader.collator(256).documents(corpus.documents, extra)
    scores = literal_scores(queries, documents, len(TERMS) + len(extra))
    assert literal == pytest.approx(scores.std(1).mean().item(), rel=1e-4)


def test_rates_rise_and_fall() -> None:
    assert [rate_of(STAGE, step) for step in (0, 3, 5, 9)] == pytest.approx([0.25, 1.0, 1.0, 0.2])


def test_a_crop_is_a_run_of_the_text() -> None:
    text, chance = " ".join(map(str, range(100))), random.Random(0)
    begins = set()
    for _ in range(50):
        words = [int(word) for word in crop(text, 5, 9, chance).split(" ")]
        assert 5 <= len(words) <= 9
        assert words == list(range(words[0], words[0] + len(words)))
        begins.add(words[0])
    assert 0 in begins
    assert len(begins) > 10
    assert crop("a b", 5, 9, chance) == "a b"


def test_terms_are_frequent_stems_with_the_word_they_are_written_by() -> None:
    texts = ["Running runs", "he runs the pump"] * 8 + ["rare words"]
    assert choose(texts) == (("pump", "run"), ["pump", "runs"])
