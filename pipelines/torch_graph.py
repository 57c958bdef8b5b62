"""The exact torch model where an encoder expects a graph: golden vectors are its; needs torch."""

from collections.abc import Sequence

import torch
from csplade.pipelines.graph import GraphOutput, Role, padded_batch
from csplade.pipelines.model import SparseEncoderModel


class TorchGraph:
    """Runs the torch model as `csplade.pipelines.graph.Runs`."""

    def __init__(self, model: SparseEncoderModel) -> None:
        self._model = model.eval()

    @torch.inference_mode()
    def run(self, token_ids: Sequence[Sequence[int]], role: Role) -> GraphOutput:
        """Run one batch of texts, each a non-empty list of token ids."""
        ids, mask = map(torch.from_numpy, padded_batch(token_ids))
        found = self._model(ids, mask, torch.tensor(int(role)))
        return GraphOutput(*(value.numpy() for value in found))
