"""Everything that can be chosen of a training, as a recipe's TOML file and `csplade train` name it.

One class per table of the file. The defaults are ours; published settings stand in `recipes/`.
"""

import enum
from dataclasses import dataclass, field

from csplade.pipelines.attention_kinds import Attention


class TermSpace(enum.StrEnum):
    """What a term is."""

    PIECES = "pieces"
    """A vocabulary piece, as in CSPLADE, LACONIC and SPLADE."""
    WORDS = "words"
    """An analysed word: expansion over whole-word pieces, beside an open-vocabulary literal path."""


class Tuned(enum.StrEnum):
    """Which weights of the language model are trained."""

    FULL = "full"
    LORA = "lora"
    TOP = "top"
    """The last `top_layers` layers and the final norm; the rest is frozen."""


class QueryPath(enum.StrEnum):
    """How a query gets its terms."""

    MODEL = "model"
    IDF = "idf"
    """Inference-free: the idf of each of its own terms."""
    LEARNED = "learned"
    """Inference-free: a trained weight for each term, started at its idf."""


@dataclass(frozen=True)
class ReadingOptions:
    """How a text becomes tokens and terms."""

    attention: Attention = Attention.CAUSAL
    term_space: TermSpace = TermSpace.WORDS
    lowercase: bool = False
    bos: bool = True
    """Put the tokenizer's BOS before each text; it is read, not pooled."""
    query_prefix: str = ""
    document_prefix: str = ""
    query_tokens: int = 32
    document_tokens: int = 128
    query_terms: int = 24
    document_terms: int = 96
    """Expansion terms that the exported graph keeps of a text, at most."""
    query_path: QueryPath = QueryPath.MODEL
    analysis: str = "english"
    """Word analysis of `words`."""
    literal_residual: bool = False
    """PROSPER's: each token's own term gets a learned weight on top; in `pieces` only, `words` has its literal path."""
    last_resort: bool = False
    """LACONIC's: a text of which no term fires gets the piece that ends texts, with weight 1; in `pieces` only."""


@dataclass(frozen=True)
class StartOptions:
    """Where the head starts."""

    centred: bool = True
    """Take away what all logits of a position have in common."""
    calibrate: bool = True
    """Let a row fire `threshold` deviations above its mean pooled logit over training texts; without, the bare logit
    goes into log(1 + relu(.)), as in the papers."""
    threshold: float = 2.0
    logit_scale: float = 1.0
    """Factor of the bare logits, where nothing is calibrated. Lion's is (width of the model) ** -0.25, as the log of
    raw logits would start scores in the hundreds."""
    strength: float = 0.25
    """Factor of expansion weights beside literal ones; 1 where there is no literal path."""


@dataclass(frozen=True)
class TuneOptions:
    """Which weights are trained, and how fast."""

    tuned: Tuned = Tuned.LORA
    lora_rank: int = 16
    lora_alpha: int = 32
    lora_dropout: float = 0.0
    top_layers: int = 2
    learning_rate: float = 1e-4
    """Of the language model."""
    head_learning_rate: float = 1e-3
    """Of gates, calibration and strength."""
    weight_decay: float = 0.0
    warm_up: float = 0.05
    """Share of the steps; then a cosine falls to 0."""
    clip_norm: float = 1.0


@dataclass(frozen=True)
class LossOptions:
    """What is minimised: a weighted sum; a weight of 0 leaves a loss out."""

    contrastive: float = 1.0
    """InfoNCE over the positive, hard negatives and all documents of the batch."""
    temperature: float = 1.0
    """Scores are divided by it."""
    kl: float = 0.0
    """KL divergence from the teacher's softmax over the batch."""
    margin_mse: float = 0.0
    """Squared error of (positive - negative) margins against the teacher's."""
    teacher_temperature: float = 0.05
    bag_of_words: float = 0.0
    """The document's expansion predicts its query's words, the query's its document's."""
    flops_document: float = 1e-3
    flops_query: float = 1e-3
    flops_warm_up: float = 0.33
    """Share of the steps over which both lambdas grow quadratically to their value."""
    focus_start: int = 0
    """PROSPER's lexical focusing window: terms kept of each text at the first step; 0 keeps all."""
    focus_end: int = 0
    """Terms kept when the window is narrowest, at `focus_share` of the steps; then FLOPS alone prunes."""
    focus_share: float = 0.3
    focus_query: float = 1.0
    """A query's window as a share of a document's, rounded; PROSPER's is half."""
    normalized_queries: bool = False
    """Divide a query's vector by its Euclidean length before scoring, as PROSPER does. It ranks nothing differently, so
    the exported model goes without."""


@dataclass(frozen=True)
class BatchOptions:
    """What a step sees."""

    queries: int = 16
    """Per step, over all devices together."""
    negatives: int = 0
    """Hard negatives per query, of those that the data has."""
    micro_queries: int = 0
    """Queries per forward pass; 0 runs the batch at once. Fewer need less memory for the same gradients (gradient
    caching, Gao et al. 2021, arXiv 2101.06983)."""
    one_source: bool = False
    """Draw each batch from one source, so that its other documents are harder."""
    checkpointing: bool = False
    """Gradient checkpointing: recompute activations in the backward pass."""
    bf16: bool = False


@dataclass(frozen=True)
class RunOptions:
    """How long, and what is kept."""

    steps: int = 1000
    seed: int = 0
    save_every: int = 100
    keep: int = 2
    """Newest checkpoints kept, besides the best one."""
    evaluate_every: int = 0
    """Steps between measurements on the development collection; 0 measures whenever a checkpoint is due."""


@dataclass(frozen=True)
class Recipe:
    """One training."""

    name: str = "custom"
    paper: str = ""
    """Where the setting is from."""
    reading: ReadingOptions = field(default_factory=ReadingOptions)
    start: StartOptions = field(default_factory=StartOptions)
    tune: TuneOptions = field(default_factory=TuneOptions)
    loss: LossOptions = field(default_factory=LossOptions)
    batch: BatchOptions = field(default_factory=BatchOptions)
    run: RunOptions = field(default_factory=RunOptions)
