"""Whether indexes have the fields for weights: a search of others finds nothing, a write makes others."""

from collections.abc import Mapping
from dataclasses import dataclass

from csplade.integration.dialect import RANK_FEATURES, SPARSE_VECTOR
from csplade.integration.field_map import FieldMap
from csplade.integration.templates import MARK_FIELD, SEISMIC_FIELD

_OF_WEIGHTS = (RANK_FEATURES, SPARSE_VECTOR)
_UNMAPPED = "unmapped"


@dataclass(frozen=True, slots=True)
class Fields:
    """What the mapping of an index has."""

    weights: bool
    """All fields for weights that the rules name."""
    mark: bool
    """The field by which `csplade enrich` knows what is encoded."""
    seismic: bool = False
    """Of any index the field that holds the weights once more, by number, which only `csplade` itself writes."""


def wanted_fields(field_map: FieldMap) -> list[str]:
    """Return what has to be asked of a mapping, as paths from its root."""
    return [".".join((*_steps(name), "type")) for name in capable_fields(field_map)]


def read_fields(mapping: object, field_map: FieldMap) -> Fields:
    """Return what a mapping has."""
    weights = all(_kind(mapping, name) in _OF_WEIGHTS for name in _names(field_map))
    return Fields(weights, *(_kind(mapping, name) is not None for name in (MARK_FIELD, SEISMIC_FIELD)))


def capable_fields(field_map: FieldMap) -> list[str]:
    """Return the names of the fields, as `_field_caps` is asked for them."""
    return [*_names(field_map), MARK_FIELD, SEISMIC_FIELD]


def read_capabilities(fields: Mapping[str, Mapping[str, object]], field_map: FieldMap) -> Fields:
    """Return what all indexes have, by the kinds of each field as `_field_caps` tells them, `unmapped` among them."""
    weights = all(fields.get(name) and {*fields[name]} <= {*_OF_WEIGHTS} for name in _names(field_map))
    everywhere = _UNMAPPED not in fields.get(MARK_FIELD, (_UNMAPPED,))
    return Fields(weights, everywhere, not {*fields.get(SEISMIC_FIELD, ())} <= {_UNMAPPED})


def _names(field_map: FieldMap) -> list[str]:
    return [coverage.weights for coverage in field_map.coverages]


def _steps(name: str) -> list[str]:
    return [step for each in name.split(".") for step in ("properties", each)]


def _kind(mapping: object, name: str) -> object:
    for step in (*_steps(name), "type"):
        mapping = mapping.get(step) if isinstance(mapping, dict) else None
    return mapping
