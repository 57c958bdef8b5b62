"""How a decoder-only language model reads a text: causally, twice (echo), or in both directions; needs torch.

Under causal attention an early token knows nothing of what follows, which max pooling feels. Both cures of CSPLADE
(arXiv 2504.10816) are here: Echo reads the text twice and keeps the states of the second copy; Bidirectional takes the
causal mask away, which the model learns to use in training.
"""

import torch
from csplade.pipelines.attention_kinds import Attention
from csplade.pipelines.errors import UsageError
from torch import Tensor, nn

_TAKE_A_MASK = frozenset({"llama", "mistral", "qwen2", "qwen3", "gemma", "gemma2", "gemma3_text", "smollm3"})
"""Architectures whose attention follows a four-dimensional mask to the letter; a test sees that each does."""
_ENCODERS = frozenset({"bert", "distilbert", "roberta", "xlm-roberta", "modernbert"})
"""Architectures that read both ways by themselves."""


def check_attention(model_type: str, attention: Attention) -> None:
    """Refuse an attention that the architecture cannot have.

    Raises:
        UsageError: it cannot.
    """
    if model_type in _ENCODERS and attention is not Attention.BIDIRECTIONAL:
        raise UsageError(f"{model_type} reads in both directions, not {attention.value}: choose bidirectional")
    if attention is Attention.BIDIRECTIONAL and model_type not in _TAKE_A_MASK | _ENCODERS:
        raise UsageError(
            f"the attention of {model_type} cannot be made bidirectional, only that of "
            f"{', '.join(sorted(_TAKE_A_MASK))}: choose causal or echo"
        )


def read(backbone: nn.Module, ids: Tensor, mask: Tensor, attention: Attention, head_tokens: int = 0) -> Tensor:
    """Return the last hidden state of each token of texts padded on the right.

    Args:
        backbone: a transformers model without its head.
        ids: (batch, length).
        mask: (batch, length), 1 for tokens, 0 for padding.
        attention: which tokens a token sees.
        head_tokens: how many tokens at the head of a text, such as BOS, the second copy of echo goes without.

    Returns:
        (batch, length, width); meaningless for padding.
    """
    if attention is Attention.ECHO:
        twice, second = echoed(ids, mask, head_tokens)
        hidden = _last_state(backbone, twice, None)
        return hidden.gather(1, second.unsqueeze(-1).expand(-1, -1, hidden.shape[-1]))
    if attention is Attention.BIDIRECTIONAL:
        encoder = getattr(backbone.config, "model_type", None) in _ENCODERS
        return _last_state(backbone, ids, mask if encoder else both_ways(mask, _dtype(backbone)))
    # What stands before the padding does not see it, so causal attention needs no mask.
    return _last_state(backbone, ids, None)


def echoed(ids: Tensor, mask: Tensor, head_tokens: int) -> tuple[Tensor, Tensor]:
    """Return each text followed by itself without its head tokens, and where the second copy of each token stands.

    Shapes: (batch, length), (batch, length) -> (batch, 2 length), (batch, length); the place of a head token is its
    own. What follows the second copy is padding.
    """
    length = ids.shape[1]
    sizes = mask.sum(dim=1, keepdim=True)  # (batch, 1)
    places = torch.arange(2 * length, device=ids.device).unsqueeze(0)  # (1, 2 length)
    sources = torch.where(places < sizes, places, places - sizes + head_tokens).clamp(max=length - 1)
    own = places[:, :length]
    second = torch.where(own < head_tokens, own, own + sizes - head_tokens).clamp(max=2 * length - 1)
    return ids.gather(1, sources), second


def both_ways(mask: Tensor, dtype: torch.dtype) -> Tensor:
    """Return the additive mask that hides padding only: (batch, length) -> (batch, 1, length, length)."""
    hidden = (mask == 0)[:, None, None, :].expand(-1, 1, mask.shape[1], -1)
    return torch.zeros(hidden.shape, dtype=dtype, device=mask.device).masked_fill(hidden, torch.finfo(dtype).min)


def _dtype(backbone: nn.Module) -> torch.dtype:
    return next(backbone.parameters()).dtype


def _last_state(backbone: nn.Module, ids: Tensor, mask: Tensor | None) -> Tensor:
    # Models that read both ways know no cache of keys and values.
    caches = {} if getattr(backbone.config, "model_type", None) in _ENCODERS else {"use_cache": False}
    state: Tensor = backbone(input_ids=ids, attention_mask=mask, **caches).last_hidden_state
    return state
