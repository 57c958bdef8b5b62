"""Tiny random models in the layouts of published sparse encoders."""

import json
from pathlib import Path

import torch
from csplade.tests.tiny_encoder import TEXTS
from csplade.tests.tiny_llama import tiny_llama
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    BertConfig,
    BertForMaskedLM,
    DistilBertConfig,
    DistilBertForMaskedLM,
    LlamaForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

_SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
BOS, EOS = "<|begin_of_text|>", "<|end_of_text|>"


def bert_tokenizer() -> PreTrainedTokenizerFast:
    """Return a WordPiece tokenizer over the tests' texts."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.train_from_iterator(
        TEXTS * 5, trainers.WordPieceTrainer(vocab_size=200, special_tokens=_SPECIAL, show_progress=False)
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    names = dict(zip(("pad", "unk", "cls", "sep", "mask"), _SPECIAL, strict=True))
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=64,
        model_input_names=["input_ids", "attention_mask"],
        **{f"{name}_token": token for name, token in names.items()},
    )


def llama_tokenizer() -> PreTrainedTokenizerFast:
    """Return a byte-level tokenizer that puts BOS before a text, as Llama 3 has it."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(
        [f"query: {text} passage: {text}" for text in TEXTS * 5],
        trainers.BpeTrainer(vocab_size=400, special_tokens=[BOS, EOS], initial_alphabet=alphabet, show_progress=False),
    )
    tokenizer.post_processor = processors.TemplateProcessing(single=f"{BOS} $A", special_tokens=[(BOS, 0)])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token=BOS, eos_token=EOS, pad_token=EOS)


def bert(vocabulary: int, kind: str = "bert") -> PreTrainedModel:
    """Return a random masked language model whose bias is alive."""
    torch.manual_seed(5)
    model: PreTrainedModel
    if kind == "distilbert":
        model = DistilBertForMaskedLM(
            DistilBertConfig(vocab_size=vocabulary, dim=32, hidden_dim=48, n_layers=2, n_heads=4, initializer_range=0.3)
        )
    else:
        sizes = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}
        model = BertForMaskedLM(BertConfig(vocab_size=vocabulary, initializer_range=0.3, **sizes))
    with torch.no_grad():
        model.get_output_embeddings().bias.normal_(0, 0.5)
    return model.eval()


def llama(vocabulary: int) -> LlamaForCausalLM:
    """Return a random Llama."""
    return tiny_llama(vocabulary, seed=6, eos=1)


def write_splade(folder: Path, kind: str = "bert") -> PreTrainedTokenizerFast:
    """Write a masked language model with its tokenizer, as naver does."""
    tokenizer = bert_tokenizer()
    bert(len(tokenizer), kind).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return tokenizer


def query_weights(tokenizer: PreTrainedTokenizerFast) -> dict[str, float]:
    """Return a weight for each piece that is not special."""
    pieces = sorted(set(tokenizer.get_vocab()) - set(_SPECIAL))
    return {piece: 1.0 + number / 100 for number, piece in enumerate(pieces)}


def write_doc_only(folder: Path, as_text: bool = False) -> PreTrainedTokenizerFast:
    """Write OpenSearch's layout: documents by a model, queries by a table."""
    tokenizer = write_splade(folder, "distilbert")
    weights = query_weights(tokenizer)
    if as_text:
        lines = "".join(f"{piece}\t{weight}\n" for piece, weight in weights.items())
        (folder / "query_token_weights.txt").write_text(lines)
    else:
        (folder / "idf.json").write_text(json.dumps(weights))
    return tokenizer


def write_adapter(folder: Path, base: Path) -> None:
    """Write a Llama with its tokenizer to `base`, and a LoRA adapter on it to `folder`, as LACONIC and Lion have it."""
    from peft import LoraConfig, get_peft_model

    tokenizer = llama_tokenizer()
    model = llama(len(tokenizer))
    model.save_pretrained(base)
    tokenizer.save_pretrained(base)
    modules = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    # Where peft has the base's name from.
    model.name_or_path = str(base)
    adapted = get_peft_model(model, LoraConfig(r=4, lora_alpha=8, target_modules=modules))
    with torch.no_grad():
        for name, weight in adapted.named_parameters():
            if "lora_" in name:
                weight.normal_(0, 0.1)
    adapted.save_pretrained(folder)
