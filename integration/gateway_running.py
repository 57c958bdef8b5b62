"""Runs a rewritten search; if the cluster does not run it as a whole, the caller's own runs instead, once."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from csplade.integration.gateway_checks import LONGEST_HEAD, Ran, how, sizes
from csplade.integration.gateway_delivery import Delivery
from csplade.integration.gateway_ease import at_ease
from csplade.integration.gateway_left_open import left_open
from csplade.integration.gateway_refusals import Refusal
from csplade.integration.gateway_request import Request
from csplade.integration.gateway_searches import Sent
from csplade.integration.gateway_targets import Kind
from csplade.integration.gateway_upstream import Answer
from csplade.integration.gateway_verdict import Outcome, Verdict, Why, failed_open, passed

_LARGEST_CLOSED = 2**16


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
    await _close(delivery, request, answer)
    again = await own()
    # What the cluster refuses in any case is nobody's failure here.
    return again, (failed_open if again.status < 300 else passed)(Why.CLUSTER_REFUSED)


async def _close(delivery: Delivery, request: Request, answer: Answer) -> None:
    """Close an answer that is not given, and in the cluster what its search left open."""
    try:
        left = left_open(request.path, await answer.start(LONGEST_HEAD)) if answer.status < 300 else None
        if left is not None:
            closed = await delivery.ask(request, left.path, left.body, request.exchange, "DELETE")
            await closed.peek(_LARGEST_CLOSED)
            await closed.close()
    except Refusal:
        # The caller's own search meets the same trouble, or none; what is open ends with the time that it was given.
        pass
    finally:
        await answer.close()


async def _how(kind: Kind, answer: Answer, places: Sequence[int] | None) -> Ran:
    """Return how a rewritten search ran; what its answer does not tell, as it is filtered, is believed to be well."""
    for most in sizes(kind):
        start = await answer.peek(most)
        ran = await at_ease(len(start), partial(how, kind, answer.status, answer.headers, start, most, places))
        if ran is not None:
            return ran
    return Ran.WHOLE
