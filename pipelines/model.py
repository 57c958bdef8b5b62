"""A language model as a sparse encoder: expansion terms from its head, literal gates from its states.

For text tokens t_1..t_n with last hidden states h_i (`attention` says of which tokens each knows), head rows e_v and
role r (document or query):

    pooled_v     = max_i e_v . h_i
    activation_v = log(1 + relu(scale_v pooled_v + shift_v))            (CSPLADE's equation 1, calibrated per row)
    term_k       = strength_r * max over the rows v that fold into k
    gate_i       = softplus(g_r . h_i + c_r)

With a literal residual (PROSPER, arXiv 2510.18527) a term also gets the gates of the tokens that are it, unless it was
left out (`prune`), so that no row folds into it; without a residual the gates count words outside (`literal`), or
nothing at all.
"""

import dataclasses
from dataclasses import dataclass
from typing import NamedTuple

import torch
from csplade.pipelines.attention import read
from csplade.pipelines.attention_kinds import Attention
from csplade.pipelines.fold import Fold
from csplade.pipelines.pooling import max_pool
from torch import Tensor, nn
from torch.nn.functional import softplus
from transformers import PreTrainedModel

_ROLES = 2
_GATE_OF_ONE = 0.541324854612918
"""softplus of this is 1: an untrained gate counts a word once."""


@dataclass(frozen=True)
class HeadOptions:
    """Sizes and starting values of what stands on the language model."""

    bos_id: int | None
    document_terms: int
    """Expansion terms kept per document."""
    query_terms: int
    strength: float = 0.25
    """Factor of expansion weights beside literal ones, before training."""
    attention: Attention = Attention.CAUSAL
    centred: bool = True
    """Take away what all logits of a position have in common: it says nothing about its topic. Models trained without
    are read without."""
    residual: bool = False
    """Add each token's gate to the term that it is; only where terms are all pieces of the vocabulary."""
    log_twice: bool = False
    """log(1 + log(1 + relu(.))), as in OpenSearch's doc-v3 (arXiv 2504.14839)."""


class Vectors(NamedTuple):
    """What the encoder says of a batch, as `csplade.pipelines.graph.GraphOutput`."""

    term_ids: Tensor
    weights: Tensor
    gates: Tensor


class SparseEncoderModel(nn.Module):
    """The encoder's torch form, which is trained and exported."""

    def __init__(self, backbone: PreTrainedModel, head: Tensor, fold: Fold, options: HeadOptions) -> None:
        super().__init__()
        self.backbone = backbone
        self.config = backbone.config
        rows = torch.from_numpy(fold.pieces)
        chosen = head.detach()[rows]
        self.head = nn.Parameter(chosen - chosen.mean(dim=0) if options.centred else chosen)  # (pieces, width)
        self.scale = nn.Parameter(torch.ones(len(rows)))
        self.shift = nn.Parameter(torch.zeros(len(rows)))
        self.strength = nn.Parameter(torch.full((_ROLES,), options.strength))
        self.gate = nn.Linear(head.shape[1], _ROLES)
        nn.init.zeros_(self.gate.weight)
        nn.init.constant_(self.gate.bias, _GATE_OF_ONE)
        self.each_piece = fold.is_identity
        self.groups: Tensor
        self.register_buffer("groups", torch.from_numpy(fold.groups))  # (terms, largest group)
        self.rowed: Tensor
        rowed = torch.from_numpy((fold.groups < len(rows)).any(axis=1).astype("int64"))
        self.register_buffer("rowed", rowed, persistent=False)  # (terms,): 1 where a row folds into the term
        self.kept: Tensor
        self.register_buffer("kept", torch.zeros(_ROLES, dtype=torch.int64), persistent=False)
        self.options = options
        self.keep(options.document_terms, options.query_terms)

    def forward(self, input_ids: Tensor, attention_mask: Tensor, role: Tensor) -> Vectors:
        """Encode a batch padded on the right.

        Shapes: input_ids and attention_mask (batch, length), role () -> (batch, k), (batch, k), (batch, length).
        """
        hidden, counted = self.read(input_ids, attention_mask)
        gates = self.gates(hidden, role)
        terms = self.terms(hidden, counted, role)
        if self.options.residual:
            # With autocast on a processor gates are bfloat16, and terms are not.
            terms = terms.scatter_add(-1, input_ids, (gates * self._own(input_ids, counted)).to(terms.dtype))
        # A tensor, not a number: so the exported graph chooses by role.
        best = torch.topk(terms, self.kept[role], dim=-1)  # type: ignore[arg-type]
        return Vectors(best.indices, best.values, gates)

    def _own(self, input_ids: Tensor, counted: Tensor) -> Tensor:
        """Return the mask of tokens that are terms of the model, shape kept."""
        return counted if self.each_piece else counted * self.rowed[input_ids]

    def read(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return hidden states and the mask of tokens that are pooled: (batch, length, width), (batch, length)."""
        bos = self.options.bos_id
        hidden = read(self.backbone, input_ids, attention_mask, self.options.attention, 0 if bos is None else 1)
        return hidden, attention_mask if bos is None else attention_mask * (input_ids != bos)

    def terms(self, hidden: Tensor, mask: Tensor, role: Tensor) -> Tensor:
        """Return the weights of all terms: (batch, length, width), (batch, length) -> (batch, terms)."""
        return self.strength[role] * self.folded(self.activations(max_pool(hidden, self.head, mask)))

    def keep(self, document_terms: int, query_terms: int) -> None:
        """Keep so many expansion terms of a text, or all where there are fewer."""
        self.options = dataclasses.replace(self.options, document_terms=document_terms, query_terms=query_terms)
        kept = [min(most, len(self.groups)) for most in (document_terms, query_terms)]
        self.kept.copy_(self.kept.new_tensor(kept))

    def calibrated(self, pooled: Tensor) -> Tensor:
        """Return scale * pooled + shift, shape kept."""
        return self.scale * pooled + self.shift

    def activations(self, pooled: Tensor) -> Tensor:
        """Return the activations of pooled logits, shape kept."""
        return self.activated(self.calibrated(pooled))

    def activated(self, calibrated: Tensor) -> Tensor:
        """Return log(1 + relu(.)), shape kept."""
        once = torch.log1p(torch.relu(calibrated))
        return torch.log1p(once) if self.options.log_twice else once

    def folded(self, values: Tensor, least: float = 0.0) -> Tensor:
        """Return the largest value of each term's rows: (batch, pieces) -> (batch, terms).

        `least`, no larger than any value, fills the groups that are smaller than the largest.
        """
        if self.each_piece:
            return values
        filled = torch.cat([values, values.new_full((values.shape[0], 1), least)], dim=-1)
        chosen = filled.index_select(-1, self.groups.reshape(-1))
        return chosen.reshape(-1, *self.groups.shape).amax(dim=-1)

    def gates(self, hidden: Tensor, role: Tensor) -> Tensor:
        """Return the gate of each token: (batch, length, width) -> (batch, length)."""
        return softplus(self.gate(hidden)[..., role])

    @torch.no_grad()
    def calibrate(self, mean: Tensor, deviation: Tensor, threshold: float) -> None:
        """Let a row fire when its pooled logit is `threshold` deviations above its mean over plain texts."""
        self.scale.copy_(1.0 / deviation)
        self.shift.copy_(-mean / deviation - threshold)
