"""The fields of an index one by one, with what decides how they can be read and asked; pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_Json = Mapping[str, Any]  # Any: a JSON object


@dataclass(frozen=True, slots=True)
class MappedField:
    """A field of a mapping that is no object with fields of its own."""

    name: str
    """With dots where it lies inside objects, or beside another field."""
    definition: _Json
    """What the mapping says of it."""
    nested: str | None = None
    """Path of the nested objects that hold it; None: the document itself."""
    beside: bool = False
    """Whether it is another form of the field before the last dot, as `title.raw` is; documents do not hold it."""

    @property
    def kind(self) -> str:
        """Return its type."""
        return str(self.definition["type"])


def mapped_fields(properties: _Json, prefix: str = "", nested: str | None = None) -> Iterator[MappedField]:
    """Give the fields of the `properties` of a mapping, also those inside objects, in its order."""
    for name, field in properties.items():
        path = f"{prefix}{name}"
        if "type" in field and "properties" not in field:
            yield MappedField(path, field, nested)
        for other, definition in field.get("fields", {}).items():
            yield MappedField(f"{path}.{other}", definition, nested, beside=True)
        yield from mapped_fields(
            field.get("properties", {}), f"{path}.", path if field.get("type") == "nested" else nested
        )
