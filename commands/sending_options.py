"""The options of every command that sends documents: how many at once, and how long a cluster is waited for."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click
from csplade.integration.bulk_pace import PaceOptions

if TYPE_CHECKING:
    from csplade.integration.patience import Patience

_PACE = PaceOptions()


@dataclass(frozen=True)
class SendingChoices:
    """What a user chose of them."""

    batch: int
    requests: int
    min_weight: float
    wait_for_cluster: float
    request_timeout: float

    @property
    def pace(self) -> PaceOptions:
        """Return the most that the cluster is given at once."""
        return PaceOptions(self.batch, requests=self.requests)

    @property
    def patience(self) -> "Patience":
        """Return how long a cluster is waited for."""
        from csplade.integration.patience import Patience

        return Patience(outage=self.wait_for_cluster, request_seconds=self.request_timeout)


SENDING_OPTIONS = (
    click.option(
        "--batch",
        default=_PACE.documents,
        show_default=True,
        type=click.IntRange(1, 10_000),
        help="The most documents per bulk request.",
    ),
    click.option(
        "--requests",
        default=_PACE.requests,
        show_default=True,
        type=click.IntRange(1, 64),
        help="The most bulk requests at once.",
    ),
    click.option(
        "--min-weight",
        default=0.0,
        show_default=True,
        type=click.FloatRange(min=0.0),
        help="Leave out smaller weights: a smaller index, which finds a little less.",
    ),
    click.option(
        "--wait-for-cluster",
        default=600.0,
        show_default=True,
        type=click.FloatRange(min=0.0),
        metavar="SECONDS",
        help="How long a cluster that is away or takes nothing is waited for, once it has answered.",
    ),
    click.option(
        "--request-timeout",
        default=120.0,
        show_default=True,
        type=click.FloatRange(min=0.1),
        metavar="SECONDS",
        help="How long the answer to one bulk request is waited for before it is sent again.",
    ),
)
"""In the order of `--help`."""
