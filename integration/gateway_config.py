"""How a gateway listens, whom it forwards to, and what it puts up with; plain values that workers are given."""

from dataclasses import dataclass, field
from pathlib import Path

from csplade.integration.access import Access
from csplade.integration.addresses import Address
from csplade.pipelines.errors import UsageError

MEGABYTE = 2**20
PREFIX = b"/_csplade"
"""Before the paths that are the gateway's own; no index can be called so."""


@dataclass(frozen=True)
class Limits:
    """What is more than that is refused; sizes in bytes, times in seconds.

    Raises:
        UsageError: a limit is not above 0.
    """

    body: int = 100 * MEGABYTE
    """Of a request's body, and of what it is once it is decompressed."""
    head: int = 32 * 1024
    """Of the request line and the headers together."""
    depth: int = 500
    """Of JSON objects and lists inside each other, in a body or in the parameter `source`."""
    requests: int = 256
    """Forwarded at once by one worker."""
    connections: int = 2048
    """Open at once to one worker."""
    head_seconds: float = 10.0
    """For a whole request line with its headers."""
    idle_seconds: float = 30.0
    """In which a body must go on, and the caller must take something of its answer."""
    slowest_body: int = 1024
    """Bytes per second: a body that comes more slowly on average is given up after `idle_seconds`."""
    whole_seconds: float = 900.0
    """For a request and its answer together."""
    connect_seconds: float = 5.0
    """For a connection to a node of the cluster."""
    keep_alive_seconds: int = 75
    """For which a connection stays open that nothing is asked on."""
    worker_seconds: float = 30.0
    """For which a worker may stand still before another takes its place."""

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not value > 0:
                raise UsageError(f"the limit {name.replace('_', ' ')} is {value}: give a number above 0")


@dataclass(frozen=True)
class GatewayOptions:
    """A whole gateway."""

    upstream: tuple[Address, ...]
    """The nodes of the one cluster that it forwards to."""
    trust: Access = field(default_factory=Access)
    """Whom it trusts as the cluster, the certificate that it shows, and whether it signs for AWS; no more of it."""
    host: str = "127.0.0.1"
    port: int = 9201
    """0: any free one."""
    workers: int = 1
    certificate: Path | None = None
    """To answer with TLS: its certificate (PEM) with those between it and its authority; none: in the clear."""
    key: Path | None = None
    """Its key (PEM); none: in the file of the certificate."""
    limits: Limits = field(default_factory=Limits)
    log_requests: bool = True
    """A line of JSON per request on standard error, without texts."""
    log_queries: bool = False
    """With the parameters of a request, in which texts of queries may stand."""
    patience_seconds: int = 30
    """For requests that are under way when it stops."""

    def __post_init__(self) -> None:
        if self.key is not None and self.certificate is None:
            raise UsageError(f"there is a key {self.key} without a certificate: name it with --tls-cert")
        for address in self.upstream:
            if address.user is not None:
                raise UsageError(
                    f"the address of {address.host} names a user, and a gateway sends only its callers' credentials: "
                    "leave the user out of --url"
                )
