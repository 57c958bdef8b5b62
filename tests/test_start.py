"""Where a training starts: how texts are read with tokenizers of every kind, and what is calibrated and counted."""

import dataclasses
import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from csplade.pipelines.attention_kinds import Attention
from csplade.pipelines.batches import Collator
from csplade.pipelines.broad_text import count_terms
from csplade.pipelines.development import encoder_of
from csplade.pipelines.encode import EncodeOptions, Encoder
from csplade.pipelines.errors import UsageError
from csplade.pipelines.folder import Tables
from csplade.pipelines.graph import Role
from csplade.pipelines.pooling import max_pool
from csplade.pipelines.start import begin, continued, open_backbone, pooled_statistics, reading_tokenizer
from csplade.pipelines.torch_graph import TorchGraph
from csplade.pipelines.trained import Trained
from csplade.pipelines.trained_contract import contract_of
from csplade.pipelines.training_options import ReadingOptions, Recipe, StartOptions, TermSpace
from csplade.pipelines.words import split_words
from csplade.tests.tiny_backbone import BOS, pairs, topic_tokenizer, write_backbone
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers
from transformers import PhiConfig, PhiForCausalLM

WORDS = ReadingOptions(query_tokens=12, document_tokens=24, query_terms=6, document_terms=10)
PIECES = dataclasses.replace(WORDS, term_space=TermSpace.PIECES)
BARE = StartOptions(centred=False, calibrate=False, logit_scale=0.5, strength=1.0)
DOCUMENTS = [pair["positive"] for pair in pairs(48)]
_MARK = "▁"


def byte_level(prefix_space: bool) -> Tokenizer:
    """Return a tokenizer as GPT-2 and Llama 3 have it."""
    pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=prefix_space)
    return topic_tokenizer(pre_tokenizer, decoders.ByteLevel(), pre_tokenizers.ByteLevel.alphabet())


def metaspace(scheme: str) -> Tokenizer:
    """Return a SentencePiece tokenizer that puts a space before a text, or never does."""
    step = pre_tokenizers.Metaspace(prepend_scheme=scheme)
    return topic_tokenizer(step, decoders.Metaspace(prepend_scheme=scheme), list("abcdefghijklmnopqrstuvwxyz."))


def normalized(prepend: bool) -> Tokenizer:
    """Return one that writes spaces in its normalizer, as Llama 2 (with one before a text) and Gemma have it."""
    trained = metaspace("always")
    tokenizer = Tokenizer(trained.model)
    tokenizer.add_special_tokens([BOS])
    marked = normalizers.Replace(" ", _MARK)
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend(_MARK), marked]) if prepend else marked
    tokenizer.decoder = decoders.Sequence([decoders.Replace(_MARK, " "), decoders.ByteFallback(), decoders.Fuse()])
    return tokenizer


KINDS: dict[str, Callable[[], Tokenizer]] = {
    "gpt-2": lambda: byte_level(False),
    "with-space": lambda: byte_level(True),
    "mistral": lambda: metaspace("first"),
    "t5": lambda: metaspace("always"),
    "never": lambda: metaspace("never"),
    "llama-2": lambda: normalized(True),
    "gemma": lambda: normalized(False),
}
every_kind = pytest.mark.parametrize("kind", KINDS)


def recipe(reading: ReadingOptions = WORDS, start: StartOptions | None = None) -> Recipe:
    return Recipe(reading=reading, start=start or StartOptions())


@pytest.fixture(scope="module")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_backbone(tmp_path_factory.mktemp("backbone") / "llama"))


def started(backbone: str, reading: ReadingOptions = WORDS, start: StartOptions | None = None) -> Trained:
    return begin(open_backbone(backbone, reading), recipe(reading, start), DOCUMENTS)


@every_kind
def test_in_words_the_first_word_is_read_as_in_the_middle_and_ends_where_it_ends(kind: str) -> None:
    tokenizer = reading_tokenizer(KINDS[kind](), dataclasses.replace(WORDS, lowercase=True), None)
    text = "Bread and bread"
    encoding = tokenizer.encode(text)
    first, _, last = (encoding.ids[begin:end] for begin, end in ((0, 1), (1, -1), (-1, None)))
    assert first == last
    ends = [end for _, end in encoding.offsets]
    assert {word.end for word in split_words(text, WORDS.analysis)} <= set(ends)


@every_kind
def test_in_pieces_a_text_is_read_as_the_tokenizer_reads_it_without_what_it_puts_around(kind: str) -> None:
    tokenizer = KINDS[kind]()
    expected = tokenizer.encode("bread and loaf", add_special_tokens=False).ids
    assert reading_tokenizer(tokenizer, PIECES, None).encode("bread and loaf").ids == expected
    number = tokenizer.token_to_id(BOS)
    ready = reading_tokenizer(tokenizer, PIECES, (BOS, number))
    assert ready.encode("bread and loaf").ids == [number, *expected]
    assert tokenizer.encode("bread and loaf").ids == expected


@every_kind
def test_a_special_token_spelled_out_is_read_as_its_letters(kind: str) -> None:
    tokenizer = KINDS[kind]()
    tokenizer.add_special_tokens(["<|end|>"])
    tokenizer.add_tokens(["[tool]"])
    tokenizer.add_special_tokens(["<|pad|>"])
    numbers = {tokenizer.token_to_id(piece) for piece in (BOS, "<|end|>", "<|pad|>")}
    ready = reading_tokenizer(tokenizer, PIECES, (BOS, tokenizer.token_to_id(BOS)))
    assert ready.get_vocab() == tokenizer.get_vocab()
    found = ready.encode("bread <s> oven <|end|> [tool]<|pad|>")
    assert numbers.isdisjoint(found.ids[1:]) and found.special_tokens_mask == [1] + [0] * (len(found.ids) - 1)
    assert tokenizer.token_to_id("[tool]") in found.ids
    assert numbers <= set(tokenizer.encode("bread <s> oven <|end|> [tool]<|pad|>").ids)


@every_kind
def test_every_kind_of_vocabulary_starts_an_encoder_in_words(kind: str, tmp_path: Path) -> None:
    spec = str(write_backbone(tmp_path / "llama", tokenizer=KINDS[kind]()))
    trained = started(spec)
    assert {"oven", "harbour", "melodi"} <= set(trained.terms)
    assert trained.idf["crust"] > 0
    (vector,) = encoder_of(trained).documents(["Dough and yeast, in Zürich"])
    assert {"dough", "yeast", "zürich"} <= set(vector.weights)
    assert len(vector) > 3


def test_calibration_puts_each_row_so_many_deviations_above_its_own_mean(backbone: str) -> None:
    trained = started(backbone, start=StartOptions(threshold=1.5))
    collate = Collator(trained.tokenizer, WORDS, trained.terms, trained.idf, trained.default_idf)
    rows = []
    with torch.no_grad():
        for text in dict.fromkeys(DOCUMENTS):
            batch = collate.documents([text], {})
            hidden, counted = trained.model.read(batch.ids, batch.mask)
            rows.append((hidden @ trained.model.head.T)[counted.bool()].amax(dim=0))
        pooled = torch.stack(rows)  # (texts, pieces)
        mean, deviation = pooled.mean(dim=0), pooled.std(dim=0, correction=0)
        torch.testing.assert_close(
            pooled_statistics(trained, list(dict.fromkeys(DOCUMENTS))), (mean, deviation), atol=1e-4, rtol=1e-4
        )
        calibrated = trained.model.calibrated(pooled)
    torch.testing.assert_close(calibrated, (pooled - mean) / deviation - 1.5, atol=1e-2, rtol=1e-3)
    assert 0 < (calibrated > 0).float().mean() < 0.2


def test_without_calibration_the_bare_logits_are_scaled(backbone: str) -> None:
    trained = started(backbone, PIECES, BARE)
    assert set(trained.model.scale.tolist()) == {0.5}
    assert set(trained.model.shift.tolist()) == {0.0}
    assert trained.model.strength.tolist() == [1.0, 1.0]
    assert len(trained.terms) == trained.tokenizer.get_vocab_size()
    assert (trained.literal, trained.average_words) == (None, 0.0)


def test_the_bias_of_a_head_is_kept(tmp_path: Path) -> None:
    spec = str(write_backbone(tmp_path / "phi"))
    sizes = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    tokenizer = open_backbone(spec, PIECES).tokenizer
    phi = PhiForCausalLM(PhiConfig(vocab_size=tokenizer.get_vocab_size(), **sizes)).eval()
    with torch.no_grad():
        phi.lm_head.bias.normal_()
    phi.save_pretrained(spec)
    reading = dataclasses.replace(PIECES, attention=Attention.CAUSAL)
    trained = started(spec, reading, BARE)
    ids = torch.tensor([tokenizer.encode("bread oven").ids])
    with torch.no_grad():
        logits = phi(ids).logits[:, 1:].amax(dim=1)
        hidden, counted = trained.model.read(ids, torch.ones_like(ids))
        ours = trained.model.calibrated(max_pool(hidden, trained.model.head, counted))
    torch.testing.assert_close(ours, 0.5 * logits, atol=1e-5, rtol=1e-4)


def test_idf_is_counted_over_the_documents_unless_it_is_given(backbone: str) -> None:
    opened = open_backbone(backbone, WORDS)
    counted = begin(opened, recipe(), [*DOCUMENTS, *DOCUMENTS])
    expected = count_terms(list(dict.fromkeys(DOCUMENTS)), WORDS, opened.tokenizer, counted.terms)
    assert (counted.idf, counted.default_idf) == (expected.idf, expected.default_idf)
    assert counted.average_words == expected.average_words > 1
    given = begin(open_backbone(backbone, WORDS), recipe(), DOCUMENTS, ({"oven": 4.5}, 7.0))
    assert (given.idf, given.default_idf) == ({"oven": 4.5}, 7.0)
    assert given.average_words == counted.average_words


@pytest.mark.parametrize("given", [None, ({"▁oven": 2.5}, 7.0)])
def test_queries_by_table_weigh_every_piece(backbone: str, given: tuple[dict[str, float], float] | None) -> None:
    """A piece of one text, or of none, most of all: no contract of pieces says what one weighs that is not there."""
    opened, texts = open_backbone(backbone, PIECES), ["a oven flour", "a oven loaf", "a oven", "a flour"]
    trained = begin(opened, recipe(PIECES), texts, given)
    holding = {"a": 4, "▁oven": 3, "▁flour": 2, "▁loaf": 1, "▁piano": 1}
    counted = {key: math.log((4 + 1) / (count + 0.5)) for key, count in holding.items()}
    tables, options = Tables(trained.terms, trained.idf), EncodeOptions(table_queries=True)
    encoder = Encoder(contract_of(trained), opened.tokenizer.to_str(), TorchGraph(trained.model), tables, options)
    (vector,) = encoder.queries(["a piano oven flour loaf"])
    expected = counted if given is None else {key: given[0].get(key, given[1]) for key in holding}
    assert vector.weights == pytest.approx(expected, abs=1e-4)
    assert trained.idf.keys() == set(trained.terms)


def test_bos_is_read_and_not_pooled_or_not_there_at_all(backbone: str) -> None:
    opened = open_backbone(backbone, WORDS)
    assert opened.bos_id == opened.tokenizer.token_to_id(BOS) == opened.tokenizer.encode("bread").ids[0]
    without = open_backbone(backbone, dataclasses.replace(WORDS, bos=False))
    assert without.bos_id is None
    assert opened.tokenizer.encode("bread").ids[1:] == without.tokenizer.encode("bread").ids


def test_what_cannot_start_is_told_with_the_setting_to_change(tmp_path: Path) -> None:
    spec = str(write_backbone(tmp_path / "nameless", bos=None))
    with pytest.raises(UsageError, match=r"the tokenizer of .*nameless has no BOS: set reading.bos=false"):
        open_backbone(spec, WORDS)
    reading = dataclasses.replace(PIECES, last_resort=True)
    opened = open_backbone(str(write_backbone(tmp_path / "endless")), reading)
    opened.model.config.eos_token_id = None
    with pytest.raises(UsageError, match=r"endless names none: set reading.last_resort=false"):
        begin(opened, recipe(reading), DOCUMENTS)
    letters = Tokenizer(models.BPE(vocab={BOS: 0, "a": 1, "b": 2}, merges=[]))
    spec = str(write_backbone(tmp_path / "letters", tokenizer=letters))
    with pytest.raises(UsageError, match=r"letters is a whole word: set reading.term_space=pieces"):
        started(spec)


def test_a_trained_encoder_goes_on_with_other_lengths_and_counts(backbone: str) -> None:
    trained = started(backbone)
    longer = dataclasses.replace(
        WORDS, document_tokens=48, document_terms=10_000, query_terms=2, query_prefix="query: "
    )
    after = continued(trained, longer)
    assert (after.reading, after.model) == (longer, trained.model)
    assert after.model.kept.tolist() == [len(trained.terms), 2]
    ids = torch.tensor([after.tokenizer.encode("bread oven").ids])
    widths = [after.model(ids, torch.ones_like(ids), torch.tensor(int(role))).weights.shape[1] for role in Role]
    assert widths == [len(trained.terms), 2]
    assert dataclasses.replace(after, reading=WORDS) == trained
    echoed = continued(trained, dataclasses.replace(WORDS, attention=Attention.ECHO))
    assert echoed.model.options.attention is Attention.ECHO


@pytest.mark.parametrize("name", ["term_space", "lowercase", "bos", "analysis", "literal_residual"])
def test_a_trained_encoder_refuses_what_would_change_its_tokens_or_terms(backbone: str, name: str) -> None:
    other = {"term_space": TermSpace.PIECES, "lowercase": True, "bos": False, "analysis": "plain"}
    asked = dataclasses.replace(WORDS, **{name: other.get(name, True)})  # type: ignore[arg-type]
    with pytest.raises(
        UsageError, match=f"was trained with reading.{name} = .*: keep it, or begin with a language model"
    ):
        continued(started(backbone), asked)
