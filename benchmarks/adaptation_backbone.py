"""A small causal language model from nothing, for benchmarks/adaptation.py: minutes on a processor, not days.

    python benchmarks/adaptation_backbone.py PAIRS... --output FOLDER

A byte-level tokenizer and a Llama, both trained on documents of the pairs; the Llama by next-token prediction and
nothing else. FOLDER becomes an ordinary Hugging Face model folder.
"""

from collections.abc import Sequence
from pathlib import Path

import click
import torch
from csplade.pipelines.broad_text import distinct
from csplade.pipelines.errors import CspladeError
from csplade.pipelines.packing import pack, rows_of_step
from csplade.pipelines.schedules import rate_factor
from csplade.pipelines.training_data import read_examples
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

_END = "<s>"
_BATCH = 16
_LENGTH = 64
_LEARNING_RATE = 3e-3
_WARM_UP = 0.1
_SHOWN = 100
"""Steps between lines of progress."""


def byte_pairs(texts: Sequence[str], pieces: int) -> Tokenizer:
    """Return a byte-level tokenizer of so many pieces, the first of which ends a text."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=pieces, special_tokens=[_END], initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def random_llama(pieces: int, width: int, layers: int) -> LlamaForCausalLM:
    """Return an untrained Llama, drawn from torch's seed."""
    config = LlamaConfig(
        vocab_size=pieces,
        hidden_size=width,
        intermediate_size=width * 11 // 4,
        num_hidden_layers=layers,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=512,
        tie_word_embeddings=True,
        bos_token_id=0,
        eos_token_id=0,
    )
    return LlamaForCausalLM(config)


def learn(model: LlamaForCausalLM, sequences: Tensor, steps: int, seed: int) -> None:
    """Train the model in place to predict next tokens of sequences (sequences, length)."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=_LEARNING_RATE, weight_decay=0.0)
    model.train()
    for step in range(steps):
        ids = sequences[rows_of_step(len(sequences), _BATCH, step, seed)].long()
        loss = model(input_ids=ids, labels=ids).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for group in optimizer.param_groups:
            group["lr"] = _LEARNING_RATE * rate_factor(step, steps, _WARM_UP)
        optimizer.step()
        if (step + 1) % _SHOWN == 0 or step + 1 == steps:
            click.echo(f"step {step + 1}: loss {loss.item():.3f}", err=True)
    model.eval()


@click.command(epilog="Example:  python benchmarks/adaptation_backbone.py pairs.jsonl --output small")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PAIRS...")
@click.option("--output", required=True, type=click.Path(path_type=Path), metavar="FOLDER")
@click.option("--texts", default=5000, show_default=True, type=click.IntRange(1), help="Documents read, evenly drawn.")
@click.option("--pieces", default=4096, show_default=True, type=click.IntRange(300), help="Of the vocabulary.")
@click.option("--width", default=128, show_default=True, type=click.IntRange(4))
@click.option("--layers", default=3, show_default=True, type=click.IntRange(1))
@click.option("--steps", default=1000, show_default=True, type=click.IntRange(1), help="Of 1024 tokens.")
@click.option("--seed", default=0, show_default=True, type=int)
def main(
    paths: tuple[Path, ...], output: Path, texts: int, pieces: int, width: int, layers: int, steps: int, seed: int
) -> None:
    """Train the tokenizer and the language model."""
    try:
        documents = distinct([example.documents[0] for example in read_examples(paths)])
    except CspladeError as error:
        raise click.ClickException(str(error)) from error
    drawn = documents[:: max(1, len(documents) // texts)]
    tokenizer = byte_pairs(drawn, pieces)
    torch.manual_seed(seed)
    model = random_llama(tokenizer.get_vocab_size(), width, layers)
    learn(model, torch.from_numpy(pack(drawn, tokenizer, 0, _LENGTH)), steps, seed)
    model.save_pretrained(output)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token=_END, eos_token=_END).save_pretrained(output)


if __name__ == "__main__":
    main()
