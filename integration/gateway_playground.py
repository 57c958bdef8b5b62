"""What the page of comparisons asks: which indexes have rules, and one search in several modes, side by side.

    GET  /_csplade/indexes             {"indexes": [{"name", "mode", "fields"}, ...], "encoder": text or null}
    POST /_csplade/compare/INDEX       an ordinary search body in; out comes
        {"index": text, "note": text or null, "deadline_ms": number, "texts": [{"text", "ms", "terms": [[term, weight],
         ...]}, ...], "rankings": [see `gateway_ranking`, ...]}      with ?modes=bm25,replace those rankings alone

Everything is asked of the cluster with the caller's own credentials. Each search is sent twice: as the gateway would
send it, and that is timed; and once more for the explanations of its scores.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import quote

from csplade.integration.gateway_compared import BM25, JSON_KIND, read_asked, read_modes
from csplade.integration.gateway_ease import Late
from csplade.integration.gateway_headers import answer_headers
from csplade.integration.gateway_json import write_json
from csplade.integration.gateway_names import Names
from csplade.integration.gateway_pages import SAFE_HEADERS
from csplade.integration.gateway_ranking import Json, Prepared, ranking, shown_body, text_fields, told_error
from csplade.integration.gateway_refusals import Reason, Refusal
from csplade.integration.gateway_request import Request
from csplade.integration.gateway_resolve import Resolver
from csplade.integration.gateway_rules import GatewayRules
from csplade.integration.gateway_sending import EMPTY, Message, Sender, with_body
from csplade.integration.gateway_upstream import Answer
from csplade.integration.gateway_vectors import EncoderFailed, TextTooLong, TimedEncode, Vectors
from csplade.integration.gateway_verdict import Why
from csplade.integration.rewrite import RewriteMode, rewrite
from csplade.integration.rewrite_config import IndexRules
from csplade.integration.rewrite_report import JsonObject
from csplade.integration.snippet import words_of
from csplade.pipelines.sparse import SparseVector
from csplade.pipelines.vocab import readable

_LARGEST_ANSWER = 2**23
# People wait longer than applications do, and see whether it was too long for these.
_PATIENCE_SECONDS = 30.0
# About the page, not about what is asked of the cluster.
_OF_BROWSERS = (b"accept", b"accept-encoding", b"origin", b"referer", b"user-agent", b"expect")


@dataclass(frozen=True)
class Encoded:
    """A text's vector, and how long it took."""

    vector: SparseVector
    seconds: float


class Playground:
    """Answers what the page asks, for one worker."""

    def __init__(self, rules: GatewayRules, sender: Sender, vectors: Vectors) -> None:
        self._rules, self._sender, self._vectors = rules, sender, vectors
        self._resolver = Resolver(sender, rules, vectors.fingerprint)

    async def __call__(self, request: Request) -> None:
        """Answer one request.

        Raises:
            Refusal: it cannot be read, or there is no answer.
        """
        names = request.target.names
        wanted = "POST" if names else "GET"
        if request.message.method != wanted:
            raise Refusal(405, Reason.NO_SUCH_PAGE, f"this page of the gateway is asked with {wanted}")
        await (self._compare if names else self._indexes)(request)

    async def _indexes(self, request: Request) -> None:
        """Tell which indexes and aliases have rules, as far as the caller may know."""
        headers = [(name, value) for name, value in request.headers if not _of_browser(name)]
        message = Message("GET", b"/_resolve/index/*", headers, EMPTY)
        answer = await self._sender.send(message, lambda: None, request.exchange)
        if answer.status == 401:
            await _passed_on(request, answer)
            return
        try:
            names = _names(await answer.json(_LARGEST_ANSWER)) if answer.status == 200 else self._plain_names()
        finally:
            await answer.close()
        ruled = [(name, rules) for name in names if (rules := self._rules.for_index(name)) is not None]
        listed = [
            {"name": name, "mode": rules.options.mode.value, "fields": text_fields(rules.field_map)}
            for name, rules in ruled
        ]
        await _give(request, {"indexes": listed, "encoder": self._vectors.name})

    async def _compare(self, request: Request) -> None:
        """Run a search in several modes."""
        body, modes = await read_asked(request), read_modes(request.params.get("modes"))
        found = (await self._resolver.found(Names(request.target.names), request.headers)).searched
        rules, note = (None, _why_not(found)) if isinstance(found, Why) else (found, None)
        searches, texts = [Prepared(BM25, body)] if BM25 in modes or rules is None else [], dict[str, Encoded]()
        if rules is not None:
            try:
                rewritten, texts = await self._rewritten(body, rules, modes)
                searches += rewritten
            except TextTooLong:
                note = f"a text of it is longer than is encoded: searches like it pass as they are ({Why.LONG.value})"
            except Late:
                late = f"the encoder did not answer within {_PATIENCE_SECONDS:g} s, or too many ask it"
                note = f"{late}: searches pass as they are"
            except EncoderFailed:
                note = "the encoder is broken, see the gateway's log: searches pass as they are"
        rankings = []
        for prepared in searches:
            one = await self._ranking(request, prepared, rules, texts)
            if one is None:
                return
            rankings.append(one)
        told = {
            "index": request.target.names,
            "note": note,
            "deadline_ms": self._rules.deadline_seconds * 1000,
            "texts": [_told(text, encoded) for text, encoded in texts.items()],
            "rankings": rankings,
        }
        await _give(request, told)

    async def _rewritten(
        self, body: JsonObject, rules: IndexRules, modes: Sequence[str]
    ) -> tuple[list[Prepared], dict[str, Encoded]]:
        def work(timed: TimedEncode) -> tuple[list[Prepared], dict[str, Encoded]]:
            texts: dict[str, Encoded] = {}
            wanted = [mode for mode in RewriteMode if mode.value in modes]
            return [_prepared(body, rules, mode, timed, texts) for mode in wanted], texts

        return await self._vectors.aside(work, _PATIENCE_SECONDS)

    async def _ranking(
        self, request: Request, prepared: Prepared, rules: IndexRules | None, texts: Mapping[str, Encoded]
    ) -> Json | None:
        """Return one ranking; None: the caller has to say who it is, and has been told so."""
        began = time.perf_counter()
        answer = await self._search(request, prepared.body)
        if answer.status == 401:
            await _passed_on(request, answer)
            return None
        timed = await _closed(answer)
        told: Json = {**prepared.described(), "ms": (time.perf_counter() - began) * 1000}
        if answer.status >= 300:
            return {**told, "error": told_error(answer.status, timed)}
        again = await self._search(request, shown_body(prepared.body, rules))
        shown = await _closed(again)
        if again.status >= 300:
            return {**told, "error": told_error(again.status, shown)}
        if not isinstance(timed, dict) or not isinstance(shown, dict):
            return {**told, "error": "the cluster's answer is too large to be shown: ask for fewer hits"}
        return {**told, **ranking(timed, shown, rules, _marks(prepared, texts))}

    async def _search(self, request: Request, body: JsonObject) -> Answer:
        written = write_json(body)
        headers, frame = with_body(request.headers, len(written), had_body=True)
        kept = [(name, value) for name, value in headers if not _of_browser(name)]
        target = b"/" + quote(request.target.names, safe=",*").encode() + b"/_search"
        return await self._sender.send(Message("POST", target, kept, frame), lambda: written, request.exchange)

    def _plain_names(self) -> list[str]:
        """Return the indexes that the rules name, for callers who may not list what there is."""
        return [rules.pattern for rules in self._rules.config.rules if "*" not in rules.pattern]


def _prepared(
    body: JsonObject, rules: IndexRules, mode: RewriteMode, timed: TimedEncode, texts: dict[str, Encoded]
) -> Prepared:
    """Rewrite a search, and keep the vectors of its texts with the time that each took."""
    encoding = 0.0

    def kept(text: str) -> SparseVector:
        nonlocal encoding
        if text not in texts:
            began = time.perf_counter()
            texts[text] = Encoded(timed.encode(text), time.perf_counter() - began)
            encoding += texts[text].seconds
        return texts[text].vector

    began = time.perf_counter()
    done = rewrite(body, rules.field_map, kept, replace(rules.options, mode=mode), check=timed.check)
    return Prepared(mode.value, done.body, done.decisions, time.perf_counter() - began - encoding)


def _marks(prepared: Prepared, texts: Mapping[str, Encoded]) -> dict[str, float]:
    if prepared.mode == BM25:
        return words_of(" ".join(texts))
    return {readable(term).lower(): weight for encoded in texts.values() for term, weight in encoded.vector}


def _told(text: str, encoded: Encoded) -> Json:
    terms = [(readable(term), weight) for term, weight in encoded.vector]
    return {"text": text, "ms": encoded.seconds * 1000, "terms": terms}


def _why_not(why: Why) -> str:
    return f"the gateway passes searches of this index as they are ({why.value})"


def _names(answer: object) -> list[str]:
    """Return indexes and aliases, without those whose names begin with a dot."""
    if not isinstance(answer, dict):
        return []
    listed = [each["name"] for kind in ("aliases", "indices", "data_streams") for each in answer.get(kind, ())]
    return [name for name in listed if not name.startswith(".")]


async def _closed(answer: Answer) -> object:
    try:
        return await answer.json(_LARGEST_ANSWER)
    finally:
        await answer.close()


async def _passed_on(request: Request, answer: Answer) -> None:
    """Give the cluster's own answer, such as that the browser has to ask for a password."""
    await request.transfer.answer(answer, answer_headers(answer.headers))


async def _give(request: Request, told: Json) -> None:
    headers = [(name.encode(), value.encode()) for name, value in SAFE_HEADERS.items()]
    headers += [(b"content-type", JSON_KIND), (b"cache-control", b"no-store")]
    await request.transfer.own(200, headers, write_json(told))


def _of_browser(name: bytes) -> bool:
    return name in _OF_BROWSERS or name.startswith(b"sec-")
