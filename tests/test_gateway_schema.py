"""Requests that schemathesis makes of an OpenAPI document of what is rewritten, well and ill, to a real cluster.

`CSPLADE_SCHEMA_CASES=20000 pytest -s tests/test_gateway_schema.py` tries so many others, and says what became of them.
"""

import os
import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from csplade.tests.gateway_openapi import LINES, lines, openapi
from csplade.tests.gateway_searches import Stage, stage
from csplade.tests.waiting import wait_until
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from requests import Session
from schemathesis import Case, GenerationMode, Response

pytestmark = pytest.mark.cluster

CASES = int(os.environ.get("CSPLADE_SCHEMA_CASES", "150"))
OF_TEN = 7 * (GenerationMode.POSITIVE,) + 3 * (GenerationMode.NEGATIVE,)
"""Seven of ten are as the document says."""
BUSY = 429
"""So many templates a minute are too many for a cluster, whoever asks first."""
MODES = ("replace", "anchored", "other")
DOCUMENT = openapi(["fuzz-replace", "fuzz-anchored"], ["fuzz-other", "fuzz-none"])
schemathesis.serializer(LINES)(lambda _, value: lines(value))
schema = schemathesis.openapi.from_dict(DOCUMENT)
operations = [schema[path][method.upper()] for path, item in DOCUMENT["paths"].items() for method in item]
cases: st.SearchStrategy[Case[Any]] = st.one_of(
    *(each.as_strategy(generation_mode=mode) for each in operations for mode in OF_TEN)
)


@pytest.fixture(scope="module")
def staged(opensearch: str) -> Iterator[Stage]:
    with stage(opensearch, "replace", "anchored", gateway={"deadline_ms": 60_000}) as running:
        for mode in MODES:
            running.direct.indices.put_alias(index=running.index(mode), name=f"fuzz-{mode}")
        yield running


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    with Session() as session:
        yield session


def is_ours(answer: Response) -> bool:
    return "x-csplade-refused" in answer.headers


def compare(direct: Response, through: Response) -> list[str]:
    """Compare both answers to a request; return what became of it, so that it is known what was tried."""
    asked = (through.request.method, through.request.url, through.request.body)
    said = (through.headers.get("x-csplade") or ["none"])[0].partition(";")[0]
    if is_ours(through):
        assert 400 <= through.status_code < 500
        assert through.json()["status"] == through.status_code
        return ["refused"]
    if BUSY in (direct.status_code, through.status_code):
        return [said, "busy"]
    if direct.status_code < 300:
        assert through.status_code < 300, (*asked, said, through.content)
    else:
        assert through.status_code == direct.status_code, (*asked, said, direct.content)
    return [said]


def test_what_the_cluster_answers_the_gateway_answers_too(staged: Stage, session: Session) -> None:
    seen = Counter[str]()

    @given(case=cases)
    @settings(
        max_examples=CASES,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
    )
    def ask(case: Case[Any]) -> None:
        direct, through = (case.call(base_url=url, session=session) for url in (staged.url, staged.gateway.url))
        seen.update(compare(direct, through))

    ask()
    sys.stdout.write(f"\nwhat became of {CASES} requests: {dict(seen)}\n")
    assert seen["rewritten"] > CASES // 20
    assert seen["passed"] > CASES // 20
    assert seen["busy"] < CASES // 5
    wait_until(lambda: staged.gateway.counts()["in_flight"] == 0)
    assert staged.gateway.process.poll() is None
    assert b"Traceback" not in staged.gateway.errors.read_bytes()
