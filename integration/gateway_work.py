"""What there is to do for a search: which rules its indexes have, and how it is rewritten once there are vectors."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from csplade.integration.gateway_ease import SMALL_BYTES, at_ease
from csplade.integration.gateway_json import UnreadJson
from csplade.integration.gateway_moments import Moments
from csplade.integration.gateway_pits import pit_of
from csplade.integration.gateway_request import Gathered, Request
from csplade.integration.gateway_resolve import Resolver
from csplade.integration.gateway_rules import GatewayRules
from csplade.integration.gateway_searches import (
    Asked,
    Partly,
    Rules,
    Sent,
    read_items,
    rewritten_items,
    rewritten_search,
)
from csplade.integration.gateway_targets import SEVERAL, TEMPLATES
from csplade.integration.gateway_templates import NOTHING_RENDERED, Rendered, unrendered
from csplade.integration.gateway_verdict import Verdict, Why, passed
from csplade.integration.rewrite import Encode

Make = Callable[[Encode, Rendered], Sent | Partly | Why]


@dataclass(frozen=True)
class Work:
    """How a search is rewritten once there are vectors."""

    make: Make
    quick: bool
    """Whether making it takes no time that others would have to wait, but for what is rendered."""
    templates: Mapping[int, bytes] = field(default_factory=dict)
    """Those that the cluster has to fill before, by their places in the request."""
    rendered: Rendered = NOTHING_RENDERED
    """What it makes of them."""
    pit: str | None = None
    """The point in time that a single search is in."""

    def made(self, encode: Encode) -> Sent | Partly | Why:
        """Return what is sent instead, or why nothing is."""
        return self.make(encode, self.rendered)

    @property
    def small(self) -> bool:
        """Return whether making it takes no time that others would have to wait."""
        return self.quick and self.rendered.small


class Finding:
    """Finds out what there is to do."""

    def __init__(self, rules: GatewayRules, resolver: Resolver, moments: Moments) -> None:
        self._rules, self._resolver, self._moments = rules, resolver, moments

    async def __call__(self, request: Request, body: Gathered) -> Work | Verdict:
        """Return how a search is rewritten, or what becomes of the caller's own."""
        plain = await at_ease(body.size, lambda: body.plain(self._rules.largest_body))
        if plain is None:
            return passed(Why.NOT_READ if body.whole else Why.TOO_LARGE)
        if request.answered_otherwise:
            return passed(Why.NOT_READ)
        try:
            found = await (self._several if request.target.kind in SEVERAL else self._single)(request, plain)
        except UnreadJson:
            return passed(Why.NOT_READ)
        return passed(found) if isinstance(found, Why) else found

    async def _single(self, request: Request, plain: bytes) -> Work | Why:
        body = plain or (request.params.source or "").encode(errors="surrogatepass")
        kind, names = request.target.kind, request.target.names
        rules = await self.rules_of(request, names, body)
        if isinstance(rules, Why):
            return rules
        pit = None if names else pit_of(plain)
        make = partial(rewritten_search, Asked(kind, request.params, plain), rules)
        return await self._work(request, make, [body], [rules], pit)

    async def _several(self, request: Request, plain: bytes) -> Work | Why:
        items = read_items(plain)
        rules = await self.rules_of_each(request, [(each.names, each.body) for each in items])
        reasons = {each for each in rules if isinstance(each, Why)}
        if all(isinstance(each, Why) for each in rules):
            return reasons.pop() if len(reasons) == 1 else Why.NOTHING
        make = partial(rewritten_items, request.target.kind, request.params, items, rules)
        return await self._work(request, make, [each.body for each in items], rules, None)

    async def _work(
        self, request: Request, make: Make, bodies: list[bytes], rules: list[Rules], pit: str | None
    ) -> Work:
        size = sum(map(len, bodies))
        templates: dict[int, bytes] = {}
        if request.target.kind in TEMPLATES and not request.params.doubtful:
            templates = await at_ease(size, lambda: unrendered(bodies, rules))
        return Work(make, size <= SMALL_BYTES, templates, pit=pit)

    async def rules_of_each(self, request: Request, searches: Sequence[tuple[str, bytes]]) -> list[Rules]:
        """Return the rules of each of several searches, by the names that it has itself and by its body.

        Raises:
            UnreadJson: the body of one is no plain JSON.
        """
        rules: list[Rules] = []
        for own, body in searches:
            # Each waits for a limited time; all of them one after the other must not.
            late = rules[-1:] == [Why.LOOKUP_SLOW]
            names = own or request.target.names
            rules.append(Why.LOOKUP_SLOW if late else await self.rules_of(request, names, body))
        return rules

    async def rules_of(self, request: Request, names: str, body: bytes) -> Rules:
        """Return the rules that the indexes of one search share, or why there are none.

        Raises:
            UnreadJson: its body is no plain JSON.
        """
        pit = None if names else pit_of(body)
        found = names if pit is None else self._moments.names(pit)
        if found is None:
            return Why.UNKNOWN_PIT
        return await self._resolver.rules_of(found, request.params.get("expand_wildcards"), request.headers)
