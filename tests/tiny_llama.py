"""A random Llama that is small enough for every test."""

import torch
from transformers import LlamaConfig, LlamaForCausalLM

WIDTH = 32


def tiny_llama(
    vocabulary: int, seed: int, layers: int = 2, spread: float = 0.3, eos: int = 0, dropout: float = 0.0
) -> LlamaForCausalLM:
    """Return one whose weights have a standard deviation of `spread`; BOS is 0."""
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=WIDTH,
        intermediate_size=48,
        num_hidden_layers=layers,
        num_attention_heads=4,
        num_key_value_heads=2,
        tie_word_embeddings=True,
        initializer_range=spread,
        attention_dropout=dropout,
        bos_token_id=0,
        eos_token_id=eos,
        attn_implementation="eager",
    )
    return LlamaForCausalLM(config).eval()
