"""Addresses of a cluster: what a person writes comes in, checked parts go out; no message shows a password."""

import logging
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from urllib.parse import SplitResult, quote, unquote, urlsplit

from csplade.integration.ports import DEFAULT_PORT
from csplade.pipelines.errors import UsageError

_TLS_PORT = 443

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Address:
    """Where one node of a cluster answers, or something before all of them."""

    scheme: str | None
    """http or https; None: not written."""
    host: str
    port: int | None
    path: str
    """What stands before the paths of the cluster, with a slash at its beginning; empty: nothing."""
    user: str | None = None
    password: str | None = field(default=None, repr=False)

    @property
    def secure(self) -> bool:
        """Return whether it speaks TLS."""
        return self.scheme == "https"

    @property
    def open_port(self) -> int:
        """Return the port, which without one is that of the scheme."""
        return self.port or (_TLS_PORT if self.secure else DEFAULT_PORT)


def parse_addresses(text: str) -> tuple[Address, ...]:
    """Return the addresses of one cluster, written with commas between them.

    Raises:
        UsageError: one of them is none.
    """
    # An unescaped comma in a password leaves a piece that is no address.
    return tuple(_parse(part.strip(), text) for part in text.split(","))


def guarded(address: Address) -> Address:
    """Return the address as credentials are sent to it: with TLS, unless it is this machine or the user wants none."""
    if address.secure or _is_this_machine(address.host):
        return address
    if address.scheme is None:
        return replace(address, scheme="https")
    _logger.warning("Credentials are sent unencrypted to %s: write https:// if it speaks TLS.", address.host)
    return address


def _parse(part: str, text: str) -> Address:
    try:
        parts = urlsplit(part if "://" in part else f"//{part}")
        # Reading the port checks it. An @ behind the host is a password with an unescaped / ? or # in it.
        behind = parts.path + parts.query + parts.fragment
        known = parts.scheme in ("", "http", "https") and bool(parts.hostname)
        usable = known and parts.port != 0 and "@" not in behind
    except ValueError:
        usable = False
    if not usable:
        # What stands behind the last @ of the whole text can hold no password.
        raise UsageError(
            f"{text.rpartition('@')[2]!r} is not the address of a cluster: write it like https://host:9200, several "
            "with commas between them, and special characters of a password as %XX"
        )
    return _address(parts)


def _address(parts: SplitResult) -> Address:
    user = password = None
    if parts.username or parts.password:
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
    # As it is sent; a signature is about that.
    path = quote(parts.path.rstrip("/"), safe="/%:@!$&'()*+,;=~")
    return Address(parts.scheme or None, parts.hostname or "", parts.port, path, user, password)


def _is_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
