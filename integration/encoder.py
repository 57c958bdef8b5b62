"""What the cluster side asks of an encoder: texts in, sparse vectors out, in the same order.

The real one is `csplade.pipelines.encode.Encoder`; whoever connects the two sides hands it over as an argument.
"""

from collections.abc import Iterable, Iterator
from typing import Protocol, runtime_checkable

from csplade.pipelines.calibration import Calibration
from csplade.pipelines.contract import Contract
from csplade.pipelines.encode_counts import Counts
from csplade.pipelines.sparse import SparseVector


class Encoder(Protocol):
    """Turns texts into sparse vectors; may read ahead by a bounded number of texts."""

    @property
    def contract(self) -> Contract:
        """Return the promise of the encoder folder."""
        ...

    def documents(self, texts: Iterable[str]) -> Iterator[SparseVector]:
        """Encode documents, lazily and in order; an empty text gives an empty vector."""
        ...

    def queries(self, texts: Iterable[str]) -> Iterator[SparseVector]:
        """Encode queries, lazily and in order; an empty text gives an empty vector."""
        ...


@runtime_checkable
class TellingEncoder(Encoder, Protocol):
    """An encoder that tells what it has read."""

    @property
    def counts(self) -> Counts:
        """Return what was read so far."""
        ...


@runtime_checkable
class PlacedEncoder(Encoder, Protocol):
    """An encoder that tells what its model runs on."""

    @property
    def runs_on(self) -> tuple[str, ...]:
        """Return the runtime's names, the preferred first."""
        ...


@runtime_checkable
class CountingEncoder(Encoder, Protocol):
    """An encoder that can count words."""

    def calibration(self, texts: Iterable[str]) -> Calibration:
        """Count the words of a collection's documents, for queries that fit it; lazily.

        Raises:
            UsageError: the encoder's terms are no words.
        """
        ...
