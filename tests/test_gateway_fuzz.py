"""Requests made by chance, several callers at once: no answer is lost, mixed up, or the gateway's own 5xx.

`CSPLADE_FUZZ_CASES=200000 pytest tests/test_gateway_fuzz.py` tries that many others, half of them over the wire.
"""

import os
import socket
import threading
from collections.abc import Container, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from random import Random

import orjson
import pytest
from csplade.integration.gateway_bulk import read_actions
from csplade.integration.gateway_documents import Aim
from csplade.integration.gateway_drafts import read_many, read_one
from csplade.integration.gateway_items import read_items
from csplade.integration.gateway_json import UnreadJson, read_json
from csplade.integration.gateway_params import Params
from csplade.integration.gateway_searches import (
    Asked,
    ForbiddenSearch,
    Partly,
    Sent,
    rewritten_items,
    rewritten_search,
)
from csplade.integration.gateway_source import hide_in_body, hide_in_documents, hide_in_search
from csplade.integration.gateway_targets import SEVERAL, TEMPLATES, WRITES, Kind, read_target
from csplade.integration.gateway_templates import NOTHING_RENDERED, Rendered, unrendered
from csplade.integration.gateway_vectors import TimedEncode
from csplade.integration.gateway_verdict import Why
from csplade.integration.rewrite_config import IndexRules
from csplade.integration.rewrite_policy import RewriteMode, RewriteOptions
from csplade.tests.gateway_chances import NAME, Witness, make_request, witness
from csplade.tests.gateway_process import Answer, Gateway, Reader, ask, read_answer
from csplade.tests.gateway_searches import request, rules
from csplade.tests.gateway_words import rewriting
from csplade.tests.rewrite_bodies import make_body
from csplade.tests.rewrite_index import FIELD_MAP
from csplade.tests.waiting import wait_until
from csplade.tests.word_encoder import word_vector
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

CASES = int(os.environ.get("CSPLADE_FUZZ_CASES", "4000"))
CALLERS, IN_A_ROW = 24, 5
QUIET_SECONDS = 0.3
"""Without an answer, after which a caller takes it that its last request lacks an end."""
SLOW_IS_FINE = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
seeds = st.integers(min_value=0, max_value=2**64 - 1)


@dataclass
class Field:
    """What the requests go through, and where they arrive."""

    gateway: Gateway
    server: Witness
    callers: ThreadPoolExecutor


@pytest.fixture(scope="module")
def field() -> Iterator[Field]:
    # Half of the names hide weights.
    hiding = [rules(f"own{digit}*", mode="hybrid", hide_weights=True) for digit in range(8)]
    config = {
        "index": [*hiding, rules("*", mode="hybrid")],
        "gateway": {"deadline_ms": 60_000, "rollout_header": "x-turn"},
    }
    # Ill requests wait for their missing part as long as the callers do; nobody closes it for them.
    options = (
        "--dialect",
        "opensearch",
        "--max-body",
        "1",
        "--max-depth",
        "50",
        "--max-head",
        "8",
        "--idle-timeout",
        "30",
    )
    with (
        witness() as server,
        rewriting(server.url, config, *options) as gateway,
        ThreadPoolExecutor(CALLERS) as callers,
    ):
        yield Field(gateway, server, callers)


def names_of(chance: Random, count: int) -> list[bytes]:
    return [b"own%016x" % chance.getrandbits(64) for _ in range(count)]


def answers(port: int, row: Sequence[bytes]) -> list[list[Answer]]:
    """Send requests in a row; after one that ends its connection those behind it come on another."""
    found: list[list[Answer]] = []
    while row:
        found.append(answers_of_one(port, row))
        row = row[max(1, len(found[-1])) :]
    return found


def answers_of_one(port: int, row: Sequence[bytes]) -> list[Answer]:
    """Send everything on one connection, and read all answers."""
    with socket.create_connection(("127.0.0.1", port), timeout=120) as connection:
        with suppress(OSError):
            # Closed after a refusal, which can still be read.
            connection.sendall(b"".join(row))
        reader, found = Reader(connection), []
        with suppress(ConnectionResetError):
            for each in row:
                answer = patiently(connection, reader, each.partition(b" ")[0].decode("latin-1"))
                if not answer.status:
                    break
                found.append(answer)
        return found


def patiently(connection: socket.socket, reader: Reader, method: str) -> Answer:
    """Read an answer; if there is none for a while, say that nothing more will come, which ends the waiting."""
    timer = threading.Timer(QUIET_SECONDS, no_more, (connection,))
    timer.start()
    try:
        return read_answer(reader, method)
    finally:
        timer.cancel()


def no_more(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_WR)


def check(own: Sequence[bytes], others: Container[str], found: Sequence[Answer]) -> None:
    """Look at what one caller got on one connection: answers to its own requests, in their order."""
    mine = {name.decode(): place for place, name in enumerate(own)}
    last = -1
    for answer in found:
        if answer.refused is not None:
            assert 400 <= answer.status < 500, (answer.status, answer.refused, answer.body)
            assert orjson.loads(answer.body)["status"] == answer.status
        elif answer.body:
            assert answer.whole
            names: list[str] = orjson.loads(answer.body)["names"]
            assert not [name for name in names if name in others]
            # Of a request that swallows the next one there may be several; one that was broken is nobody's.
            places = [mine[name] for name in names if name in mine]
            assert min(places, default=last + 1) > last
            last = max(places, default=last)


@given(seed=seeds)
@settings(max_examples=max(1, CASES // 2 // CALLERS // IN_A_ROW), suppress_health_check=SLOW_IS_FINE)
def test_callers_get_answers_to_their_own_requests_and_no_trouble_of_the_gateway(field: Field, seed: int) -> None:
    chance = Random(seed)
    named = [names_of(chance, IN_A_ROW) for _ in range(CALLERS)]
    raw = [[make_request(chance, name) for name in names] for names in named]
    found = field.callers.map(lambda row: answers(field.gateway.port, row), raw)
    everybody = {name.decode() for names in named for name in names}
    for names, connections in zip(named, list(found), strict=True):
        others = everybody - {name.decode() for name in names}
        for got in connections:
            check(names, others, got)
    assert field.server.improper == []


def test_nothing_is_left_behind(field: Field) -> None:
    assert ask(field.gateway.port, request("GET", "/_csplade/live", None, {})).status == 200
    assert field.gateway.process.poll() is None
    assert b"Traceback" not in field.gateway.errors.read_bytes()
    wait_until(lambda: field.gateway.counts()["in_flight"] == 0)
    counts = field.gateway.counts()
    # Of all kinds there were some, so that it is known what was tried.
    assert counts['requests_total{status="2xx"}'] > CASES // 10
    assert counts['rewriting_total{outcome="rewritten",reason=""}'] > 0
    assert counts['refused_total{reason="bad_request"}'] > 0
    assert field.server.seen > 0


@given(seed=seeds, mode=st.sampled_from(list(RewriteMode)), typed=st.booleans(), hide=st.booleans())
@settings(max_examples=max(1, CASES // 2), suppress_health_check=SLOW_IS_FINE)
def test_whatever_is_read_of_a_request_raises_only_what_is_known(
    seed: int, mode: RewriteMode, typed: bool, hide: bool
) -> None:
    chance = Random(seed)
    (name,) = names_of(chance, 1)
    raw = make_request(chance, name)
    head, _, body = raw.partition(b"\r\n\r\n")
    method, _, rest = head.partition(b" ")
    path, _, query = rest.split(b" ")[0].partition(b"?")
    verb = method.decode("latin-1")
    target, params = read_target(verb, path, typed), Params.read(query)
    # Without a type in it a path means the same on every server.
    assert not typed or b"/_doc/" in path or target == read_target(verb, path)
    for kind in Kind if target is None else (target.kind,):
        _read(kind, params, body, IndexRules("*", FIELD_MAP, RewriteOptions(mode), hide_weights=hide), chance)


def _read(kind: Kind, params: Params, body: bytes, applied: IndexRules, chance: Random) -> None:
    try:
        if kind in WRITES:
            aim = Aim(FIELD_MAP, "f")
            actions = read_actions(body) if kind is Kind.BULK else []
            drafts = read_many(actions, [aim] * len(actions)) if kind is Kind.BULK else read_one(kind, body, aim)
            if drafts.changing:
                drafts.weighted({text: word_vector(text) for text in drafts.texts})
                assert b'"csplade_terms":{"old":1}' not in drafts.bare()
        elif kind in SEVERAL:
            items, each = read_items(body), [applied] * body.count(b"\n")
            filled = _filled(kind, [item.body for item in items], applied, chance)
            several = rewritten_items(kind, params, items, each[: len(items)], TimedEncode(word_vector), filled)
            assert isinstance(several, Sent | Partly | Why)
        else:
            filled = _filled(kind, [body], applied, chance)
            done = rewritten_search(Asked(kind, params, body), applied, TimedEncode(word_vector), filled)
            assert isinstance(done, Sent | Why)
            # What is filled is another body.
            assert filled.bodies or not isinstance(done, Sent) or NAME.findall(done.body) == NAME.findall(body)
            _hidden(kind, params, body, applied)
    except (UnreadJson, ForbiddenSearch):
        return


def _filled(kind: Kind, bodies: Sequence[bytes], applied: IndexRules, chance: Random) -> Rendered:
    """Return what a cluster might make of templates."""
    if kind not in TEMPLATES:
        return NOTHING_RENDERED
    return Rendered({place: make_body(chance) for place in unrendered(bodies, [applied] * len(bodies))})


def _hidden(kind: Kind, params: Params, body: bytes, applied: IndexRules) -> None:
    value, fields = read_json(body or b"{}"), applied.hidden_fields
    if not fields or not isinstance(value, dict):
        return
    hide_in_body(value, fields)
    if kind is Kind.DOCUMENTS:
        listed = value.get("docs")
        hide_in_documents(value, params, [fields] * (len(listed) if isinstance(listed, list) else 1))
    else:
        hide_in_search(value, params, fields)
