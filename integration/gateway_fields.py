"""Whether indexes have the fields for weights: a search of others finds nothing, a write makes others."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from csplade.integration.dialect import RANK_FEATURES, SPARSE_VECTOR, Dialect, dialect_of_field
from csplade.integration.field_map import FieldMap
from csplade.integration.gateway_verdict import Why
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
    kinds: frozenset[str] = frozenset()
    """The types of the fields for weights, of all indexes."""


def wanted_fields(field_map: FieldMap) -> list[str]:
    """Return what has to be asked of a mapping, as paths from its root."""
    return [".".join((*_steps(name), "type")) for name in capable_fields(field_map)]


def read_fields(mapping: object, field_map: FieldMap) -> Fields:
    """Return what a mapping has."""
    kinds = {_kind(mapping, name) for name in _names(field_map)}
    mark, seismic = (_kind(mapping, name) is not None for name in (MARK_FIELD, SEISMIC_FIELD))
    return Fields(kinds <= {*_OF_WEIGHTS}, mark, seismic, frozenset(map(str, kinds)))


def capable_fields(field_map: FieldMap) -> list[str]:
    """Return the names of the fields, as `_field_caps` is asked for them."""
    return [*_names(field_map), MARK_FIELD, SEISMIC_FIELD]


def read_capabilities(fields: Mapping[str, Mapping[str, object]], field_map: FieldMap) -> Fields:
    """Return what all indexes have, by the kinds of each field as `_field_caps` tells them, `unmapped` among them."""
    each = [{*fields.get(name, ())} for name in _names(field_map)]
    weights = all(kinds and kinds <= {*_OF_WEIGHTS} for kinds in each)
    everywhere = _UNMAPPED not in fields.get(MARK_FIELD, (_UNMAPPED,))
    seismic = not {*fields.get(SEISMIC_FIELD, ())} <= {_UNMAPPED}
    return Fields(weights, everywhere, seismic, frozenset().union(*each))


def merged(each: Sequence[Fields]) -> Fields:
    """Return what several indexes have."""
    kinds: frozenset[str] = frozenset().union(*(one.kinds for one in each))
    weights = all(one.weights for one in each) and len(each) > 0
    return Fields(weights, all(one.mark for one in each), any(one.seismic for one in each), kinds)


def dialect_of(kinds: Collection[str], dialect: Dialect) -> Dialect | Why:
    """Return how fields of these types are asked, or why they cannot be; `dialect`: how the cluster makes such fields.

    An index keeps its field when the cluster is upgraded.
    """
    if all(kind == dialect.field_type for kind in kinds):
        return dialect
    if len(kinds) > 1:
        return Why.MIXED_FIELDS
    (kind,) = kinds
    # That of OpenSearch is another one, which is not asked for weights.
    if kind == SPARSE_VECTOR and dialect.distribution == "opensearch":
        return Why.NO_FIELD
    return dialect_of_field({"type": kind}, dialect)


def _names(field_map: FieldMap) -> list[str]:
    return [coverage.weights for coverage in field_map.coverages]


def _steps(name: str) -> list[str]:
    return [step for each in name.split(".") for step in ("properties", each)]


def _kind(mapping: object, name: str) -> object:
    for step in (*_steps(name), "type"):
        mapping = mapping.get(step) if isinstance(mapping, dict) else None
    return mapping
