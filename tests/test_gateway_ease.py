"""A large body keeps nobody else waiting while it is read."""

import gzip
import threading
import time

from csplade.tests.gateway_process import ask
from csplade.tests.gateway_searches import request, verdict
from csplade.tests.scripted_cluster import INDEX, Play, playing

LINES = b'{"index":{}}\n{"year":2001,"lang":"en","author":"ada","note_of":"nothing that is covered"}\n' * 160_000
# Reading it takes more than twice as long.
LONGEST_SECONDS = 0.4


def longest_wait(play: Play, until: threading.Event) -> float:
    """Ask for something small again and again, and return how long the slowest answer took."""
    raw, longest = request("GET", "/_csplade/live", None, {}), 0.0
    while not until.is_set():
        began = time.monotonic()
        assert ask(play.gateway.port, raw).status == 200
        longest = max(longest, time.monotonic() - began)
    return longest


def test_a_large_bulk_request_is_read_while_others_are_answered() -> None:
    assert 8 * 2**20 < len(LINES) < 16 * 2**20
    with playing() as play:
        play.search()
        done, said = threading.Event(), list[str | None]()

        def send() -> None:
            packed = gzip.compress(LINES, 1)
            said.append(verdict(play.ask("POST", f"/{INDEX}/_bulk", packed, content_encoding="gzip")))
            done.set()

        thread = threading.Thread(target=send)
        thread.start()
        longest = longest_wait(play, done)
        thread.join()
    assert said == ["passed; nothing_to_rewrite"]
    assert longest < LONGEST_SECONDS
