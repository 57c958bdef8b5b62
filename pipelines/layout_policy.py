"""What a person may say about a published model that its folder does not, or against it; and what all layouts share."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from csplade.pipelines.attention_kinds import Attention
from csplade.pipelines.errors import SourceError
from csplade.pipelines.model import HeadOptions
from csplade.pipelines.training_options import ReadingOptions
from tokenizers import Tokenizer


@dataclass(frozen=True)
class LayoutPolicy:
    """Wishes; None leaves what the layout implies."""

    name: str | None = None
    licence: str | None = None
    base: str | None = None
    """The base model of an adapter, a hub id or folder."""
    tokenizer: Path | None = None
    """A folder with the tokenizer, for models that come without."""
    bos: bool | None = None
    query_prefix: str | None = None
    document_prefix: str | None = None
    query_tokens: int | None = None
    document_tokens: int | None = None
    query_terms: int | None = None
    document_terms: int | None = None

    def over(self, reading: ReadingOptions) -> ReadingOptions:
        """Return how texts are read, with these wishes."""
        wishes: dict[str, Any] = {name: getattr(self, name) for name in _READING}  # Any: of each field's type
        return dataclasses.replace(reading, **{name: wish for name, wish in wishes.items() if wish is not None})


_READING = tuple(
    {field.name for field in dataclasses.fields(LayoutPolicy)}
    & {field.name for field in dataclasses.fields(ReadingOptions)}
)


def published_head(reading: ReadingOptions, log_twice: bool = False) -> HeadOptions:
    """Return how the heads of published models are read: each token is pooled, logits stay as they are."""
    return HeadOptions(
        bos_id=None,
        document_terms=reading.document_terms,
        query_terms=reading.query_terms,
        strength=1.0,
        attention=Attention.BIDIRECTIONAL,
        centred=False,
        log_twice=log_twice,
    )


def plain(tokenizer: Tokenizer) -> Tokenizer:
    """Return the tokenizer, from now on without padding and truncation."""
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def check_rows(tokenizer: Tokenizer, rows: int, source: str) -> None:
    """Compare a tokenizer with the head.

    Raises:
        SourceError: it has ids for which the head has no row.
    """
    needed = max(tokenizer.get_vocab().values(), default=-1) + 1
    if needed > rows:
        raise SourceError(
            f"the tokenizer of {source} has ids for {needed} pieces, the model's head {rows} rows: they do not belong "
            "together, name the model's own tokenizer with --tokenizer"
        )
