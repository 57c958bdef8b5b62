"""What a cluster understands, by distribution, version and plugin: one table, pure; `detect` asks the cluster.

`LINES` is the table. A row says how term weights are stored and asked for there, and what else the line can do; how
many clauses a query may have is the cluster's own and read from it.
"""

import enum
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from csplade.integration.errors import ClusterError, IndexConflictError
from csplade.integration.servers import title
from csplade.pipelines.errors import UsageError

USUAL_LIMIT = 1024
"""Clauses that clusters take in a whole query unless set up otherwise."""

RANK_FEATURES = "rank_features"
SPARSE_VECTOR = "sparse_vector"

NEURAL_SEARCH = "opensearch-neural-search"
"""The plugin that gives OpenSearch `neural_sparse`, `hybrid` and SEISMIC."""


class Clause(enum.StrEnum):
    """The query clause that scores terms linearly."""

    RANK_FEATURE = "rank_feature"
    NEURAL_SPARSE = "neural_sparse"
    SPARSE_VECTOR = "sparse_vector"

    @property
    def largest_weight(self) -> float:
        """Return the largest weight that a term of a query may have in it."""
        return 64.0 if self is Clause.NEURAL_SPARSE else math.inf


class Feature(enum.StrEnum):
    """What some lines can do and others lack."""

    HYBRID_QUERY = "hybrid queries whose scores a processor normalizes"
    SEISMIC = "SEISMIC fields"


@dataclass(frozen=True)
class Line:
    """A row of the table: servers from version `since` on and below `before`."""

    distribution: str
    since: tuple[int, int]
    before: tuple[int, int]
    field_type: str
    clause: Clause
    features: frozenset[Feature] = frozenset()
    plugin: str = ""
    """What every data node must have; empty: nothing."""
    prunes: bool = False
    """Whether queries of others are pruned unless the mapping forbids it."""
    hides_weights: bool = False
    """Whether `_source` comes without the weights unless it is asked for with them."""

    def covers(self, distribution: str, version: tuple[int, int], plugins: Collection[str]) -> bool:
        """Say whether a server is of this line."""
        same = distribution == self.distribution and (not self.plugin or self.plugin in plugins)
        return same and self.since <= version < self.before


def _neural(since: tuple[int, int], before: tuple[int, int], *features: Feature) -> Line:
    every = frozenset({Feature.HYBRID_QUERY, *features})
    return Line("opensearch", since, before, RANK_FEATURES, Clause.NEURAL_SPARSE, every, NEURAL_SEARCH)


LINES = (
    # The clause takes tokens with weights from 2.14 on; before, it wanted a model in the cluster.
    _neural((2, 14), (3, 3)),
    _neural((3, 3), (4, 0), Feature.SEISMIC),
    Line("opensearch", (2, 0), (4, 0), RANK_FEATURES, Clause.RANK_FEATURE),
    # `linear` came with 7.12, the query clause `sparse_vector` with 8.15.
    Line("elasticsearch", (7, 12), (8, 15), RANK_FEATURES, Clause.RANK_FEATURE),
    Line("elasticsearch", (8, 15), (9, 1), SPARSE_VECTOR, Clause.SPARSE_VECTOR),
    Line("elasticsearch", (9, 1), (9, 2), SPARSE_VECTOR, Clause.SPARSE_VECTOR, prunes=True),
    Line("elasticsearch", (9, 2), (10, 0), SPARSE_VECTOR, Clause.SPARSE_VECTOR, prunes=True, hides_weights=True),
)
"""The first row that covers a server counts."""


@dataclass(frozen=True)
class Dialect:
    """How one cluster stores and asks for term weights."""

    distribution: str
    version: str
    """Empty if the cluster does not tell this user."""
    field_type: str
    """Mapping type of the weights field."""
    clause: Clause
    """Query clause that scores terms linearly."""
    max_clauses: int = USUAL_LIMIT
    """Clauses that a whole query may have."""
    features: frozenset[Feature] = frozenset()
    prunes: bool = False
    hides_weights: bool = False
    """Both as in `Line`."""
    passages: bool = False
    """Whether the index holds its weights in passages; see `require_index`."""

    def require(self, feature: Feature) -> None:
        """Check that the cluster can do something.

        Raises:
            UsageError: it cannot.
        """
        if feature not in self.features:
            name = title(self.distribution, self.version) if self.version else "this cluster"
            raise UsageError(
                f"{name} has no {feature.value}: choose another way, or an OpenSearch whose nodes have the plugin "
                f"{NEURAL_SEARCH}"
            )


PLAIN = Dialect("opensearch", "", RANK_FEATURES, Clause.RANK_FEATURE)
"""What every cluster with a `rank_features` field understands."""


def dialect_for(distribution: str, version: str, plugins: Collection[str] = ()) -> Dialect:
    """Return what the table says about a server; `plugins` are those that every data node has.

    Raises:
        ClusterError: no row covers it.
    """
    numbers = numbers_of(version)
    line = next((line for line in LINES if line.covers(distribution, numbers, plugins)), None)
    if line is None:
        raise ClusterError(
            f"the cluster is {distribution} {version}, and csplade knows OpenSearch 2 and 3, and Elasticsearch from "
            "7.12 to 9: give another --url"
        )
    return Dialect(
        *(distribution, version, line.field_type, line.clause, USUAL_LIMIT, line.features),
        prunes=line.prunes,
        hides_weights=line.hides_weights,
    )


def dialect_of_field(field: Mapping[str, Any], dialect: Dialect | None) -> Dialect:  # Any: a JSON object
    """Return how a field that is there is asked, from its mapping and what the cluster said of itself, if it did.

    An index keeps its field when the cluster is upgraded, and not everybody may ask a cluster what it is.

    Raises:
        IndexConflictError: it is of a type whose scores are no dot products of these terms.
    """
    kind = field.get("type")
    if kind not in (RANK_FEATURES, SPARSE_VECTOR) or "method" in field:
        name = f"{kind} (SEISMIC)" if "method" in field else kind
        raise IndexConflictError(
            f"the index holds its term weights in a field of type {name}, which csplade does not ask: "
            "`csplade ingest` into a new --index"
        )
    if dialect is not None and dialect.field_type == kind:
        return dialect
    if kind == RANK_FEATURES:
        return replace(dialect or PLAIN, field_type=kind, clause=Clause.RANK_FEATURE)
    known = dialect or replace(PLAIN, distribution="elasticsearch", hides_weights=True)
    return replace(known, field_type=kind, clause=Clause.SPARSE_VECTOR)


def numbers_of(version: str) -> tuple[int, int]:
    """Return major and minor number of a version, (0, 0) for what is none."""
    major, minor, *_ = [*version.split("."), "0", "0"]
    return (int(major), int(minor)) if major.isdecimal() and minor.isdecimal() else (0, 0)
