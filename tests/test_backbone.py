"""Cutting a language model and its tokenizer: what is kept behaves as before."""

from pathlib import Path

import pytest
import torch
from csplade.pipelines.backbone import cut_layers, cut_tokenizer, cut_vocabulary, load_language_model, load_tokenizer
from csplade.pipelines.errors import SourceError
from csplade.tests.tiny_encoder import TEXTS, tiny_tokenizer
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

pytestmark = pytest.mark.model


def tiny_language_model(layers: int = 4) -> LlamaForCausalLM:
    torch.manual_seed(1)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=600,
            hidden_size=16,
            intermediate_size=24,
            num_hidden_layers=layers,
            num_attention_heads=2,
            num_key_value_heads=1,
            tie_word_embeddings=True,
        )
    ).eval()


def test_a_smaller_vocabulary_keeps_its_own_logits() -> None:
    model, ids = tiny_language_model(), torch.tensor([[3, 200, 41]])
    with torch.inference_mode():
        whole = model(ids).logits
        cut_vocabulary(model, 300)
        cut = model(ids).logits
    assert cut.shape == (1, 3, 300)
    torch.testing.assert_close(cut, whole[..., :300])


def test_kept_layers_are_run_in_the_order_given() -> None:
    model, ids = tiny_language_model(), torch.tensor([[3, 200, 41]])
    with torch.inference_mode():
        states = model(ids, output_hidden_states=True).hidden_states
        cut_layers(model, (0, 1))
        expected = model.model.norm(states[2])
        torch.testing.assert_close(model.model(ids).last_hidden_state, expected)


def test_a_cut_tokenizer_uses_only_the_ids_below_and_loses_no_text() -> None:
    whole = tiny_tokenizer()
    size = 320
    cut = cut_tokenizer(whole, size, lowercase=True, bos="<s>")
    for text in TEXTS:
        encoding = cut.encode(text)
        assert max(encoding.ids) < size
        assert encoding.ids[0] == 0
        assert cut.decode(encoding.ids[1:]).strip() == text.lower()
        assert encoding.offsets[-1][1] == len(text)
    assert len(cut.encode(TEXTS[0]).ids) > len(whole.encode(TEXTS[0]).ids)


def test_a_special_token_spelled_out_in_a_text_is_text() -> None:
    ids = cut_tokenizer(tiny_tokenizer(), 600, lowercase=True, bos="<s>").encode("a <s> b").ids
    assert ids.count(0) == 1


def test_a_model_comes_from_a_local_folder(tmp_path: Path) -> None:
    tiny_language_model().save_pretrained(tmp_path)
    tokenizer = tiny_tokenizer()
    PreTrainedTokenizerFast(tokenizer_object=tokenizer).save_pretrained(tmp_path)
    assert load_language_model(str(tmp_path)).config.num_hidden_layers == 4
    assert load_tokenizer(str(tmp_path)).get_vocab() == tokenizer.get_vocab()


def test_a_folder_without_a_model_is_told(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no language model can be read from"):
        load_language_model(str(tmp_path))
    with pytest.raises(SourceError, match="no tokenizer can be read from"):
        load_tokenizer(str(tmp_path))
