"""Tokens of an adaptation that are no text: what hides others, and what stands between texts; light."""

from typing import TYPE_CHECKING

from csplade.pipelines.errors import SourceError, UsageError

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

DEFAULT_MASK = "_"


def mask_id(tokenizer: "PreTrainedTokenizerFast", piece: str | None) -> int:
    """Return the id of the piece that hides tokens; None takes the tokenizer's own, else `DEFAULT_MASK`.

    Raises:
        UsageError: the tokenizer has no such piece.
    """
    wanted = piece or tokenizer.mask_token or DEFAULT_MASK
    found: int | None = tokenizer.get_vocab().get(wanted)
    if found is None:
        raise UsageError(f"the tokenizer has no piece {wanted!r} to hide tokens with: choose one with --mask-token")
    return found


def end_of_text(model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerFast", backbone: str) -> int:
    """Return the id of the token between texts; `backbone` is the model's name, for the error.

    Raises:
        SourceError: neither model nor tokenizer has one.
    """
    # The model's own word first: tokenizers read from a GGUF file may name another.
    named = model.config.eos_token_id
    first = named[0] if isinstance(named, list) else named
    found: int | None = tokenizer.eos_token_id if first is None else first
    if found is None:
        raise SourceError(f"neither the model nor the tokenizer of {backbone} names an EOS: add it to its config.json")
    return found
