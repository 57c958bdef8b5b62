"""What there is to do for a search: which rules its indexes have, and how it is rewritten once there are vectors."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from csplade.integration.gateway_ease import Late, at_ease, in_time
from csplade.integration.gateway_items import read_items, too_many
from csplade.integration.gateway_json import UnreadJson
from csplade.integration.gateway_moments import Moments
from csplade.integration.gateway_names import Names
from csplade.integration.gateway_pits import pit_of
from csplade.integration.gateway_request import Gathered, Request
from csplade.integration.gateway_resolve import Found, Resolver
from csplade.integration.gateway_rules import GatewayRules
from csplade.integration.gateway_searches import (
    Asked,
    Partly,
    Rules,
    Sent,
    rewritten_items,
    rewritten_search,
)
from csplade.integration.gateway_targets import SEVERAL, TEMPLATES, Kind
from csplade.integration.gateway_templates import NOTHING_RENDERED, Rendered, unrendered
from csplade.integration.gateway_vectors import TimedEncode
from csplade.integration.gateway_verdict import Verdict, Why, failed_open, passed

# A search counts for so many bytes at least: rewriting one takes time, however short it is.
_SHORTEST = 2**12
Make = Callable[[TimedEncode, Rendered], Sent | Partly | Why]


@dataclass(frozen=True)
class Work:
    """How a search is rewritten once there are vectors."""

    make: Make
    read: int
    """Bytes of what is rewritten, but for what is rendered."""
    templates: Mapping[int, bytes] = field(default_factory=dict)
    """Those that the cluster has to fill before, by their places in the request."""
    rendered: Rendered = NOTHING_RENDERED
    """What it makes of them."""
    pit: str | None = None
    """The point in time that a single search is in."""

    def made(self, timed: TimedEncode) -> Sent | Partly | Why:
        """Return what is sent instead, or why nothing is."""
        return self.make(timed, self.rendered)

    @property
    def size(self) -> int:
        """Return the bytes of what is rewritten."""
        return self.read + self.rendered.size


class Finding:
    """Finds out what there is to do."""

    def __init__(self, rules: GatewayRules, resolver: Resolver, moments: Moments) -> None:
        self._rules, self._resolver, self._moments = rules, resolver, moments

    async def __call__(self, request: Request, body: Gathered) -> Work | Verdict:
        """Return how a search is rewritten, or what becomes of the caller's own."""
        plain = await at_ease(body.size, lambda: body.read(self._rules.largest_search))
        if isinstance(plain, Why):
            return passed(plain)
        if request.answered_otherwise:
            return passed(Why.NOT_READ)
        try:
            found = await (self._several if request.target.kind in SEVERAL else self._single)(request, plain)
        except UnreadJson:
            return passed(Why.NOT_READ)
        except Late:
            return failed_open(Why.ENCODER_SLOW)
        return passed(found) if isinstance(found, Why) else found

    async def _single(self, request: Request, plain: bytes) -> Work | Why:
        body = request.whole(plain)
        kind, names = request.target.kind, request.target.names
        rules = (await self.found(request, body)).searched
        if isinstance(rules, Why):
            return rules
        pit = None if names else pit_of(plain)
        make = partial(rewritten_search, Asked(kind, request.params, plain), rules)
        return await self._work(request, make, [body], [rules], pit)

    async def _several(self, request: Request, plain: bytes) -> Work | Why:
        if too_many(plain):
            return Why.TOO_LARGE
        items = await at_ease(len(plain), lambda: read_items(plain))
        found = await self.found_each(request, [(each.names, each.body) for each in items])
        rules = [each.searched for each in found]
        reasons = {each for each in rules if isinstance(each, Why)}
        if all(isinstance(each, Why) for each in rules):
            return reasons.pop() if len(reasons) == 1 else Why.NOTHING
        make = partial(rewritten_items, request.target.kind, request.params, items, rules)
        return await self._work(request, make, [each.body for each in items], rules, None)

    async def _work(
        self, request: Request, make: Make, bodies: list[bytes], rules: list[Rules], pit: str | None
    ) -> Work:
        size = sum(max(len(body), _SHORTEST) for body in bodies)
        templates: dict[int, bytes] = {}
        if request.target.kind in TEMPLATES and not request.params.doubtful and not _passed_over(request):
            seconds = self._rules.deadline_seconds
            templates = await in_time(size, seconds, lambda check: unrendered(bodies, rules, check))
        return Work(make, size, templates, pit=pit)

    async def found_each(self, request: Request, searches: Sequence[tuple[Names, bytes]]) -> list[Found]:
        """Return what is known of the indexes of each of several searches, by its own names and its body.

        Raises:
            UnreadJson: the body of one is no plain JSON.
        """
        size = sum(len(body) for _, body in searches)
        meant = await at_ease(size, lambda: [self._meant(request, own, body) for own, body in searches])
        known = [names for names in meant if names is not None]
        found = await self._resolver.found_each(known, request.headers)
        return [Found(Why.UNKNOWN_PIT) if names is None else found[names] for names in meant]

    async def found(self, request: Request, body: bytes) -> Found:
        """Return what is known of the indexes of a single search.

        Raises:
            UnreadJson: its body is no plain JSON.
        """
        (found,) = await self.found_each(request, [(Names(""), body)])
        return found

    def _meant(self, request: Request, own: Names, body: bytes) -> Names | None:
        """Return the indexes of a search as they are named; None: those of a point in time opened elsewhere."""
        names = own.within(Names.of_params(request.target.names, request.params))
        pit = None if names.text else pit_of(body)
        if pit is None:
            return names
        opened = self._moments.names(pit)
        # It may have been opened in spite of a name that no index has.
        return None if opened is None else Names(opened, ignore_unavailable="true")


def _passed_over(request: Request) -> bool:
    """Return whether it is a template beside a query in the parameters, which clusters pass over."""
    return request.target.kind is Kind.TEMPLATE and request.params.get("q") is not None
