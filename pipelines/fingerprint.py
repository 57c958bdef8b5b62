"""What tells one training from another, so that none goes on from another's checkpoint; needs torch."""

import hashlib
from collections.abc import Sequence
from typing import Any

import orjson
import torch
from csplade.pipelines.development import Development
from csplade.pipelines.recipe_values import to_json
from csplade.pipelines.trained import Trained
from csplade.pipelines.training_data import Example
from csplade.pipelines.training_options import Recipe
from torch import nn

_SAMPLED = 256
"""Numbers of each weight that tell one backbone from another."""
_NOT_COMPARED = ("keep", "save_every", "evaluate_every")
"""Settings of `run` that change no weight."""


def weights_digest(model: nn.Module) -> str:
    """Return a digest of the shapes and of a sample of a model's weights."""
    digest = hashlib.sha256()
    for name, weight in sorted(model.state_dict().items()):
        flat = weight.detach().cpu().reshape(-1)
        sample = flat[:: max(1, flat.numel() // _SAMPLED)].to(torch.float64).numpy()
        digest.update(f"{name} {tuple(weight.shape)}".encode() + sample.tobytes())
    return digest.hexdigest()[:16]


def idf_digest(trained: Trained) -> str:
    """Return a digest of the idf of all terms, in whatever order they stand."""
    return hashlib.sha256(orjson.dumps(sorted(trained.idf.items()))).hexdigest()[:16]


def examples_digest(examples: Sequence[Example]) -> str:
    """Return a digest of all that training sees of the examples."""
    digest = hashlib.sha256()
    for example in examples:
        digest.update(orjson.dumps([example.query, example.documents, example.scores, example.source]))
    return digest.hexdigest()[:16]


def development_digest(development: Development | None) -> str | None:
    """Return a digest of all that a measurement sees of the development collection."""
    if development is None:
        return None
    collection = development.collection
    seen = [collection.queries, collection.judgments, development.documents]
    return hashlib.sha256(orjson.dumps([dict(part) for part in seen])).hexdigest()[:16]


def fingerprint_of(
    trained: Trained,
    recipe: Recipe,
    examples: Sequence[Example],
    teachers: Sequence[str],
    development: Development | None = None,
) -> dict[str, Any]:  # Any: JSON values
    """Return what decides the weights that a training ends with, so that it takes no other one's checkpoint."""
    settings = to_json(recipe)
    settings["run"] = {name: value for name, value in settings["run"].items() if name not in _NOT_COMPARED}
    return {
        "recipe": settings,
        "backbone": {"name": trained.about.base_model, "weights": weights_digest(trained.model.backbone)},
        "data": {"examples": len(examples), "digest": examples_digest(examples)},
        "idf": {"terms": len(trained.idf), "default": trained.default_idf, "digest": idf_digest(trained)},
        "teachers": list(teachers),
        # The best checkpoint of one collection says nothing of another.
        "development": development_digest(development),
    }
