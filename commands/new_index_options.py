"""The options of every command that makes an index, if there is none, and fills it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click
from csplade.commands.options import long_option, replicas_option, shards_option, weights_in_source_option

if TYPE_CHECKING:
    from csplade.integration.index_asked import Asked
    from csplade.integration.passages import Long
    from csplade.integration.templates import IndexOptions


@dataclass(frozen=True)
class NewIndexChoices:
    """What a user chose of them."""

    analyzer: str | None
    long: str | None
    shards: int
    replicas: int | None
    weights_in_source: bool | None

    @property
    def asked_long(self) -> "Long | None":
        """Return what is to become of long texts, None if nothing was said."""
        from csplade.integration.passages import Long

        return None if self.long is None else Long(self.long)

    @property
    def asked(self) -> "Asked":
        """Return what an index that is there must be."""
        from csplade.integration.index_asked import Asked

        return Asked(self.analyzer, self.asked_long, self.weights_in_source)

    @property
    def index_options(self) -> "IndexOptions":
        """Return what a new index is to be."""
        from csplade.integration.passages import Long
        from csplade.integration.templates import DEFAULT_ANALYZER, IndexOptions

        return IndexOptions(
            *(self.analyzer or DEFAULT_ANALYZER, self.shards, self.replicas),
            long=self.asked_long or Long.CUT,
            weights_in_source=self.weights_in_source is not False,
        )


NEW_INDEX_OPTIONS = (
    click.option("--analyzer", default=None, help="The cluster's analyzer for BM25, of a new index. Default: english."),
    long_option,
    shards_option,
    replicas_option,
    weights_in_source_option,
)
"""In the order of `--help`."""
