"""What the steps of the recipe share: sizes of the models and of their vectors, and the stages of their training."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from csplade.pipelines.contract import Literal
from csplade.pipelines.literal import K1, B

VOCABULARY = 32_768
BOS, BOS_ID = "<|im_start|>", 1
DOCUMENT_TERMS = 72
QUERY_TERMS = 16
"""Expansion terms that the graph keeps of a text."""
LITERAL = Literal(K1, B, average_words=90.0, default_idf=10.8216, analysis="english")
"""The literal path, with the idf of a word that the table has not."""


@dataclass(frozen=True)
class Stage:
    """A part of the training."""

    steps: int
    seeds: int
    """Documents drawn for a batch; each brings neighbours."""
    document_tokens: int
    crops: tuple[int, int] | None
    """Fewest and most words of the run of a document that is read; None for all of it."""
    ranking: float
    """Weight of the divergence from the target scores."""
    contrastive: float
    rate: float
    """Of the layers."""
    head_rate: float
    warm_up: int
    """Steps until the rates are reached."""
    decay: float = 0.0
    """Share of the steps, the last ones, over which the rates fall to 0."""
    imitation: float = 1.0
    """Weight of the likeness to the dictionary's terms."""
    literal: float = 1.0
    """Weight of the literal path in the target scores."""
    dense: float = 1.0
    """Weight of the dense teacher in them."""
    neighbours: int = 3
    """Neighbours that each seed brings."""


@dataclass(frozen=True)
class Size:
    """One encoder that the recipe makes."""

    name: str
    layers: int
    """Of SmolLM2-135M's 30, the lowest."""
    frozen: int
    """Of these, the lowest are not trained."""
    stages: tuple[Stage, ...]
    """Short texts are a cheap way to learn what words mean; whole ones come last."""
    folder: str = "."
    """In the work folder, for what training writes."""


_SHORT = Stage(350, 32, 64, (10, 40), ranking=0.3, contrastive=0.0, rate=3e-4, head_rate=3e-4, warm_up=40)
_LONG = Stage(200, 20, 144, None, ranking=1.0, contrastive=0.3, rate=3e-4, head_rate=2e-4, warm_up=5)
MINI = Size(
    "csplade-mini",
    layers=12,
    frozen=4,
    stages=(_SHORT, replace(_SHORT, head_rate=2e-4, warm_up=5), _LONG, replace(_LONG, decay=0.9)),
)
"""Twelve layers are 2.3 times as fast as all, and fit into 96 MB; what their states tell less of a text (`layers.py`),
training has to make good."""
_FEWER, _SHORTER = replace(_SHORT, steps=100, seeds=8), replace(_LONG, steps=50, seeds=6)
WHOLE = Size(
    "smollm2-135m",
    layers=30,
    frozen=22,
    stages=(
        _FEWER,
        *(replace(_FEWER, head_rate=2e-4, warm_up=5),) * 2,
        replace(_SHORTER, decay=0.9),
    ),
    folder="whole",
)
"""All layers, and batches that two cores can afford: a third of the steps, of a quarter of the texts."""
SIZES: Mapping[str, Size] = {"mini": MINI, "whole": WHOLE}
