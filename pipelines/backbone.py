"""A decoder-only language model and its tokenizer, loaded and cut; needs the extra [export].

A byte-pair vocabulary is ordered by merge rank, so the ids below N with the merges among them are a valid smaller
tokenizer, and the first N embedding rows belong to it.
"""

from typing import Any

import orjson
import torch
from csplade.pipelines.errors import SourceError
from tokenizers import Tokenizer, normalizers, pre_tokenizers, processors
from torch import nn
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel


def load_language_model(source: str, gguf_file: str | None = None) -> PreTrainedModel:
    """Return a causal language model in float32 from a hub id, a local folder, or a GGUF file in it.

    Raises:
        SourceError: there is no such model, or transformers cannot read it.
    """
    try:
        model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(
            source, gguf_file=gguf_file, dtype=torch.float32, attn_implementation="eager"
        )
    except (OSError, ValueError) as error:
        raise SourceError(f"no language model can be read from {source} ({error}): check the name or folder") from error
    return model.eval()


def load_tokenizer(source: str, gguf_file: str | None = None) -> Tokenizer:
    """Return the model's fast tokenizer.

    Raises:
        SourceError: there is none.
    """
    try:
        found = AutoTokenizer.from_pretrained(source, gguf_file=gguf_file)
    except (OSError, ValueError) as error:
        raise SourceError(f"no tokenizer can be read from {source} ({error}): check the name or folder") from error
    tokenizer: Tokenizer = found.backend_tokenizer
    return tokenizer


def cut_tokenizer(tokenizer: Tokenizer, size: int, lowercase: bool, bos: str | None) -> Tokenizer:
    """Keep the ids below `size` and the merges among them; put `bos`, if given, before each text."""
    described: dict[str, Any] = orjson.loads(tokenizer.to_str())  # Any: a JSON object
    model = described["model"]
    vocabulary = {piece: number for piece, number in model["vocab"].items() if number < size}
    model["vocab"] = vocabulary
    model["merges"] = [pair for pair in model["merges"] if _survives(pair, vocabulary)]
    # Without them a text that spells a special token out is read as the letters it is.
    described["added_tokens"] = []
    described["post_processor"] = None
    cut = Tokenizer.from_str(orjson.dumps(described).decode())
    cut.no_padding()
    cut.no_truncation()
    # The first word becomes the same piece as in the middle of a text.
    cut.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True, trim_offsets=True)
    if lowercase:
        cut.normalizer = normalizers.Lowercase()
    if bos is not None:
        cut.post_processor = processors.TemplateProcessing(single=f"{bos} $A", special_tokens=[(bos, vocabulary[bos])])
    return cut


def cut_vocabulary(model: PreTrainedModel, size: int) -> None:
    """Keep the first `size` rows of the embedding, and of the head that is tied to it."""
    model.resize_token_embeddings(size, mean_resizing=False)


def cut_layers(model: PreTrainedModel, keep: tuple[int, ...]) -> None:
    """Keep the layers of these numbers, in this order."""
    layers = model.model.layers
    model.model.layers = nn.ModuleList([layers[number] for number in keep])
    for position, layer in enumerate(model.model.layers):
        layer.self_attn.layer_idx = position
    model.config.num_hidden_layers = len(keep)


def _survives(pair: list[str] | str, vocabulary: dict[str, int]) -> bool:
    left, right = pair if isinstance(pair, list) else pair.split(" ")
    return left in vocabulary and right in vocabulary and left + right in vocabulary
