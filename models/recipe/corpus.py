"""What is trained on: documents, the queries that each answers, their embeddings, and which documents are near."""

import hashlib
import random
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import orjson
import torch
from csplade.models.recipe.narrow import NARROW
from csplade.models.recipe.teacher import Teacher
from csplade.pipelines.whole_file import replace_file
from numpy.typing import NDArray
from torch import Tensor

_NEIGHBOURS = 9
"""Nearest documents of each, itself among them."""
_ROWS = 2048


class Texts(NamedTuple):
    """Distinct documents and queries, and for each document the queries that it answers."""

    documents: list[str]
    queries: list[str]
    answered: list[list[int]]


@dataclass(frozen=True)
class Corpus:
    """`Texts` with their embeddings."""

    documents: list[str]
    queries: list[str]
    answered: list[list[int]]
    document_vectors: Tensor
    """(documents, 384): of the dense teacher."""
    query_vectors: Tensor
    """(queries, 384)"""
    neighbours: NDArray[np.int64]
    """(documents, neighbours): each document's nearest, itself first."""
    digest: str = ""
    """What tells the pairs from any others."""

    def batch(self, seeds: int, chance: random.Random, neighbours: int = 3) -> tuple[list[int], list[int]]:
        """Draw documents, each with so many of its neighbours, and for each document one of its queries."""
        drawn: dict[int, None] = {}
        for seed in chance.sample(range(len(self.documents)), seeds):
            drawn[seed] = None
            drawn |= dict.fromkeys(chance.sample(self.neighbours[seed, 1:].tolist(), neighbours))
        return list(drawn), [chance.choice(self.answered[document]) for document in drawn]


def read_texts(work: Path) -> Texts:
    """Read the pairs that step 1 drew."""
    pairs = [orjson.loads(line) for line in (work / "pairs.jsonl").read_bytes().splitlines()]
    documents = list(dict.fromkeys(pair["positive"] for pair in pairs))
    queries = list(dict.fromkeys(pair["query"] for pair in pairs))
    place_of, number_of = _places(documents), _places(queries)
    answered: list[list[int]] = [[] for _ in documents]
    for pair in pairs:
        answered[place_of[pair["positive"]]].append(number_of[pair["query"]])
    return Texts(documents, queries, answered)


def read_corpus(work: Path, minilm: Path) -> Corpus:
    """Read the pairs, let the teacher embed their texts, and find each document's nearest: both once."""
    # Those of other pairs would be wrong without anybody's notice.
    digest = hashlib.sha256((work / "pairs.jsonl").read_bytes()).hexdigest()[:12]
    texts, kept, near = read_texts(work), work / f"embeddings-{digest}.pt", work / f"neighbours-{digest}.npy"
    if not kept.exists():
        teacher = Teacher(minilm)
        vectors = [teacher.embed(texts.documents, "documents"), teacher.embed(texts.queries, "queries")]
        replace_file(kept, lambda file: torch.save(vectors, file))
    document_vectors, query_vectors = torch.load(kept)
    if not near.exists():
        replace_file(near, lambda file: np.save(file, _nearest(document_vectors)))
    return Corpus(*texts, document_vectors, query_vectors, np.load(near), digest)


def crop(text: str, fewest: int, most: int, chance: random.Random) -> str:
    """Return a run of so many of the text's words, often its first ones."""
    words = text.split(" ")
    size = chance.randint(fewest, most)
    begin = 0 if chance.random() < 0.4 or len(words) <= size else chance.randrange(len(words) - size)
    return " ".join(words[begin : begin + size])


def _places(texts: list[str]) -> dict[str, int]:
    return {text: place for place, text in enumerate(texts)}


def _nearest(vectors: Tensor) -> NDArray[np.int64]:
    narrow = vectors.to(NARROW)
    parts = [(rows @ narrow.T).topk(_NEIGHBOURS).indices for rows in torch.split(narrow, _ROWS)]
    found: NDArray[np.int64] = torch.cat(parts).numpy()
    return found
