"""Runs a rewritten search; if the cluster does not run it as a whole, the caller's own runs instead, once."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from csplade.integration.gateway_checks import Ran, how, sizes
from csplade.integration.gateway_delivery import Delivery
from csplade.integration.gateway_ease import at_ease
from csplade.integration.gateway_request import Request
from csplade.integration.gateway_searches import Sent
from csplade.integration.gateway_targets import Kind
from csplade.integration.gateway_upstream import Answer
from csplade.integration.gateway_verdict import Outcome, Verdict, Why, failed_open, passed


async def run(
    delivery: Delivery, request: Request, sent: Sent, own: Callable[[], Awaitable[Answer]]
) -> tuple[Answer, Verdict]:
    """Send a rewritten search, and return the answer to it, or to the caller's own that `own` sends.

    Raises:
        Refusal: there is no answer.
    """
    answer = await delivery.send(request, sent.params, sent.body, request.exchange)
    ran = await _how(request.target.kind, answer, sent.places)
    if ran is not Ran.NOT:
        delivery.count_left(sent.left)
        why = Why.TIMED_OUT if ran is Ran.LATE else Why.NONE
        return answer, Verdict(Outcome.REWRITTEN, why, sent.detail)
    await answer.close()
    again = await own()
    # What the cluster refuses in any case is nobody's failure here.
    return again, (failed_open if again.status < 300 else passed)(Why.CLUSTER_REFUSED)


async def _how(kind: Kind, answer: Answer, places: Sequence[int] | None) -> Ran:
    """Return how a rewritten search ran; what its answer does not tell, as it is filtered, is believed to be well."""
    for most in sizes(kind):
        start = await answer.peek(most)
        ran = await at_ease(len(start), partial(how, kind, answer.status, answer.headers, start, most, places))
        if ran is not None:
            return ran
    return Ran.WHOLE
