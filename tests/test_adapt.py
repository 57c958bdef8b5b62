"""The adaptation phase: its losses against plain formulas, its packing, and runs that stop and go on."""

import dataclasses
import gzip
import math
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
import torch
from csplade.pipelines.adapt import AdaptReport, AdaptStep, Place, adapt
from csplade.pipelines.adapt_losses import hide, predict
from csplade.pipelines.adapt_options import AdaptOptions
from csplade.pipelines.adapt_texts import read_texts
from csplade.pipelines.attention_kinds import Attention
from csplade.pipelines.checkpoints import Checkpoints
from csplade.pipelines.errors import CspladeError, SourceError, UsageError
from csplade.pipelines.packing import pack, rows_of_step
from csplade.pipelines.training_log import read_log
from csplade.pipelines.training_options import Tuned
from csplade.tests.tiny_encoder import TEXTS, tiny_tokenizer
from csplade.tests.tiny_llama import tiny_llama
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from transformers import GPT2Config, GPT2LMHeadModel, LlamaForCausalLM

pytestmark = pytest.mark.model

SEPARATOR = 0
OPTIONS = AdaptOptions(
    steps=4, batch=4, length=16, learning_rate=1e-2, warm_up=0.0, tuned=Tuned.FULL, save_every=2, seed=3
)


def tiny_language_model() -> LlamaForCausalLM:
    return tiny_llama(600, seed=1, spread=0.15, dropout=0.1)


def sequences() -> np.ndarray[tuple[int, ...], np.dtype[np.int32]]:
    return pack(TEXTS * 4, tiny_tokenizer(), SEPARATOR, OPTIONS.length)


def run(
    folder: Path, options: AdaptOptions = OPTIONS, stop_at: int | None = None
) -> tuple[LlamaForCausalLM, AdaptReport, list[AdaptStep]]:
    """Adapt a fresh model, going on with what the folder holds; stop after `stop_at` steps."""
    model, seen = tiny_language_model(), list[AdaptStep]()
    folder.mkdir(exist_ok=True)
    place = Place(Checkpoints(folder / "checkpoints", {"of": "test"}, keep=2), folder / "log.jsonl")
    stop = lambda: bool(seen) and seen[-1].step == stop_at  # noqa: E731
    report = adapt(model, sequences(), 5, options, place, seen.append, stop)
    return model, report, seen


def same_weights(one: nn.Module, other: nn.Module) -> bool:
    ours, theirs = one.state_dict(), other.state_dict()
    return ours.keys() == theirs.keys() and all(torch.equal(value, theirs[name]) for name, value in ours.items())


def test_packing_loses_nothing_but_the_last_remainder() -> None:
    tokenizer = tiny_tokenizer()
    stream = list(chain(*([*tokenizer.encode(text, add_special_tokens=False).ids, SEPARATOR] for text in TEXTS)))
    rows = pack(TEXTS, tokenizer, SEPARATOR, 7)
    assert rows.shape == (len(stream) // 7, 7)
    assert rows.ravel().tolist() == stream[: rows.size]


def test_a_special_token_spelled_out_is_packed_as_text() -> None:
    assert SEPARATOR not in pack(["a <s> b"], tiny_tokenizer(), SEPARATOR, 3)[0]


def test_a_tokenizer_that_cuts_and_pads_packs_all_the_same() -> None:
    cutting = tiny_tokenizer()
    cutting.enable_truncation(4)
    cutting.enable_padding(length=64)
    assert np.array_equal(pack(TEXTS, cutting, SEPARATOR, 7), pack(TEXTS, tiny_tokenizer(), SEPARATOR, 7))


def test_no_more_text_is_read_than_the_steps_need_and_how_far_is_told() -> None:
    whole, told = pack(TEXTS * 200, tiny_tokenizer(), SEPARATOR, 7), list[int]()
    texts = iter(TEXTS * 200)
    rows = pack(texts, tiny_tokenizer(), SEPARATOR, 7, 5, told.append)
    assert np.array_equal(rows, whole[:5])
    assert len(list(texts)) > len(TEXTS) * 100
    assert told == [5]
    assert len(pack(TEXTS, tiny_tokenizer(), SEPARATOR, 7, 10**6)) == len(pack(TEXTS, tiny_tokenizer(), SEPARATOR, 7))


def test_too_little_text_is_told_with_its_tokens() -> None:
    with pytest.raises(UsageError, match=r"do not fill one sequence of 512: .* --length"):
        pack(["ok"], tiny_tokenizer(), SEPARATOR, 512)


def test_an_epoch_reads_each_sequence_once_and_the_next_in_another_order() -> None:
    epochs = [list(chain(*(rows_of_step(6, 2, step, seed=1) for step in steps))) for steps in ((0, 1, 2), (3, 4, 5))]
    assert sorted(epochs[0]) == sorted(epochs[1]) == list(range(6))
    assert epochs[0] != epochs[1]
    assert rows_of_step(6, 2, 4, seed=1) == epochs[1][2:4]
    assert rows_of_step(6, 9, 0, seed=1)[:6] == epochs[0]


def test_both_losses_and_their_gradients_are_those_of_the_plain_formula(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("csplade.pipelines.adapt_losses._CHUNK_LOGITS", 3 * 50)
    torch.manual_seed(2)
    states, targets = torch.randn(10, 8), torch.randint(50, (10,))
    head = nn.Linear(8, 50)

    def gradients(chunked: bool) -> tuple[list[float], list[Tensor]]:
        leaf = states.clone().requires_grad_()
        head.zero_grad()
        if chunked:
            clm, relu, positive = predict(leaf, targets, head, None, 50)
        else:
            logits = head(leaf)
            clm = cross_entropy(logits, targets, reduction="sum")
            relu = cross_entropy(torch.log(1 + logits.clamp(min=0)), targets, reduction="sum")
            positive = (logits.max(dim=1).values > 0).sum()
        torch.autograd.backward(clm + 0.7 * relu)
        found = (leaf.grad, head.weight.grad, head.bias.grad)
        return [value.item() for value in (clm, relu, positive)], [g.clone() for g in found if g is not None]

    ours, expected = gradients(chunked=True), gradients(chunked=False)
    assert ours[0] == pytest.approx(expected[0], rel=1e-5)
    assert len(ours[1]) == 3
    for one, other in zip(ours[1], expected[1], strict=True):
        torch.testing.assert_close(one, other)


def test_a_soft_cap_is_of_the_language_model_only() -> None:
    states, targets, head = torch.randn(4, 8), torch.tensor([1, 2, 3, 4]), nn.Linear(8, 20)
    plain, capped = predict(states, targets, head, None, 20), predict(states, targets, head, 0.5, 20)
    expected = cross_entropy(0.5 * torch.tanh(head(states) / 0.5), targets, reduction="sum")
    torch.testing.assert_close(capped.clm, expected)
    torch.testing.assert_close(capped.relu, plain.relu)


def test_the_first_token_is_never_hidden_and_one_always_is() -> None:
    ids = torch.arange(12).reshape(2, 6)
    read, hidden = hide(ids, 1.0, 99, torch.Generator().manual_seed(0))
    assert hidden.tolist() == [[False, *[True] * 5]] * 2
    assert read[:, 0].tolist() == [0, 6] and set(read[:, 1:].flatten().tolist()) == {99}
    assert int(hide(ids, 1e-9, 99, torch.Generator().manual_seed(0))[1].sum()) == 1


def test_a_causal_step_reports_the_language_models_own_loss(tmp_path: Path) -> None:
    _, _, seen = run(tmp_path, dataclasses.replace(OPTIONS, steps=1))
    model, rows = tiny_language_model(), rows_of_step(len(sequences()), OPTIONS.batch, 0, OPTIONS.seed)
    ids = torch.from_numpy(sequences()[rows]).long()
    model.config.attention_dropout = 0.0
    with torch.inference_mode():
        expected = float(model(input_ids=ids, labels=ids).loss)
    assert seen[0].clm == pytest.approx(expected, rel=0.01)
    assert seen[0].loss == pytest.approx(seen[0].clm + seen[0].relu)


@pytest.mark.parametrize("attention", [Attention.CAUSAL, Attention.BIDIRECTIONAL])
@pytest.mark.parametrize("tuned", list(Tuned))
def test_the_loss_falls(attention: Attention, tuned: Tuned, tmp_path: Path) -> None:
    options = dataclasses.replace(OPTIONS, steps=20, attention=attention, tuned=tuned, top_layers=1, learning_rate=3e-2)
    _, report, seen = run(tmp_path, options)
    assert report.finished and [step.step for step in seen] == list(range(1, 21))
    begin, end = ([s.loss for s in part] for part in (seen[:5], seen[-5:]))
    assert sum(end) < sum(begin) - 1.0


def test_a_smaller_forward_pass_gives_the_same_weights(tmp_path: Path) -> None:
    # Dropout is drawn per pass.
    def weights(micro_batch: int) -> Tensor:
        model = tiny_language_model()
        model.config.attention_dropout = 0.0
        for layer in model.model.layers:
            layer.self_attn.attention_dropout = 0.0
        folder = tmp_path / str(micro_batch)
        folder.mkdir()
        place = Place(Checkpoints(folder, {}, keep=1), folder / "log.jsonl")
        options = dataclasses.replace(OPTIONS, steps=1, learning_rate=1e-3, micro_batch=micro_batch)
        adapt(model, sequences(), 5, options, place, lambda step: None, lambda: False)
        return torch.cat([value.flatten() for value in model.parameters()])

    # AdamW's first step is the sign of the gradient: only where that is noise may it differ.
    assert float((weights(0) - weights(3)).abs().gt(1e-5).float().mean()) < 0.001


@pytest.mark.parametrize("tuned", [Tuned.FULL, Tuned.LORA])
def test_checkpointing_computes_layers_again_and_gives_the_same_weights(tuned: Tuned, tmp_path: Path) -> None:
    def adapted(checkpointing: bool) -> tuple[LlamaForCausalLM, int]:
        model, calls = tiny_language_model(), list[object]()
        model.model.layers[0].mlp.register_forward_pre_hook(lambda *told: calls.append(None))
        folder = tmp_path / str(checkpointing)
        place = Place(Checkpoints(folder, {}, keep=1), tmp_path / f"{checkpointing}.jsonl")
        options = dataclasses.replace(OPTIONS, steps=2, tuned=tuned, checkpointing=checkpointing)
        adapt(model, sequences(), 5, options, place, lambda step: None, lambda: False)
        return model, len(calls)

    (plain, once), (computed_again, twice) = adapted(False), adapted(True)
    assert (once, twice) == (2, 4)
    assert same_weights(plain, computed_again)


@pytest.mark.parametrize("attention", [Attention.CAUSAL, Attention.BIDIRECTIONAL])
@pytest.mark.parametrize("tuned", list(Tuned))
@pytest.mark.parametrize("stopped_at", [1, 2, 3])
def test_a_stopped_run_that_goes_on_ends_with_the_very_same_weights(
    attention: Attention, tuned: Tuned, stopped_at: int, tmp_path: Path
) -> None:
    options = dataclasses.replace(OPTIONS, attention=attention, tuned=tuned)
    whole, _, seen = run(tmp_path / "whole", options)
    _, stopped, first = run(tmp_path / "parts", options, stop_at=stopped_at)
    resumed, ended, second = run(tmp_path / "parts", options)
    assert (stopped.steps, stopped.finished, ended.steps, ended.finished) == (stopped_at, False, 4, True)
    assert [*first, *second] == seen
    assert same_weights(whole, resumed)
    assert [line["step"] for line in read_log(tmp_path / "parts" / "log.jsonl")] == [1, 2, 3, 4]


def test_a_forward_pass_in_which_nothing_is_hidden_is_left_out(tmp_path: Path) -> None:
    options = dataclasses.replace(OPTIONS, attention=Attention.BIDIRECTIONAL, mask_share=0.05, micro_batch=1)
    _, report, seen = run(tmp_path, options)
    assert report.finished and all(step.loss > 0 for step in seen)


def test_low_rank_additions_are_merged_into_a_plain_model(tmp_path: Path) -> None:
    model, _, _ = run(tmp_path, dataclasses.replace(OPTIONS, tuned=Tuned.LORA))
    before = tiny_language_model().state_dict()
    after = model.state_dict()
    assert after.keys() == before.keys()
    changed = {name for name, value in after.items() if not torch.equal(value, before[name])}
    assert changed and all("_proj" in name for name in changed)


def test_only_the_top_layers_and_the_final_norm_change(tmp_path: Path) -> None:
    model, _, _ = run(tmp_path, dataclasses.replace(OPTIONS, tuned=Tuned.TOP, top_layers=1))
    before = tiny_language_model().state_dict()
    changed = {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    assert changed and all(name.startswith(("model.layers.1.", "model.norm.")) for name in changed)


def test_more_top_layers_than_there_are_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="the model has 2 layers, the last 3 cannot be trained"):
        run(tmp_path, dataclasses.replace(OPTIONS, tuned=Tuned.TOP, top_layers=3))


def test_echo_is_refused_with_the_way_to_it(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="adapt with causal and train with echo"):
        run(tmp_path, dataclasses.replace(OPTIONS, attention=Attention.ECHO))


def test_an_architecture_that_cannot_read_both_ways_is_refused(tmp_path: Path) -> None:
    model = GPT2LMHeadModel(GPT2Config(vocab_size=600, n_embd=32, n_layer=1, n_head=2))
    place = Place(Checkpoints(tmp_path, {}, keep=1), tmp_path / "log.jsonl")
    options = dataclasses.replace(OPTIONS, attention=Attention.BIDIRECTIONAL)
    with pytest.raises(UsageError, match="gpt2 cannot be made bidirectional"):
        adapt(model, sequences(), 5, options, place, lambda step: None, lambda: False)


def test_a_loss_that_is_no_number_stops_and_names_the_step_and_the_last_checkpoint(tmp_path: Path) -> None:
    folder, seen = tmp_path, list[AdaptStep]()
    model = tiny_language_model()
    checkpoints = Checkpoints(folder / "checkpoints", {}, keep=2)

    def show(step: AdaptStep) -> None:
        seen.append(step)
        if step.step == 3:
            with torch.no_grad():
                model.model.norm.weight.fill_(math.nan)

    with pytest.raises(CspladeError, match=r"the loss of step 4 is not finite; .*step-000002\.pt.* --learning-rate"):
        adapt(model, sequences(), 5, OPTIONS, Place(checkpoints, folder / "log.jsonl"), show, lambda: False)
    kept = checkpoints.newest()
    assert kept is not None and kept.step == 2
    assert all(bool(value.isfinite().all()) for value in kept.weights.values())
    assert [line["step"] for line in read_log(folder / "log.jsonl")] == [1, 2, 3]


def test_too_little_memory_names_the_knob(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr("csplade.pipelines.adapt.predict", full)
    with pytest.raises(CspladeError, match=r"of 4 sequences of 16 tokens needs more memory.*--micro-batch"):
        run(tmp_path)


def test_texts_come_from_every_kind_of_file_in_order(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one\nstill one\n\n\n two \n", encoding="utf-8")
    (tmp_path / "b.txt.gz").write_bytes(gzip.compress(b"three"))
    (tmp_path / "c.jsonl").write_bytes(b'{"title": "T", "text": "four"}\n{"query": "q", "positive": "five"}\n')
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "corpus.jsonl").write_bytes(b'{"_id": "1", "text": "six"}\n')
    paths = [tmp_path / name for name in ("a.txt", "b.txt.gz", "c.jsonl", "d")]
    assert list(read_texts(paths)) == ["one\nstill one", "two", "three", "T\nfour", "five", "six"]
    assert list(read_texts([tmp_path / "c.jsonl"], ("text", "query"))) == ["four", "q"]


def test_a_record_without_a_text_gives_its_title(tmp_path: Path) -> None:
    lines = (b'{"title": "T", "text": ""}', b'{"title": "U"}', b'{"title": "V", "positive": "five"}')
    (tmp_path / "a.jsonl").write_bytes(b"\n".join(lines))
    assert list(read_texts([tmp_path / "a.jsonl"])) == ["T", "U", "five"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", b"\n\n", "holds no text"),
        ("a.txt", b"good\n\xff\n", "line 2 of .* is not UTF-8"),
        ("a.jsonl", b'{"text": "good"}\n{"query": "q"}\n', "line 2 of .* has no text in 'title', 'text', 'positive'"),
        ("a.jsonl", b'{"text": "good"}\n{"text": 3}\n', "line 2 of .* has a number in the field 'text'"),
        ("a.jsonl", b'{"text": "good"}\n{"text"\n', "line 2 of .* is not JSON"),
        ("a.txt.gz", gzip.compress(b"a text that is cut off", mtime=0)[:-9], "cannot be read"),
    ],
)
def test_a_text_that_cannot_be_used_is_told_by_place(name: str, content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SourceError, match=message):
        list(read_texts([tmp_path / name]))


def test_a_path_that_is_not_there_is_told(tmp_path: Path) -> None:
    for name in ("none.txt", "none.jsonl"):
        with pytest.raises(SourceError, match=f"there is no file .*{name}"):
            list(read_texts([tmp_path / name]))
