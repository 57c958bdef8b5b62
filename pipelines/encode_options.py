"""How an encoder reads and runs texts."""

import enum
from dataclasses import dataclass

from csplade.pipelines.encode_kept import ROOM
from csplade.pipelines.errors import UsageError


class Device(enum.StrEnum):
    """What the graph runs on."""

    CPU = "cpu"
    CUDA = "cuda"


@dataclass(frozen=True)
class LongTexts:
    """How a document that is longer than the contract's most tokens is read whole: in overlapping passages."""

    stride: int
    """Tokens from the beginning of a passage to that of the next."""
    most: int = 64
    """Passages of a text; what lies behind them is cut."""


@dataclass(frozen=True)
class EncodeOptions:
    """How texts are batched and run; only `long_texts` and `table_queries` change what a vector holds."""

    window: int = 128
    """Texts that are read ahead and sorted by length."""
    window_characters: int = 1_000_000
    """Characters of a window; one longer text is a window of its own."""
    batch_tokens: int = 512
    """Tokens of a batch, padding included; one longer text is a batch of its own. More would pad short texts more: on
    docstrings of 33 tokens, 2,048 tokens from windows of 64 texts are 54% padding, 512 from 128 are 9%."""
    threads: int | None = None
    """Threads of the runtime for one batch; None lets it take all cores."""
    lanes: int = 1
    """Batches that run at the same time, each with its own `threads`, through the one loaded graph."""
    deterministic: bool = False
    """Run each text alone and without padding, so that its vector is the same bit for bit whatever else is encoded."""
    device: Device | None = None
    """None: a GPU if the runtime has one, else the processor, where an encoder with rounded activations always runs."""
    long_texts: LongTexts | None = None
    """None: documents are cut after the contract's most tokens, as queries always are."""
    table_queries: bool = False
    """Weigh the words of queries by the table alone, whatever the contract says: without the model, and for vectors of
    documents that are the same."""
    kept_queries: int = 1024
    """Vectors of queries that `Encoder.query` keeps, those asked for last."""
    kept_bytes: int = ROOM
    """Bytes that these may take with their texts, roughly; none that takes more than 512 KiB alone is kept."""

    def __post_init__(self) -> None:
        sizes = ("window", "window_characters", "batch_tokens", "threads", "lanes")
        least = {**dict.fromkeys(sizes, 1), "kept_queries": 0, "kept_bytes": 0}
        for name, smallest in least.items():
            size = getattr(self, name)
            if size is not None and size < smallest:
                raise UsageError(f"an encoder cannot have {name} {size}: give it {smallest} or more")


DEFAULT = EncodeOptions()
