"""Finds out which rules the indexes have that a request names: aliases and wildcards are asked of the cluster.

It is asked with the caller's own credentials, and what it says is good for a few seconds.
"""

import hashlib
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote
from weakref import WeakValueDictionary

from csplade.integration.calibrate import CALIBRATION_KEY, kept_calibration
from csplade.integration.gateway_json import ODD_ANSWER, read_json, write_json
from csplade.integration.gateway_log import Exchange
from csplade.integration.gateway_refusals import Headers, Refusal
from csplade.integration.gateway_rules import GatewayRules
from csplade.integration.gateway_searches import Rules
from csplade.integration.gateway_sending import Sender
from csplade.integration.gateway_verdict import Why
from csplade.integration.rewrite_config import IndexRules
from csplade.integration.templates import META_KEY
from csplade.pipelines.calibration import Calibration

_GOOD_SECONDS = 5.0
_MOST_KEPT = 4096
_LARGEST = 8 * 2**20
# Who may see different indexes is told apart by them.
_CALLER = (b"authorization", b"cookie", b"es-security-runas-user", b"x-proxy-user", b"x-proxy-roles", b"securitytenant")
_META = f"filter_path=*.mappings._meta.{META_KEY}.fingerprint"
# 30 kB: asked for where one index is meant, as those of several are not one.
_CALIBRATION = f"{_META},*.mappings._meta.{META_KEY}.{CALIBRATION_KEY}"
_UNNAMED = "*"


class Resolver:
    """Knows the rules by the names that callers use; `fingerprint` is that of the encoder."""

    def __init__(self, sender: Sender, rules: GatewayRules, fingerprint: str | None) -> None:
        self._sender, self._rules, self._fingerprint = sender, rules, fingerprint
        self._known: dict[bytes, tuple[float, Rules]] = {}
        self._calibrations: WeakValueDictionary[bytes, Calibration] = WeakValueDictionary()
        self._look_again = 0.0

    async def rules_of(self, names: str, wildcards: str | None, headers: Headers, exchange: Exchange) -> Rules:
        """Return the rules that all indexes share, or why there are none.

        `names` as a caller writes them, empty for all indexes; `wildcards` is the caller's `expand_wildcards`.
        """
        names = _UNNAMED if names in ("", "_all") else names
        if ":" in names:
            # Indexes of another cluster.
            return Why.UNRESOLVED
        key = _key(names, wildcards, headers)
        good_until, found = self._known.get(key, (0.0, Why.NONE))
        if time.monotonic() < good_until:
            return found
        try:
            found = await self._ask(names, wildcards, headers, exchange)
        except (Refusal, *ODD_ANSWER):
            # The request itself will meet the same trouble, and its caller be told of it.
            return Why.UNRESOLVED
        self._forget_old()
        self._known[key] = (time.monotonic() + _GOOD_SECONDS, found)
        return found

    def _forget_old(self) -> None:
        """Drop what is good no more: it holds what was measured of indexes that nobody may ask for again."""
        now = time.monotonic()
        if now >= self._look_again:
            self._known = {key: each for key, each in self._known.items() if now < each[0]}
            self._look_again = now + _GOOD_SECONDS
        if len(self._known) >= _MOST_KEPT:
            self._known.clear()

    async def _ask(self, names: str, wildcards: str | None, headers: Headers, exchange: Exchange) -> Rules:
        quoted = quote(names, safe=",*").encode()
        query = b"" if wildcards is None else f"expand_wildcards={quote(wildcards)}".encode()
        target = b"/_resolve/index/" + quoted + (b"?" + query if query else b"")
        status, body = await self._sender.ask(target, headers, exchange, _LARGEST)
        each = self._of_answer(body) if status == 200 else self._of_names(names)
        found = _shared(each)
        if isinstance(found, Why) or self._fingerprint is None:
            return found
        wanted = (_CALIBRATION if len(each) == 1 else _META).encode()
        target = b"/" + quoted + b"/_mapping?" + b"&".join(filter(None, (wanted, query)))
        status, body = await self._sender.ask(target, headers, exchange, _LARGEST)
        # Who may not see mappings may still search.
        if status != 200:
            return found
        ours = [index["mappings"]["_meta"][META_KEY] for index in read_json(body).values()]
        if any(one["fingerprint"] != self._fingerprint for one in ours):
            return Why.OTHER_ENCODER
        return self._fitted(found, ours[0]) if len(ours) == 1 else found

    def _fitted(self, rules: IndexRules, ours: Mapping[str, Any]) -> IndexRules:  # Any: JSON values
        """Return rules with what was measured in the index; all callers of one index share it."""
        found = kept_calibration(ours) if rules.options.plan.calibrated else None
        if found is None:
            return rules
        key = hashlib.blake2b(write_json(ours[CALIBRATION_KEY])).digest()
        return replace(rules, options=replace(rules.options, calibration=self._calibrations.setdefault(key, found)))

    def _of_answer(self, body: bytes) -> list[IndexRules | None]:
        """Return the rules of each index; one that has none itself has those of the alias that it was named by."""
        answer = read_json(body)
        by_index: dict[str, list[str]] = {index["name"]: [] for index in answer["indices"]}
        for kind, below in (("aliases", "indices"), ("data_streams", "backing_indices")):
            for alias in answer[kind]:
                for index in _listed(alias[below]):
                    by_index.setdefault(index, []).append(alias["name"])
        return [self._first((index, *aliases)) for index, aliases in by_index.items()]

    def _of_names(self, names: str) -> list[IndexRules | None]:
        """Return the rules by the names alone: who may search may not see aliases."""
        each = names.split(",")
        plain = not any("*" in name or name.startswith(("-", "<")) for name in each)
        return [self._rules.for_index(name) for name in each] if plain else []

    def _first(self, names: Iterable[str]) -> IndexRules | None:
        return next((rules for name in names if (rules := self._rules.for_index(name)) is not None), None)


def _shared(found: list[IndexRules | None]) -> Rules:
    if not found:
        return Why.UNRESOLVED
    first = found[0]
    if any(rules is not first for rules in found):
        return Why.MIXED_RULES
    return Why.NO_RULES if first is None else first


def _listed(names: str | list[str]) -> list[str]:
    # A single name is no list in some versions.
    return [names] if isinstance(names, str) else names


def _key(names: str, wildcards: str | None, headers: Headers) -> bytes:
    caller = [value for name, value in headers if name in _CALLER]
    digest = hashlib.blake2b(digest_size=16)
    for part in (names.encode(errors="surrogatepass"), (wildcards or "").encode(errors="surrogatepass"), *caller):
        digest.update(len(part).to_bytes(4) + part)
    return digest.digest()
