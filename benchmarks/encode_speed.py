"""Documents per second of an encoder, by size of batches and number of threads, on the Python library's documentation.

    python benchmarks/encode_speed.py [ENCODER_FOLDER] [DOCUMENTS]

All rows come from one run, so that their ratios mean something on a machine that others use too. Peak memory is that of
the process so far: rows go from small batches to large ones.
"""

import itertools
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from csplade.benchmarks.peak_memory import peak_mb
from csplade.commands.options import SHIPPED_ENCODER
from csplade.commands.output import print_table
from csplade.pipelines.encode import EncodeOptions, Encoder
from csplade.pipelines.folder import TOKENIZER_FILE
from csplade.pipelines.standard_library import read_standard_library
from tokenizers import Tokenizer

_BATCH_TOKENS = (128, 1024, 4096)


def measure(folder: Path, texts: Sequence[str], options: EncodeOptions) -> float:
    """Return the seconds that encoding takes, after one warm-up."""
    encoder = Encoder.open(folder, options)
    next(encoder.documents(texts[:1]))
    began = time.perf_counter()
    for _ in encoder.documents(texts):
        pass
    return time.perf_counter() - began


def main() -> None:
    """Print the table."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else SHIPPED_ENCODER
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 200
    # At even distances: the library is in alphabetical order, and neighbours are alike.
    entries = list(read_standard_library())
    texts = [entry.text for entry in entries[:: max(1, len(entries) // count)]][:count]
    tokenizer = Tokenizer.from_file(str(folder / TOKENIZER_FILE))
    tokens = sum(len(encoding) for encoding in tokenizer.encode_batch(texts))
    rows, first = [], 0.0
    for threads, budget in itertools.product(sorted({1, os.cpu_count() or 1}), _BATCH_TOKENS):
        seconds = measure(folder, texts, EncodeOptions(batch_tokens=budget, threads=threads))
        first = first or seconds
        peak = peak_mb()
        speed = f"{len(texts) / seconds:.1f}", f"{tokens / seconds:.0f}", f"{first / seconds:.2f}"
        rows.append((str(threads), str(budget), *speed, f"{peak:.0f}"))
    print_table(
        f"{len(texts)} documents, {tokens / len(texts):.0f} tokens each",
        ("threads", "tokens a batch", "documents/s", "tokens/s", "ratio", "peak MB"),
        rows,
    )


if __name__ == "__main__":
    main()
