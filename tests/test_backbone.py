"""Cutting a language model and its tokenizer: what is kept behaves as before."""

import re
from pathlib import Path

import pytest
import torch
from csplade.integration.ports import free_port
from csplade.pipelines.backbone import (
    check_language_model,
    cut_layers,
    cut_tokenizer,
    cut_vocabulary,
    load_language_model,
    load_tokenizer,
    open_language_model,
    soft_cap,
)
from csplade.pipelines.errors import SourceError, UsageError
from csplade.tests.tiny_encoder import TEXTS, tiny_tokenizer
from csplade.tests.tiny_llama import tiny_llama
from transformers import (
    BertConfig,
    BertForMaskedLM,
    CohereConfig,
    Gemma2Config,
    Gemma2ForCausalLM,
    GraniteConfig,
    GraniteForCausalLM,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    T5Config,
    T5ForConditionalGeneration,
)

pytestmark = pytest.mark.model


def tiny_language_model(layers: int = 4) -> LlamaForCausalLM:
    return tiny_llama(600, seed=1, layers=layers)


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


def save_tokenizer(folder: Path) -> None:
    PreTrainedTokenizerFast(tokenizer_object=tiny_tokenizer()).save_pretrained(folder)


def test_a_folder_opens_with_its_tokenizer(tmp_path: Path) -> None:
    tiny_language_model().save_pretrained(tmp_path)
    save_tokenizer(tmp_path)
    model, tokenizer = open_language_model(str(tmp_path))
    assert (model.dtype, model.training, model.config._attn_implementation) == (torch.float32, False, "eager")
    torch.testing.assert_close(model.state_dict(), tiny_language_model().state_dict())
    assert tokenizer.get_vocab() == tiny_tokenizer().get_vocab()


@pytest.mark.parametrize(
    "spec", ["./none", "~/none/none", "/none", "a/b/c", "none.gguf", "owner/none.gguf", "no model"]
)
def test_what_looks_like_a_path_is_not_asked_of_the_network(spec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def connect(*arguments: object) -> None:
        raise AssertionError(f"a connection to {arguments} was tried")

    monkeypatch.setattr("socket.socket.connect", connect)
    with pytest.raises(UsageError, match=re.escape(f"there is no language model at {spec}:")):
        open_language_model(spec)


@pytest.mark.parametrize("kind", ["BertForMaskedLM", "T5ForConditionalGeneration"])
def test_a_model_that_is_not_causal_is_refused_by_its_name(kind: str, tmp_path: Path) -> None:
    if kind == "BertForMaskedLM":
        sizes = {"num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
        BertForMaskedLM(BertConfig(vocab_size=600, hidden_size=16, **sizes)).save_pretrained(tmp_path)
    else:
        T5ForConditionalGeneration(
            T5Config(vocab_size=600, d_model=16, d_ff=8, num_layers=1, num_heads=2)
        ).save_pretrained(tmp_path)
    save_tokenizer(tmp_path)
    with pytest.raises(SourceError, match=f"is no causal language model but {kind}"):
        open_language_model(str(tmp_path))


def test_a_model_without_its_head_is_refused(tmp_path: Path) -> None:
    whole = tiny_language_model()
    whole.config.tie_word_embeddings = False
    whole.model.save_pretrained(tmp_path)
    save_tokenizer(tmp_path)
    with pytest.raises(SourceError, match=r"lacks weights of its language model \(lm_head.weight\)"):
        open_language_model(str(tmp_path))


def test_a_tokenizer_larger_than_the_embedding_is_refused_with_both_numbers(tmp_path: Path) -> None:
    model = tiny_language_model()
    cut_vocabulary(model, 400)
    model.save_pretrained(tmp_path)
    save_tokenizer(tmp_path)
    pieces = tiny_tokenizer().get_vocab_size()
    assert pieces > 400
    with pytest.raises(SourceError, match=f"has ids for {pieces} pieces, the model's embedding 400 rows"):
        open_language_model(str(tmp_path))


def test_an_architecture_that_scales_its_logits_is_refused_by_its_name(tmp_path: Path) -> None:
    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    for scaling in (1.0, 8.0):
        config = GraniteConfig(vocab_size=600, num_key_value_heads=2, logits_scaling=scaling, **sizes)
        GraniteForCausalLM(config).save_pretrained(tmp_path / str(scaling))
        save_tokenizer(tmp_path / str(scaling))
    open_language_model(str(tmp_path / "1.0"))
    with pytest.raises(SourceError, match=r"8\.0 are not what its head makes .*: GraniteForCausalLM scales"):
        open_language_model(str(tmp_path / "8.0"))


def test_scaled_logits_are_refused_by_the_configuration_alone(tmp_path: Path) -> None:
    CohereConfig(architectures=["CohereForCausalLM"], logit_scale=0.0625).save_pretrained(tmp_path)
    with pytest.raises(SourceError, match="CohereForCausalLM scales or changes them"):
        check_language_model(str(tmp_path))


def test_a_hub_that_cannot_be_reached_is_told_in_one_sentence_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", f"http://127.0.0.1:{free_port()}")
    # The library waits longer and longer between its tries.
    monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda seconds: None)
    with pytest.raises(SourceError) as caught:
        check_language_model("nobody/no-such-model")
    said = str(caught.value)
    assert said.startswith("no language model can be read from nobody/no-such-model, which is no folder here")
    assert "name a model folder or a .gguf file; with HF_HUB_OFFLINE=1" in said and "\n" not in said
    assert capfd.readouterr() == ("", "")


def test_a_soft_cap_of_logits_is_no_reason_to_refuse(tmp_path: Path) -> None:
    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = Gemma2Config(vocab_size=600, num_key_value_heads=2, head_dim=8, final_logit_softcapping=0.01, **sizes)
    Gemma2ForCausalLM(config).save_pretrained(tmp_path)
    save_tokenizer(tmp_path)
    model, _ = open_language_model(str(tmp_path))
    assert soft_cap(model.config) == 0.01


def test_damaged_weights_are_told(tmp_path: Path) -> None:
    tiny_language_model().save_pretrained(tmp_path)
    save_tokenizer(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(SourceError, match="no language model can be read from"):
        open_language_model(str(tmp_path))
