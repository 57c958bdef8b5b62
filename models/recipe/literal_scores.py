"""What the literal path alone says of a batch, all gates at 1: BM25 with broad idf."""

import torch
from csplade.models.recipe.plan import LITERAL
from csplade.pipelines.batches import TextBatch
from csplade.pipelines.graph import Role
from csplade.pipelines.literal_training import literal_vectors
from torch import Tensor


def literal_scores(queries: TextBatch, documents: TextBatch, width: int) -> Tensor:
    """Return the scores over `width` terms: (queries, documents)."""
    query, document = (
        literal_vectors(texts, torch.ones(texts.ids.shape), role, width, LITERAL)
        for texts, role in ((queries, Role.QUERY), (documents, Role.DOCUMENT))
    )
    return query @ document.T
