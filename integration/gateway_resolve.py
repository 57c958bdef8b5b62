"""Finds out which rules the indexes have that a request names: aliases, wildcards, mappings are asked of the cluster.

It is asked with the caller's own credentials, and what it says is good for a few seconds.
"""

import asyncio
import hashlib
import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote
from weakref import WeakValueDictionary

from csplade.integration.calibrate import CALIBRATION_KEY, kept_calibration
from csplade.integration.gateway_callers import caller_key
from csplade.integration.gateway_fields import (
    Fields,
    capable_fields,
    dialect_of,
    merged,
    read_capabilities,
    read_fields,
    wanted_fields,
)
from csplade.integration.gateway_json import ODD_ANSWER, read_json, write_json
from csplade.integration.gateway_log import Exchange
from csplade.integration.gateway_lookup import Lookup
from csplade.integration.gateway_names import Names
from csplade.integration.gateway_refusals import Headers, Refusal
from csplade.integration.gateway_rules import GatewayRules
from csplade.integration.gateway_searches import Rules
from csplade.integration.gateway_sending import Sender
from csplade.integration.gateway_verdict import Why
from csplade.integration.rewrite_config import IndexRules
from csplade.integration.templates import META_KEY
from csplade.pipelines.calibration import Calibration

_LARGEST = 8 * 2**20
_FINGERPRINT = f"_meta.{META_KEY}.fingerprint"
# 30 kB: asked for where one index is meant, as those of several are not one.
_CALIBRATION = f"_meta.{META_KEY}.{CALIBRATION_KEY}"
_UNNAMED = "*"
_AT_ONCE = 8
_WELL, _WHO_ARE_YOU, _NO_INDEX = 200, 401, 404
# Of who may not know more than this the names alone decide.
_UNTOLD = {_WHO_ARE_YOU: Why.UNKNOWN_CALLER, _NO_INDEX: Why.UNRESOLVED}

Json = Mapping[str, Any]  # Any: JSON values


@dataclass(frozen=True)
class Found:
    """What is known of the indexes that a request names."""

    rules: Rules
    """That all of them share, or why there are none."""
    fields: Fields | None = None
    """That all of them have; None: the caller may not know."""
    shared: Rules | None = None
    """The rules whether or not the indexes can be searched by them, or are there yet; None: there is no more to say."""

    @property
    def hiding(self) -> Rules:
        """Return the rules that say what is hidden, or why there are none."""
        return self.rules if self.shared is None or self.rules is Why.UNKNOWN_CALLER else self.shared

    @property
    def searched(self) -> Rules:
        """Return the rules with the dialect that the fields of the indexes speak, or why they are not searched."""
        if isinstance(self.rules, Why) or self.fields is None:
            return self.rules
        options = self.rules.options
        dialect = dialect_of(self.fields.kinds, options.dialect)
        if isinstance(dialect, Why) or dialect is options.dialect:
            return dialect if isinstance(dialect, Why) else self.rules
        return replace(self.rules, options=replace(options, dialect=dialect))


class Resolver:
    """Knows the rules by the names that callers use; `fingerprint` is that of the encoder."""

    def __init__(self, sender: Sender, rules: GatewayRules, fingerprint: str | None) -> None:
        self._sender, self._rules, self._fingerprint = sender, rules, fingerprint
        self._lookup = Lookup(rules.lookup_deadline_seconds, Found(Why.LOOKUP_SLOW))
        self._calibrations: WeakValueDictionary[bytes, Calibration] = WeakValueDictionary()

    async def found(self, names: Names, headers: Headers) -> Found:
        """Return all that is known of the indexes that a caller with these headers names."""
        if names.text in ("", "_all"):
            names = replace(names, text=_UNNAMED)
        if ":" in names.text:
            # Indexes of another cluster.
            return Found(Why.UNRESOLVED)
        try:
            quoted, options = names.written()
            key = caller_key(headers, self._rules.harmless_headers, names.text, options.decode())
            return await self._lookup.of(key, lambda: self._ask(names.text, quoted, options, headers))
        except (Refusal, UnicodeEncodeError, *ODD_ANSWER):
            # The request itself will meet the same trouble, and its caller be told of it.
            return Found(Why.UNRESOLVED)

    async def found_each(self, names: Iterable[Names], headers: Headers) -> dict[Names, Found]:
        """Return what is known by each of several names, all of it within the time that one may take."""
        until = time.monotonic() + self._rules.lookup_deadline_seconds
        each, found = [*dict.fromkeys(names)], dict[Names, Found]()
        for start in range(0, len(each), _AT_ONCE):
            some = each[start : start + _AT_ONCE]
            told = await asyncio.gather(*(self._until(until, name, headers) for name in some))
            found.update(zip(some, told, strict=True))
        return found

    async def _until(self, until: float, names: Names, headers: Headers) -> Found:
        left = until - time.monotonic()
        if left <= 0:
            return Found(Why.LOOKUP_SLOW)
        try:
            async with asyncio.timeout(left):
                return await self.found(names, headers)
        except TimeoutError:
            return Found(Why.LOOKUP_SLOW)

    async def _ask(self, names: str, quoted: bytes, options: bytes, headers: Headers) -> Found:
        status, body = await self._told(b"/_resolve/index/" + quoted + (b"?" + options if options else b""), headers)
        if status == _WHO_ARE_YOU:
            return Found(Why.UNKNOWN_CALLER)
        indexes = self._of_answer(body) if status == _WELL else {}
        shared = _shared([*indexes.values()] or self._of_names(names))
        if status == _WELL and not indexes:
            return Found(Why.UNRESOLVED, shared=shared)
        if isinstance(shared, Why):
            return Found(shared)
        return replace(await self._by_mappings(shared, indexes, quoted, options, headers), shared=shared)

    async def _by_mappings(
        self, rules: IndexRules, indexes: Collection[str], quoted: bytes, options: bytes, headers: Headers
    ) -> Found:
        """Return the rules if what the mappings have fits them; `indexes`: those that are known to be meant."""
        wanted = [_FINGERPRINT, *wanted_fields(rules.field_map)] + [_CALIBRATION] * (len(indexes) <= 1)
        paths = quote(",".join(f"*.mappings.{path}" for path in wanted), safe=",*").encode()
        asked = b"&".join(filter(None, (b"filter_path=" + paths, options)))
        status, body = await self._told(b"/" + quoted + b"/_mapping?" + asked, headers)
        if status in _UNTOLD:
            return Found(_UNTOLD[status])
        if status != _WELL:
            return await self._by_capabilities(rules, Found(rules), quoted, options, headers)
        mappings = {name: index["mappings"] for name, index in read_json(body).items()}
        found = self._checked(rules, mappings)
        if mappings and (isinstance(found.rules, Why) or mappings.keys() >= {*indexes}):
            return found
        # Nothing is said of an index that has nothing of what is asked. With `ignore_unavailable`, and for wildcards,
        # Elasticsearch says nothing either of one whose mapping the caller may not see.
        bare = self._checked(rules, {**{name: {} for name in indexes}, **mappings})
        return await self._by_capabilities(rules, bare, quoted, options, headers)

    async def _by_capabilities(
        self, rules: IndexRules, untold: Found, quoted: bytes, options: bytes, headers: Headers
    ) -> Found:
        """Return the rules if the fields fit them: who may search may see these, though not the mapping.

        `untold` is returned to who may not.
        """
        names = quote(",".join(capable_fields(rules.field_map)), safe=",").encode()
        asked = b"&".join(filter(None, (b"include_unmapped=true&fields=" + names, options)))
        status, body = await self._told(b"/" + quoted + b"/_field_caps?" + asked, headers)
        if status == _NO_INDEX:
            return Found(Why.UNRESOLVED)
        if status != _WELL:
            return untold
        fields = read_capabilities(read_json(body)["fields"], rules.field_map)
        return Found(rules if fields.weights else Why.NO_FIELD, fields)

    async def _told(self, target: bytes, headers: Headers) -> tuple[int, bytes]:
        # It is asked for all who want to know, not for one exchange.
        return await self._sender.ask(target, headers, Exchange("GET", "", "", "", None), _LARGEST)

    def _checked(self, rules: IndexRules, mappings: Mapping[str, Json]) -> Found:
        """Return the rules if the mappings of all indexes fit them and the encoder."""
        fields = merged([read_fields(mapping, rules.field_map) for mapping in mappings.values()])
        if not fields.weights:
            return Found(Why.NO_FIELD, fields)
        ours = [mapping["_meta"][META_KEY] for mapping in mappings.values() if "_meta" in mapping]
        if self._fingerprint is not None and any(one.get("fingerprint") != self._fingerprint for one in ours):
            return Found(Why.OTHER_ENCODER, fields)
        alone = len(mappings) == 1 and ours != []
        return Found(self._fitted(rules, ours[0]) if alone else rules, fields)

    def _fitted(self, rules: IndexRules, ours: Json) -> IndexRules:
        """Return rules with what was measured in the index; all callers of one index share it."""
        found = kept_calibration(ours) if rules.options.plan.calibrated else None
        if found is None:
            return rules
        key = hashlib.blake2b(write_json(ours[CALIBRATION_KEY])).digest()
        return replace(rules, options=replace(rules.options, calibration=self._calibrations.setdefault(key, found)))

    def _of_answer(self, body: bytes) -> dict[str, IndexRules | None]:
        """Return the rules of each index; one that has none itself has those of the alias that it was named by."""
        answer = read_json(body)
        by_index: dict[str, list[str]] = {index["name"]: [] for index in answer["indices"]}
        for kind, below in (("aliases", "indices"), ("data_streams", "backing_indices")):
            for alias in answer[kind]:
                for index in _listed(alias[below]):
                    by_index.setdefault(index, []).append(alias["name"])
        return {index: self._first((index, *aliases)) for index, aliases in by_index.items()}

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
