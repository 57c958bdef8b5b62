"""A large body keeps nobody else waiting while it is read."""

import gzip
import threading
import time

import pytest
from csplade.integration.gateway_items import MOST_ITEMS
from csplade.integration.gateway_json import read_json
from csplade.tests.gateway_process import ask
from csplade.tests.gateway_searches import request, verdict
from csplade.tests.scripted_cluster import INDEX, Play, lines, match, playing

# Slow to read.
NUMBERS = [1.5] * 1000
COUNT = 2000
BODIES = {
    f"/{INDEX}/_bulk": lines(*({"index": {}}, {"year": 2001, "hard": NUMBERS}) * COUNT),
    # Without a name of an index, so that a point in time is looked for in each.
    "/_msearch": lines(*({}, {**match("fresh bread"), "hard": [{"pit": 1}, *NUMBERS]}) * COUNT),
    f"/{INDEX}/_mget": lines({"docs": [{"_id": "a", "hard": [{}] * 500}] * COUNT}),
}
SAID = {f"/{INDEX}/_bulk": "passed; nothing_to_rewrite", "/_msearch": "failed-open; encoder_slow"}


def longest_wait(play: Play, until: threading.Event) -> float:
    """Ask for something small again and again, and return how long the slowest answer took."""
    raw, longest = request("GET", "/_csplade/live", None, {}), 0.0
    while not until.is_set():
        began = time.monotonic()
        assert ask(play.gateway.port, raw).status == 200
        longest = max(longest, time.monotonic() - began)
    return longest


def reading_takes(body: bytes) -> float:
    """Return how long it takes to read a body here and now, once."""
    began = time.monotonic()
    for line in body.splitlines():
        read_json(line)
    return time.monotonic() - began


@pytest.mark.parametrize("path", BODIES)
def test_a_large_body_is_read_while_others_are_answered(path: str) -> None:
    with playing(options=("--workers", "1"), hide_weights=True, deadline_ms=100, largest_search=2**24) as play:
        play.search()
        # Other work on this machine makes somebody wait at times; a body that is read at once does so each time.
        found = [waited(play, path, BODIES[path]) for _ in range(3)]
    assert min(found) < 0.5, found


def waited(play: Play, path: str, body: bytes) -> float:
    """Send a body and return how long somebody else waited meanwhile, as a part of the time that reading it takes."""
    done, said = threading.Event(), list[str | None]()

    def send() -> None:
        said.append(verdict(play.ask("POST", path, gzip.compress(body, 1), content_encoding="gzip")))
        done.set()

    alone = reading_takes(body)
    thread = threading.Thread(target=send)
    thread.start()
    longest = longest_wait(play, done)
    thread.join()
    assert said == [SAID.get(path)]
    return longest / alone


def test_more_searches_than_are_looked_at_pass() -> None:
    with playing(hide_weights=True) as play:
        for count, told in ((MOST_ITEMS, "passed; nothing_to_rewrite"), (MOST_ITEMS + 1, "passed; too_large")):
            answer = play.ask("POST", f"/{INDEX}/_msearch", b"{}\n{}\n" * count)
            assert verdict(answer) == told
        assert play.gateway.counts()['shown_weights_total{reason="not_read"}'] == 1
