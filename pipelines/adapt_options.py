"""Everything that can be chosen of an adaptation; light, so that the command can name the defaults."""

from dataclasses import dataclass

from csplade.pipelines.attention_kinds import Attention
from csplade.pipelines.training_options import Tuned


@dataclass(frozen=True)
class AdaptOptions:
    """What can be chosen of an adaptation."""

    steps: int = 1000
    batch: int = 32
    """Sequences per step."""
    length: int = 512
    """Tokens per sequence."""
    lambda_relu: float = 1.0
    """Weight of L_relu beside L_CLM."""
    learning_rate: float = 1e-4
    warm_up: float = 0.1
    """Share of the steps; then a cosine falls to 0."""
    seed: int = 0
    attention: Attention = Attention.CAUSAL
    mask_share: float = 0.2
    """Share of the tokens that a bidirectional model has to predict."""
    tuned: Tuned = Tuned.LORA
    lora_rank: int = 16
    top_layers: int = 2
    save_every: int = 100
    """Steps between checkpoints."""
    micro_batch: int = 0
    """Sequences per forward pass; 0 runs the batch at once. Fewer need less memory for the same gradients."""
    checkpointing: bool = False
    """Gradient checkpointing: recompute activations in the backward pass."""
    bf16: bool = False
