"""The exact torch model where an encoder expects a graph, for golden vectors and measures in training; needs torch."""

from collections.abc import Sequence

import torch
from csplade.pipelines.graph import GraphOutput, Role, padded_batch
from csplade.pipelines.model import SparseEncoderModel


class TorchGraph:
    """Runs the torch model as `csplade.pipelines.graph.Runs`, on the model's device."""

    def __init__(self, model: SparseEncoderModel) -> None:
        self._model = model.eval()

    # Not inference_mode: what the model keeps of such a run could not be used when training goes on.
    @torch.no_grad()
    def run(self, token_ids: Sequence[Sequence[int]], role: Role) -> GraphOutput:
        """Run one batch of texts, each a non-empty list of token ids."""
        device = self._model.head.device
        ids, mask = (torch.from_numpy(part).to(device) for part in padded_batch(token_ids))
        found = self._model(ids, mask, torch.tensor(int(role), device=device))
        # NumPy knows no bfloat16.
        weights, gates = found.weights.float(), found.gates.float()
        return GraphOutput(*(value.cpu().numpy() for value in (found.term_ids, weights, gates)))
