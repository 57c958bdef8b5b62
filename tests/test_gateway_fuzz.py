"""Requests made by chance, several callers at once: no answer is lost, mixed up, or the gateway's own 5xx.

`CSPLADE_FUZZ_CASES=200000 pytest tests/test_gateway_fuzz.py` tries that many, half of them over the wire.
"""

import os
import socket
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from random import Random

import orjson
import pytest
from csplade.integration.gateway_bulk import read_actions
from csplade.integration.gateway_json import UnreadJson
from csplade.integration.gateway_params import Params
from csplade.integration.gateway_searches import Asked, ForbiddenSearch, Sent, read_items, rewritten_search
from csplade.integration.gateway_targets import WRITES, Kind, read_target
from csplade.integration.gateway_verdict import Why
from csplade.integration.rewrite_config import IndexRules
from csplade.integration.rewrite_policy import RewriteMode, RewriteOptions
from csplade.tests.gateway_chances import NAME, Witness, make_request, witness
from csplade.tests.gateway_process import Answer, Gateway, Reader, ask, read_answer
from csplade.tests.gateway_searches import request, rules
from csplade.tests.gateway_words import rewriting
from csplade.tests.rewrite_index import FIELD_MAP
from csplade.tests.word_encoder import word_vector
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

CASES = int(os.environ.get("CSPLADE_FUZZ_CASES", "4000"))
CALLERS, IN_A_ROW = 4, 5
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
    config = {"index": [rules("*", mode="hybrid")], "gateway": {"deadline_ms": 60_000, "rollout_header": "x-turn"}}
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


def answers(port: int, raw: bytes, methods: Sequence[str]) -> list[Answer]:
    """Send everything on one connection, say that there is no more, and read all answers."""
    with socket.create_connection(("127.0.0.1", port), timeout=120) as connection:
        try:
            connection.sendall(raw)
            connection.shutdown(socket.SHUT_WR)
        except OSError:
            # Closed after a refusal, which can still be read.
            pass
        reader, found = Reader(connection), []
        try:
            for method in methods:
                answer = read_answer(reader, method)
                if not answer.status:
                    break
                found.append(answer)
        except ConnectionResetError:
            pass
        return found


def check(own: Sequence[bytes], found: Sequence[Answer]) -> None:
    """Look at what one caller got: answers to its own requests, in their order."""
    mine = [name.decode() for name in own]
    last = -1
    for answer in found:
        if answer.refused is not None:
            assert 400 <= answer.status < 500, (answer.status, answer.refused, answer.body)
            assert orjson.loads(answer.body)["status"] == answer.status
        elif answer.body:
            assert answer.whole
            # Of a request that swallows the next one there may be several.
            places = [mine.index(name) for name in orjson.loads(answer.body)["names"]]
            assert min(places, default=last + 1) > last
            last = max(places, default=last)


@given(seed=seeds)
@settings(max_examples=max(1, CASES // 2 // CALLERS // IN_A_ROW), suppress_health_check=SLOW_IS_FINE)
def test_callers_get_answers_to_their_own_requests_and_no_trouble_of_the_gateway(field: Field, seed: int) -> None:
    chance = Random(seed)
    named = [names_of(chance, IN_A_ROW) for _ in range(CALLERS)]
    raw = [[make_request(chance, name) for name in names] for names in named]
    methods = [[each.partition(b" ")[0].decode("latin-1") for each in row] for row in raw]
    sent = [b"".join(row) for row in raw]
    found = field.callers.map(lambda one: answers(field.gateway.port, *one), zip(sent, methods, strict=True))
    for names, got in zip(named, list(found), strict=True):
        check(names, got)
    assert field.server.improper == []


def test_nothing_is_left_behind(field: Field) -> None:
    assert ask(field.gateway.port, request("GET", "/_csplade/live", None, {})).status == 200
    assert field.gateway.process.poll() is None
    assert b"Traceback" not in field.gateway.errors.read_bytes()
    counts = field.gateway.counts()
    assert counts["in_flight"] == 0
    assert field.server.seen > 0


@given(seed=seeds, mode=st.sampled_from(list(RewriteMode)))
@settings(max_examples=max(1, CASES // 2), suppress_health_check=SLOW_IS_FINE)
def test_whatever_is_read_of_a_request_raises_only_what_is_known(seed: int, mode: RewriteMode) -> None:
    chance = Random(seed)
    (name,) = names_of(chance, 1)
    raw = make_request(chance, name)
    head, _, body = raw.partition(b"\r\n\r\n")
    method, _, rest = head.partition(b" ")
    path, _, query = rest.split(b" ")[0].partition(b"?")
    target, params = read_target(method.decode("latin-1"), path), Params.read(query)
    for kind in Kind if target is None else (target.kind,):
        _read(kind, params, body, mode)


def _read(kind: Kind, params: Params, body: bytes, mode: RewriteMode) -> None:
    applied = IndexRules("*", FIELD_MAP, RewriteOptions(mode))
    try:
        if kind is Kind.BULK:
            read_actions(body)
        elif kind in (Kind.MANY, Kind.MANY_TEMPLATES):
            read_items(body)
        elif kind not in WRITES:
            done = rewritten_search(Asked(kind, params, body), applied, word_vector)
            assert isinstance(done, Sent | Why)
            assert not isinstance(done, Sent) or NAME.findall(done.body) == NAME.findall(body)
    except (UnreadJson, ForbiddenSearch):
        return
