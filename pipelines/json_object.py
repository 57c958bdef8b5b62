"""A model's configuration file as a JSON object; light."""

from pathlib import Path

import orjson
from csplade.pipelines.errors import SourceError


def read_object(path: Path) -> dict[str, object]:
    """Return the JSON object of a model's configuration file.

    Raises:
        SourceError: it is missing or no JSON object.
    """
    try:
        found = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise SourceError(f"{path} cannot be read ({error}): copy the model again") from error
    if not isinstance(found, dict):
        raise SourceError(f"{path} holds no JSON object: copy the model again")
    return found
