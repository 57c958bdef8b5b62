"""Sends what a caller sent, or something in its place, and gives the caller the answer with the verdict."""

from collections.abc import Sequence

from csplade.integration.gateway_headers import answer_headers, readable_answer
from csplade.integration.gateway_log import Exchange
from csplade.integration.gateway_metrics import Metrics
from csplade.integration.gateway_params import Params
from csplade.integration.gateway_request import Gathered, Request
from csplade.integration.gateway_sending import Message, Sender, with_body
from csplade.integration.gateway_upstream import Answer
from csplade.integration.gateway_verdict import VERDICT_HEADER, Verdict


class Delivery:
    """What searches and writes have in common."""

    def __init__(self, sender: Sender, metrics: Metrics) -> None:
        self._sender, self._metrics = sender, metrics

    def count_left(self, clauses: Sequence[str]) -> None:
        """Count the clauses that passed in a search that was rewritten else."""
        for clause in clauses:
            self._metrics.left(clause)

    async def as_it_is(self, request: Request, body: Gathered, verdict: Verdict) -> None:
        """Send what the caller sent, and give the answer.

        Raises:
            Refusal: the answer was not begun, and the gateway has to give one itself.
        """
        await self.give(request, await self.original(request, body), verdict)

    async def plainly(self, request: Request, body: Gathered) -> None:
        """Send what the caller sent, and give the answer without a word of what was done.

        Raises:
            Refusal: the answer was not begun, and the gateway has to give one itself.
        """
        answer = await self.original(request, body)
        await request.transfer.answer(answer, answer_headers(answer.headers))

    async def original(self, request: Request, body: Gathered) -> Answer:
        """Send what the caller sent.

        Raises:
            Refusal: there is no answer.
        """
        return await self._sender.send(request.message, body.body, request.exchange)

    async def send(self, request: Request, params: Params, body: bytes, exchange: Exchange) -> Answer:
        """Send other parameters and another body; the answer can be looked into, however its caller wants it packed.

        Raises:
            Refusal: there is no answer.
        """
        readable = readable_answer(request.headers)
        headers, frame = with_body(readable, len(body), not request.message.frame.empty)
        query = params.written()
        target = request.path + b"?" + query if query else request.path
        return await self._sender.send(Message(request.message.method, target, headers, frame), lambda: body, exchange)

    async def ask(self, request: Request, path: bytes, body: bytes, exchange: Exchange, method: str = "POST") -> Answer:
        """Ask the cluster something else with the caller's credentials: send some JSON to another path.

        Raises:
            Refusal: there is no answer.
        """
        # Its own kind of content may be that of several lines.
        headers, frame = with_body(readable_answer(request.headers), len(body), had_body=False)
        return await self._sender.send(Message(method, path, headers, frame), lambda: body, exchange)

    async def give(self, request: Request, answer: Answer, verdict: Verdict) -> None:
        """Give the caller an answer, and say what was done.

        Raises:
            Refusal: the cluster breaks off.
        """
        told = self._told(request, verdict)
        await request.transfer.answer(answer, [*answer_headers(answer.headers), told])

    async def instead(self, request: Request, answer: Answer, body: bytes, verdict: Verdict) -> None:
        """Give another body in an answer's place, in the clear, and say what was done."""
        await answer.close()
        told = self._told(request, verdict)
        left_out = (b"content-length", b"content-encoding")
        kept = [(name, value) for name, value in answer_headers(answer.headers) if name.lower() not in left_out]
        await request.transfer.own(answer.status, [*kept, told], body)

    def _told(self, request: Request, verdict: Verdict) -> tuple[bytes, bytes]:
        """Count what was done, write it down, and return the header that says so."""
        self._metrics.judged(verdict)
        header = verdict.header()
        request.exchange.verdict = header.decode()
        return VERDICT_HEADER, header
