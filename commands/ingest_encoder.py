"""What gives `csplade ingest` its vectors: the model here, workers of Ray, or the records themselves."""

from pathlib import Path
from typing import TYPE_CHECKING

from csplade.commands.engine_options import RAY
from csplade.commands.ingest_options import IngestChoices
from csplade.pipelines.errors import UsageError

if TYPE_CHECKING:
    from csplade.integration.encoder import Encoder


def open_encoder(folder: Path, choices: IngestChoices) -> "Encoder":
    """Open the encoder, or what takes its place where records have their vectors."""
    from csplade.integration.given import GivenVectors
    from csplade.pipelines.contract import read_contract
    from csplade.pipelines.encode_many import open_for_many

    if choices.engine == RAY:
        return _ray_encoder(folder, choices)
    if choices.vectors is None:
        return open_for_many(folder)
    if choices.dry_run:
        raise UsageError("--vectors opens no model, which --dry-run needs: leave one of them out")
    return GivenVectors(read_contract(folder), choices.vectors)


def _ray_encoder(folder: Path, choices: IngestChoices) -> "Encoder":
    from csplade.pipelines.encode_many import worker_texts
    from csplade.pipelines.encode_ray import require_ray

    if choices.vectors is not None:
        raise UsageError("--vectors encodes nothing, so there is nothing for --engine ray: leave one of them out")
    require_ray()
    from csplade.pipelines.encode_actors import ActorEncoder

    workers = choices.pool
    return ActorEncoder(folder, worker_texts(gpus=workers.gpus), workers)
