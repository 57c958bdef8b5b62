"""The configuration of a gateway that rewrites: `[[index]]` as for `csplade rewrite`, and one table `[gateway]`."""

import enum
import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from csplade.integration.dialect import Dialect, numbers_of
from csplade.integration.gateway_refusals import Headers
from csplade.integration.rewrite_config import IndexRules, RewriteConfig, load_values, read_config
from csplade.pipelines.errors import UsageError

_HASH_BYTES = 8
_SHARES = 2.0 ** (8 * _HASH_BYTES)
_CREDENTIALS = b"authorization"


class Turn(enum.StrEnum):
    """What a caller gets; also the values of the header that asks for it."""

    ON = "on"
    """Rewritten searches."""
    OFF = "off"
    SHADOW = "shadow"
    """BM25's answer, while the rewritten search runs beside it."""


class Writes(enum.StrEnum):
    """Who makes the weights of documents that applications write."""

    SYNC = "sync"
    """The gateway, before they are sent on."""
    ENRICH = "enrich"
    """`csplade enrich`, later."""


@dataclass(frozen=True)
class Rollout:
    """Whose searches are rewritten."""

    share: float = 1.0
    """Of the callers, from 0 to 1; a configuration that asks for shadows and says nothing else means 0."""
    sticky_header: str = ""
    """Who has the same value in it has the same turn; empty or missing: the credentials and the address decide."""
    header: str = ""
    """In it a request may ask for a turn (`on`, `off`, `shadow`); empty: none is heeded."""
    shadow: bool = False
    """Whether the searches of the others run beside BM25's."""

    def turn(self, headers: Headers, caller: str) -> Turn:
        """Return what a request gets; `caller` is the address that it comes from."""
        asked = _value(headers, self.header)
        if asked in set(Turn):
            return Turn(asked)
        key = _value(headers, self.sticky_header) or f"{_value(headers, _CREDENTIALS.decode())} {caller}"
        digest = hashlib.blake2b(key.encode("latin-1"), digest_size=_HASH_BYTES).digest()
        if int.from_bytes(digest) < self.share * _SHARES:
            return Turn.ON
        return Turn.SHADOW if self.shadow else Turn.OFF


@dataclass(frozen=True)
class GatewayRules:
    """What is rewritten, for whom, and how long it may take."""

    config: RewriteConfig
    rollout: Rollout = field(default_factory=Rollout)
    writes: Writes = Writes.SYNC
    deadline_seconds: float = 0.3
    """For the vectors of one request's texts."""
    write_deadline_seconds: float = 30.0
    """For those of one request's documents."""
    cached_vectors: int = 4096
    """Vectors of queries that each worker keeps."""
    longest_query: int = 4000
    """Characters of one text that a search may have encoded."""
    lookup_deadline_seconds: float = 2.0
    """For what the cluster is asked about the indexes that a request names."""
    harmless_headers: tuple[str, ...] = ()
    """Headers on which nobody's rights depend, beside those that are known."""
    largest_body: int = 16 * 2**20
    """Bytes, decompressed; what is larger passes as it is."""
    largest_search: int = 2 * 2**20
    """The same of a search that may be rewritten, as rewriting keeps other searches waiting."""
    largest_sent: int = 100 * 2**20
    """Bytes of what is made of it: the `http.max_content_length` of clusters, which is this by default."""

    def for_index(self, name: str) -> IndexRules | None:
        """Return the rules of an index (or alias), None if it has none or they cover nothing."""
        rules = self.config.for_index(name)
        return rules if rules is not None and rules.field_map.coverages else None

    @property
    def empty(self) -> bool:
        """Return whether nothing can ever be rewritten."""
        return not any(rules.field_map.coverages for rules in self.config.rules)

    @property
    def hide_weights(self) -> bool:
        """Return whether weights of any index are kept out of what is read."""
        return any(rules.hide_weights for rules in self.config.rules)

    def largest_read(self, search: bool) -> int:
        """Return how many bytes are gathered of a body; `search`: only to be rewritten, unless weights are hidden."""
        return self.largest_search if search and not self.hide_weights else self.largest_body

    @property
    def typed(self) -> bool:
        """Return whether the cluster knows paths with the type of documents in them."""
        dialects = {rules.options.dialect for rules in self.config.rules}
        return any(each.distribution == "elasticsearch" and numbers_of(each.version)[0] == 7 for each in dialects)

    def towards(self, dialect: Dialect) -> "GatewayRules":
        """Return the same rules for a kind of cluster."""
        return replace(self, config=self.config.towards(dialect))


def load_rules(path: Path) -> GatewayRules:
    """Read a configuration, JSON if the file's name ends so, else TOML.

    Raises:
        UsageError: it cannot be read; the message names the key.
    """
    return read_rules(load_values(path), path.name)


def read_rules(raw: object, place: str) -> GatewayRules:
    """Return the rules that `raw` describes; `place` is what messages call the file.

    Raises:
        UsageError: an unknown key, or a value of another type or out of range.
    """
    config = read_config(raw, place)
    table = _checked(raw.get("gateway", {}) if isinstance(raw, Mapping) else {}, f"{place}: gateway")
    usual = GatewayRules(config)
    longest = table.get("longest_query", usual.longest_query)
    largest = table.get("largest_body", usual.largest_body)
    rollout = Rollout(share=0.0 if table.get("shadow") else 1.0)
    return GatewayRules(
        _shortened(config, longest),
        Rollout(
            share=table.get("rollout", rollout.share),
            sticky_header=table.get("sticky_header", rollout.sticky_header).lower(),
            header=table.get("rollout_header", rollout.header).lower(),
            shadow=table.get("shadow", rollout.shadow),
        ),
        writes=Writes(table.get("writes", usual.writes)),
        deadline_seconds=table.get("deadline_ms", usual.deadline_seconds * 1000) / 1000,
        write_deadline_seconds=table.get("write_deadline_s", usual.write_deadline_seconds),
        cached_vectors=table.get("cached_vectors", usual.cached_vectors),
        longest_query=longest,
        lookup_deadline_seconds=table.get("lookup_deadline_ms", usual.lookup_deadline_seconds * 1000) / 1000,
        harmless_headers=tuple(name.lower() for name in table.get("harmless_headers", usual.harmless_headers)),
        largest_body=largest,
        largest_search=min(largest, table.get("largest_search", usual.largest_search)),
        largest_sent=table.get("largest_sent", usual.largest_sent),
    )


def _shortened(config: RewriteConfig, longest: int) -> RewriteConfig:
    """Return the same rules by which no longer query strings are taken apart."""
    limited = (replace(rules, options=replace(rules.options, longest_text=longest)) for rules in config.rules)
    return replace(config, rules=tuple(limited))


def _number(low: float, high: float) -> Callable[[object], bool]:
    return lambda value: type(value) in (int, float) and isinstance(value, int | float) and low <= value <= high


def _whole(value: object) -> bool:
    return type(value) is int and value >= 1


def _name(value: object) -> bool:
    return isinstance(value, str) and value.isascii() and value != ""


def _names(value: object) -> bool:
    return isinstance(value, list) and all(map(_name, value))


_ABOVE_ZERO = math.ulp(0.0)
_DAY_MS = 86_400_000.0
_KEYS: Mapping[str, tuple[Callable[[object], bool], str]] = {
    "rollout": (_number(0.0, 1.0), "a number from 0 to 1"),
    "rollout_header": (_name, "the name of a header"),
    "sticky_header": (_name, "the name of a header"),
    "shadow": (lambda value: isinstance(value, bool), "true or false"),
    "writes": (lambda value: value in set(Writes), f"one of {', '.join(Writes)}"),
    "deadline_ms": (_number(_ABOVE_ZERO, _DAY_MS), "a number of milliseconds above 0"),
    "write_deadline_s": (_number(_ABOVE_ZERO, _DAY_MS / 1000), "a number of seconds above 0"),
    "cached_vectors": (_whole, "a whole number of at least 1"),
    "longest_query": (_whole, "a whole number of characters, at least 1"),
    "lookup_deadline_ms": (_number(_ABOVE_ZERO, _DAY_MS), "a number of milliseconds above 0"),
    "harmless_headers": (_names, "a list of names of headers"),
    "largest_body": (_whole, "a whole number of bytes, at least 1"),
    "largest_search": (_whole, "a whole number of bytes, at least 1"),
    "largest_sent": (_whole, "a whole number of bytes, at least 1"),
}


def _checked(raw: object, place: str) -> dict[str, Any]:  # Any: values of the kinds in `_KEYS`
    """Return a table all of whose keys are known, and of their kind."""
    if not isinstance(raw, Mapping):
        raise UsageError(f"{place} is {raw!r}, it must be a table")
    for key, value in raw.items():
        if key not in _KEYS:
            near = get_close_matches(key, _KEYS, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(_KEYS)}"
            raise UsageError(f"{place}: there is no setting {key}; {hint}")
        fits, wanted = _KEYS[key]
        if not fits(value):
            raise UsageError(f"{place}.{key} is {value!r}, it must be {wanted}")
    return dict(raw)


def _value(headers: Headers, name: str) -> str:
    wanted = name.encode()
    return next((value.decode("latin-1") for key, value in headers if key == wanted), "") if name else ""
