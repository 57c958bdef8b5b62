"""What an index and its cluster say of themselves, as searches need it: how its weights are asked for, its scales.

`KnownFacts` keeps them for a while: an index behind an alias may be another one tomorrow, of another encoder.
"""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from csplade.integration.calibrate import kept_in
from csplade.integration.dialect import Dialect
from csplade.integration.index import require_mapping
from csplade.integration.index_mapping import REPLACING_KEY, our_meta
from csplade.integration.planner import Phases
from csplade.integration.query import QueryOptions, Scales
from csplade.integration.seismic_field import remap_in
from csplade.pipelines.calibration import Calibration
from csplade.pipelines.contract import Contract
from opensearchpy import OpenSearch

KEPT_SECONDS = 60.0


@dataclass(frozen=True)
class IndexFacts:
    """What an index says of itself."""

    dialect: Dialect
    mapping: Mapping[str, Any]  # Any: a JSON object
    scales: Scales | None = None
    """None if there are none."""
    calibration: Calibration | None = None
    """None if there is none."""
    replacing: str | None = None
    """An encoder whose weights some documents still have, though the index has another one."""

    def settle(self, options: QueryOptions) -> QueryOptions:
        """Return the options for this index.

        Raises:
            IndexConflictError: a SEISMIC field is to be asked whose numbers are lost.
        """
        calibration = self.calibration if options.plan.calibrated else None
        remap = remap_in(self.mapping) if options.plan.phases is Phases.SEISMIC else None
        return replace(options, dialect=self.dialect, scales=self.scales, calibration=calibration, remap=remap)


def facts_of(client: OpenSearch, index: str, contract: Contract | None) -> IndexFacts:
    """Ask for what searches need; without a contract (BM25) the index has to be ours.

    Raises:
        IndexConflictError: the index is missing, not ours, or made with another encoder.
        ClusterError: the cluster does not answer, or is of a kind that csplade does not know.
    """
    dialect, mapping = require_mapping(client, index, contract)
    kept = kept_in(mapping)
    return IndexFacts(dialect, mapping, kept.scales, kept.calibration, our_meta(mapping).get(REPLACING_KEY))


class KnownFacts:
    """The facts of one index, asked for again after `KEPT_SECONDS`; safe to share between threads."""

    def __init__(self, index: str, contract: Contract) -> None:
        self._index, self._contract = index, contract
        self._lock = threading.Lock()
        self._known: dict[bool, tuple[float, IndexFacts]] = {}

    def settle(self, client: OpenSearch, options: QueryOptions) -> QueryOptions:
        """Return the options for this index.

        Raises:
            ClusterError: as `facts_of`.
        """
        by_terms = options.mode.needs_vector
        with self._lock:
            since, facts = self._known.get(by_terms, (0.0, None))
        if facts is None or time.monotonic() - since > KEPT_SECONDS:
            facts = facts_of(client, self._index, self._contract if by_terms else None)
            with self._lock:
                self._known[by_terms] = time.monotonic(), facts
        return facts.settle(options)

    def forget(self) -> None:
        """Ask again the next time."""
        with self._lock:
            self._known.clear()
