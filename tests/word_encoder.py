"""An encoder that anyone can follow: a word's weight is the number of its letters, times its count."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice

from csplade.pipelines.contract import FORMAT_VERSION, Contract, Side
from csplade.pipelines.sparse import SparseVector
from csplade.pipelines.vocab import CODEC_VERSION

READ_AHEAD = 7
_SIDE = Side(prefix="", max_tokens=100, top_k=100)


def word_contract(name: str = "words", opset: int = 1) -> Contract:
    """Return a contract; another `opset` gives another fingerprint."""
    return Contract(
        name=name,
        format_version=FORMAT_VERSION,
        base_model="none",
        base_revision="none",
        attention="causal",
        add_bos=False,
        add_eos=False,
        lowercase=True,
        pooling="max",
        term_space="words",
        key_codec=CODEC_VERSION,
        vocabulary_size=1,
        document=_SIDE,
        query=_SIDE,
        literal=None,
        quantization="none",
        opset=opset,
        tolerance=0.0,
        expansion_tolerance=0.0,
        files={},
    )


def word_vector(text: str) -> SparseVector:
    """Return the vector of one text."""
    counts = Counter(re.findall(r"\w+", text.lower()))
    return SparseVector.from_pairs((word, float(len(word) * count)) for word, count in counts.items())


class WordEncoder:
    """Reads ahead by `READ_AHEAD` texts, as the real one does."""

    has_table = False

    def __init__(self, contract: Contract | None = None) -> None:
        self.contract = contract or word_contract()

    def documents(self, texts: Iterable[str]) -> Iterator[SparseVector]:
        waiting = iter(texts)
        while batch := list(islice(waiting, READ_AHEAD)):
            yield from map(word_vector, batch)

    def queries(self, texts: Iterable[str]) -> Iterator[SparseVector]:
        return self.documents(texts)
