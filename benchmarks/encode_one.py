"""One way to encode, measured in this process; `encode.py` starts it, and what the way needs not is not imported.

    python benchmarks/encode_one.py ORDER

ORDER is a JSON object, see `order_of`.
"""

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson
from csplade.benchmarks.encode_systems import Material, open_system
from csplade.benchmarks.encode_texts import texts_of
from csplade.benchmarks.peak_memory import peak_mb
from csplade.commands.output import print_json
from tokenizers import Tokenizer

_QUERY_TOKENS = (8, 16, 32)
_WARM = 20
_TOKENS, _FEWEST = 8192, 32
"""Tokens of a measurement of documents, and its fewest texts."""


@dataclass(frozen=True)
class Row:
    """What one process measured."""

    documents: dict[str, float]
    """Documents/s by tokens."""
    queries: dict[str, list[float]]
    """Milliseconds of single queries by tokens."""
    open_seconds: float
    """From the start of the process to the first vector."""
    peak_mb: float
    """Of the process, while it encoded documents."""


def measure(name: str, material: Material, lengths: Sequence[int], asked: int, began: float) -> Row:
    """Measure one way in this process, with so many queries of each length."""
    system = open_system(name, material)
    system.documents(["warm up"])
    opened = time.time() - began
    tokenizer = Tokenizer.from_file(str(material.trained / "tokenizer.json"))
    documents = {}
    for tokens in lengths:
        texts = texts_of(tokenizer, tokens, max(_FEWEST, _TOKENS // tokens))
        system.documents(texts[: _FEWEST // 2])
        started = time.perf_counter()
        system.documents(texts)
        documents[str(tokens)] = len(texts) / (time.perf_counter() - started)
    peak, queries = peak_mb(), {}
    system.query("warm up")
    for tokens in _QUERY_TOKENS:
        texts = texts_of(tokenizer, tokens, asked + _WARM)
        queries[str(tokens)] = [_milliseconds(system.query, text) for text in texts][_WARM:]
    return Row(documents, queries, opened, peak)


def _milliseconds(query: Callable[[str], object], text: str) -> float:
    began = time.perf_counter()
    query(text)
    return 1000 * (time.perf_counter() - began)


def order_of(name: str, material: Material, lengths: Sequence[int], asked: int) -> str:
    """Return the order to measure a way now."""
    folders = {precision: str(folder) for precision, folder in material.folders.items()}
    order = {"name": name, "lengths": list(lengths), "asked": asked, "began": time.time(), "folders": folders}
    return orjson.dumps(order | {"trained": str(material.trained), "logits": str(material.logits)}).decode()


def main() -> None:
    """Print one JSON object."""
    given = orjson.loads(sys.argv[1])
    folders = {precision: Path(folder) for precision, folder in given["folders"].items()}
    material = Material(Path(given["trained"]), folders, Path(given["logits"]))
    print_json(asdict(measure(given["name"], material, given["lengths"], given["asked"], given["began"])))


if __name__ == "__main__":
    main()
