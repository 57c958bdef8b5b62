"""Workers that are copies of their parent, and share its encoder."""

import os
import signal
from pathlib import Path

import orjson
import pytest
from csplade.integration.client import connect
from csplade.tests.gateway_process import Gateway, ask, serving
from csplade.tests.gateway_searches import request, rules
from csplade.tests.gateway_words import rewriting
from csplade.tests.gateway_workers import WORKERS, forked
from csplade.tests.rewrite_index import fill_index
from csplade.tests.waiting import wait_until

pytestmark = pytest.mark.cluster


def test_workers_that_share_an_encoder_are_replaced_and_renewed(opensearch: str, index_name: str) -> None:
    fill_index(connect(opensearch), index_name, 5)
    raw = request("POST", f"/{index_name}/_search", {"query": {"match": {"text": "bread"}}}, {"connection": "close"})
    with rewriting(opensearch, {"index": [rules(index_name)], "gateway": {"deadline_ms": 60_000}}, *WORKERS) as gateway:

        def answered(before: set[int]) -> set[int]:
            """Wait until others are at work and these are not, and see that each rewrites."""
            wait_until(lambda: len(forked(gateway)) >= 2 and not forked(gateway) & before)
            assert {ask(gateway.port, raw).header("x-csplade") for _ in range(12)} == {"rewritten"}
            return forked(gateway)

        before = answered(set())
        os.kill(min(before), signal.SIGKILL)
        before = answered({min(before)})
        gateway.process.send_signal(signal.SIGHUP)
        answered(before)


def test_rules_are_read_anew_and_stay_if_they_cannot_be_read(opensearch: str, index_name: str, tmp_path: Path) -> None:
    fill_index(connect(opensearch), index_name, 5)
    raw = request("POST", f"/{index_name}/_search", {"query": {"match": {"text": "bread"}}}, {"connection": "close"})
    config = tmp_path / "rewrite.json"

    def renewed(gateway: Gateway, written: bytes, said: str) -> None:
        """Write other rules, and wait until the workers that have read them answer."""
        before = forked(gateway)
        config.write_bytes(written)
        gateway.process.send_signal(signal.SIGHUP)
        wait_until(lambda: forked(gateway) and not forked(gateway) & before)
        assert ask(gateway.port, raw).header("x-csplade") == said

    def of(pattern: str) -> bytes:
        return orjson.dumps({"index": [rules(pattern)], "gateway": {"deadline_ms": 60_000}})

    config.write_bytes(of("other"))
    with serving(opensearch, "--config", str(config), module="csplade.tests.gateway_words") as gateway:
        assert ask(gateway.port, raw).header("x-csplade") == "passed; no_rules"
        renewed(gateway, of(index_name), "rewritten")
        assert b"the workers are renewed: 1 started" in gateway.errors.read_bytes()
        renewed(gateway, b"no rules", "rewritten")
        assert b"the rules stay as they were" in gateway.errors.read_bytes()
