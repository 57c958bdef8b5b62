"""Tiny random language models of several architectures, as folders, as a GGUF file, and in the hub's cache."""

import shutil
from pathlib import Path
from typing import Any

import gguf
import orjson
import torch
from csplade.tests.tiny_backbone import BOS, write_backbone
from csplade.tests.tiny_llama import WIDTH
from numpy.typing import NDArray
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

HUB_ID = "somebody/tiny-llama"
_LAYERS, _HEADS, _KEYS = 2, 4, 2
_REVISION = "0" * 40


def tiny_architecture(kind: str, vocabulary: int, head_size: int = WIDTH // _HEADS) -> PreTrainedModel:
    """Return a random model of an architecture, by transformers' name of it; it is wide awake and quickly taught."""
    torch.manual_seed(3)
    config = AutoConfig.for_model(
        kind,
        vocab_size=vocabulary,
        hidden_size=_HEADS * head_size,
        intermediate_size=48,
        num_hidden_layers=_LAYERS,
        num_attention_heads=_HEADS,
        num_key_value_heads=_KEYS,
        head_dim=head_size,
        tie_word_embeddings=True,
        initializer_range=0.3,
        bos_token_id=0,
        eos_token_id=0,
        pad_token_id=0,
        attn_implementation="eager",
    )
    model: PreTrainedModel = AutoModelForCausalLM.from_config(config)
    return model.eval()


def write_architecture(folder: Path, kind: str, bos: bool) -> Path:
    """Write such a model with its tokenizer, which has a BOS or, as Qwen's, none."""
    write_backbone(folder, bos=BOS if bos else None)
    vocabulary = orjson.loads((folder / "config.json").read_bytes())["vocab_size"]
    tiny_architecture(kind, vocabulary).save_pretrained(folder)
    return folder


def write_gguf(path: Path, folder: Path) -> Path:
    """Write the tiny Llama of a folder as a GGUF file, with its byte-level tokenizer inside."""
    model = AutoModelForCausalLM.from_pretrained(folder)
    writer = gguf.GGUFWriter(path, "llama")
    _write_sizes(writer, model.config)
    _write_tokenizer(writer, folder)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, _LAYERS)
    for name, weight in model.model.state_dict(prefix="model.").items():
        stem, _, ending = name.rpartition(".")
        writer.add_tensor(f"{names.get_name(stem)}.{ending}", _interleaved(name, weight.numpy()))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def write_hub_cache(home: Path, folder: Path) -> None:
    """Put a model folder where a download of `HUB_ID` would have put it, below HF_HOME."""
    place = home / "hub" / f"models--{HUB_ID.replace('/', '--')}"
    shutil.copytree(folder, place / "snapshots" / _REVISION)
    (place / "refs").mkdir()
    (place / "refs" / "main").write_text(_REVISION)


def _write_sizes(writer: "gguf.GGUFWriter", config: PretrainedConfig) -> None:
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_rope_dimension_count(config.head_dim)
    writer.add_rope_freq_base(config.rope_theta)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(config.vocab_size)


def _write_tokenizer(writer: "gguf.GGUFWriter", folder: Path) -> None:
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
    described = orjson.loads((folder / "tokenizer.json").read_bytes())["model"]
    pieces = sorted(tokenizer.get_vocab(), key=tokenizer.get_vocab().__getitem__)
    special, plain = gguf.TokenType.CONTROL, gguf.TokenType.NORMAL
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(pieces)
    writer.add_token_types([special if piece == BOS else plain for piece in pieces])
    writer.add_token_merges([pair if isinstance(pair, str) else " ".join(pair) for pair in described["merges"]])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(0)


def _interleaved(name: str, weight: NDArray[Any]) -> NDArray[Any]:
    """Return the weight as llama.cpp has it, whose rotations turn neighbours where transformers' turn halves."""
    heads = {"q_proj": _HEADS, "k_proj": _KEYS}.get(name.split(".")[-2])
    if heads is None:
        return weight
    halves = weight.reshape(heads, 2, len(weight) // heads // 2, -1)
    return halves.swapaxes(1, 2).reshape(weight.shape).copy()
