"""A decoder-only language model and its tokenizer, loaded and cut; needs the extra [export].

A byte-pair vocabulary is ordered by merge rank, so the ids below N with the merges among them are a valid smaller
tokenizer, and the first N embedding rows belong to it.
"""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import torch
from csplade.pipelines.attention import read
from csplade.pipelines.attention_kinds import Attention
from csplade.pipelines.errors import SourceError, UsageError
from safetensors import SafetensorError
from tokenizers import Tokenizer, normalizers, pre_tokenizers, processors
from torch import nn
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    MODEL_FOR_MASKED_LM_MAPPING_NAMES,
)

_GGUF = ".gguf"
_CHECKED_TOKENS = 4
_HUB_ID = re.compile(r"\w[\w.-]*(/[\w.-]+)?")
_HUB_LOGGER = "huggingface_hub"
_SCALES = ("logits_scaling", "logit_scale")
"""What configurations call a factor of logits behind the head: Granite's, Cohere's."""


def open_language_model(spec: str) -> tuple[PreTrainedModel, PreTrainedTokenizerFast]:
    """Return a causal language model in float32 with its tokenizer, from a hub id, a folder, or a GGUF file's path.

    Raises:
        UsageError: there is nothing of that name here, and no model of a hub can have it.
        SourceError: there is none, it is not causal, its head has no weights, its logits are not what the head makes of
            its states, or its tokenizer is not a fast one or larger than its embedding.
    """
    check_language_model(spec)
    source, gguf_file = _located(spec)
    model = _language_model(spec, source, gguf_file)
    _check_logits(spec, model)
    return model, _matching_tokenizer(spec, _tokenizer(spec, source, gguf_file), model)


def check_language_model(spec: str) -> None:
    """Look, before long work, whether `open_language_model` can take a model, as far as its configuration tells.

    Raises:
        UsageError: as for `open_language_model`.
        SourceError: as for `open_language_model`.
    """
    config = _config(spec, *_located(spec))
    _check_causal(spec, config)
    if any(getattr(config, name, None) not in (None, 1.0) for name in _SCALES):
        raise _changed_logits(spec, config)


def soft_cap(config: PretrainedConfig) -> float | None:
    """Return the cap c of a model that predicts with c tanh(logits / c), None for one that takes logits as they are."""
    cap: float | None = getattr(config, "final_logit_softcapping", None)
    return cap


def load_language_model(source: str, gguf_file: str | None = None) -> PreTrainedModel:
    """Return a causal language model in float32 from a hub id, a local folder, or a GGUF file in it.

    Raises:
        SourceError: there is no such model, transformers cannot read it, or its head has no weights.
    """
    return _language_model(source, source, gguf_file)


def load_tokenizer(source: str, gguf_file: str | None = None) -> Tokenizer:
    """Return the model's fast tokenizer.

    Raises:
        SourceError: there is none.
    """
    tokenizer: Tokenizer = _tokenizer(source, source, gguf_file).backend_tokenizer
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


def _located(spec: str) -> tuple[str, str | None]:
    """Return what transformers calls the model: a hub id or folder, and the name of a GGUF file in it."""
    path = Path(spec).expanduser()
    if path.suffix.lower() == _GGUF and path.is_file():
        return str(path.parent), path.name
    if path.is_dir():
        return str(path), None
    # Only what can be a hub id and no file is asked of the network.
    if path.suffix.lower() == _GGUF or path.exists() or not _HUB_ID.fullmatch(spec):
        raise UsageError(f"there is no language model at {spec}: name a model folder, a .gguf file or a hub id")
    return spec, None


def _config(spec: str, source: str, gguf_file: str | None) -> PretrainedConfig:
    # transformers takes a GGUF file that is named and None alike, but looks for the key.
    named = {} if gguf_file is None else {"gguf_file": gguf_file}
    try:
        with _quiet_hub():
            config: PretrainedConfig = AutoConfig.from_pretrained(source, **named)
    except (OSError, ValueError, KeyError) as error:
        raise _unreadable("language model", spec, source, error) from error
    return config


@contextmanager
def _quiet_hub() -> Iterator[None]:
    """Keep the hub's library from telling of each of its tries; the error at the end says it once."""
    logger = logging.getLogger(_HUB_LOGGER)
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


def _unreadable(what: str, spec: str, source: str, error: Exception) -> SourceError:
    said = str(error).split("\n")[0].rstrip(".")
    if Path(source).is_dir():
        return SourceError(f"no {what} can be read from {spec} ({said}): check the folder")
    return SourceError(
        f"no {what} can be read from {spec}, which is no folder here and so the name of a model on the hub ({said}): "
        "check the name, or name a model folder or a .gguf file; with HF_HUB_OFFLINE=1 only models that were "
        "downloaded before are looked for, without waiting for the network"
    )


def _check_causal(spec: str, config: PretrainedConfig) -> None:
    kind = config.model_type
    # A masked language model has a causal form as well, which only a decoder's weights fit.
    masked = kind in MODEL_FOR_MASKED_LM_MAPPING_NAMES and not config.is_decoder
    if kind not in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES or config.is_encoder_decoder or masked:
        named = ", ".join(config.architectures or (kind,))
        raise SourceError(
            f"{spec} is no causal language model but {named}: choose a decoder such as Llama, Qwen, Mistral or SmolLM"
        )


def _language_model(spec: str, source: str, gguf_file: str | None) -> PreTrainedModel:
    try:
        model: PreTrainedModel
        with _quiet_hub():
            model, report = AutoModelForCausalLM.from_pretrained(
                source, gguf_file=gguf_file, dtype=torch.float32, attn_implementation="eager", output_loading_info=True
            )
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise _unreadable("language model", spec, source, error) from error
    if report["missing_keys"]:
        # They would be random, silently; an encoder saved without its language-model head lacks them.
        lacking = ", ".join(sorted(report["missing_keys"])[:3])
        raise SourceError(f"{spec} lacks weights of its language model ({lacking}): name the whole model")
    return model.eval()


@torch.no_grad()
def _check_logits(spec: str, model: PreTrainedModel) -> None:
    """Refuse a model that changes its logits behind its head, as the encoder takes them from there."""
    ids = torch.arange(_CHECKED_TOKENS)[None] % model.get_input_embeddings().weight.shape[0]  # (1, tokens)
    states = read(model.base_model, ids, torch.ones_like(ids), Attention.CAUSAL)
    ours, cap = model.get_output_embeddings()(states), soft_cap(model.config)
    if cap is not None:
        ours = cap * torch.tanh(ours / cap)
    theirs = model(input_ids=ids).logits
    if not torch.allclose(ours, theirs, rtol=1e-3, atol=1e-3 * float(theirs.abs().max())):
        raise _changed_logits(spec, model.config)


def _changed_logits(spec: str, config: PretrainedConfig) -> SourceError:
    named = ", ".join(config.architectures or (config.model_type,))
    return SourceError(
        f"the logits of {spec} are not what its head makes of its states: {named} scales or changes them, which "
        "csplade does not; choose an architecture such as Llama, Qwen, Mistral or SmolLM"
    )


def _tokenizer(spec: str, source: str, gguf_file: str | None) -> PreTrainedTokenizerFast:
    try:
        with _quiet_hub():
            found = AutoTokenizer.from_pretrained(source, gguf_file=gguf_file)
    except (OSError, ValueError, KeyError) as error:
        raise _unreadable("tokenizer", spec, source, error) from error
    if not isinstance(found, PreTrainedTokenizerFast):
        raise SourceError(f"the tokenizer of {spec} is a {type(found).__name__}, no fast one: add its tokenizer.json")
    return found


def _matching_tokenizer(
    spec: str, tokenizer: PreTrainedTokenizerFast, model: PreTrainedModel
) -> PreTrainedTokenizerFast:
    needed, rows = max(tokenizer.get_vocab().values()) + 1, model.get_input_embeddings().weight.shape[0]
    if needed > rows:
        raise SourceError(
            f"the tokenizer of {spec} has ids for {needed} pieces, the model's embedding {rows} rows: "
            "they do not belong together, put the model's own tokenizer beside it"
        )
    return tokenizer
