"""Rounds of `csplade enrich` on real servers: where one ends, and that no document is passed over by the next."""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from csplade.integration.client import connect
from csplade.integration.enrich import Enricher
from csplade.integration.templates import MARK_FIELD
from csplade.pipelines.sparse import SparseVector
from csplade.tests.cluster_lines import ClusterLine
from csplade.tests.faulty_proxy import FaultyProxy, running
from csplade.tests.test_enrich import COUNT, content, encoded, enricher, make, write
from csplade.tests.word_encoder import WordEncoder
from opensearchpy import OpenSearch

pytestmark = pytest.mark.cluster

WRITERS, EACH = 8, 100


@contextmanager
def several(act: Callable[[int, OpenSearch], None], line: ClusterLine, count: int) -> Iterator[list[threading.Thread]]:
    """Do something in so many threads, each with its number and a client of its own; give them, and await them."""
    faults: list[BaseException] = []

    def guarded(number: int) -> None:
        try:
            act(number, connect(line.url))
        except BaseException as error:
            faults.append(error)

    threads = [threading.Thread(target=guarded, args=(number,)) for number in range(count)]
    for one in threads:
        one.start()
    try:
        yield threads
    finally:
        for one in threads:
            one.join()
    assert faults == []


def write_once(index: str, part: int, client: OpenSearch) -> None:
    for number in range(EACH):
        client.index(index=index, id=f"d{part}-{number}", body={"text": f"salt {number} by {part}"})


def test_each_document_that_is_written_once_gets_its_weights_though_many_write_and_the_index_refreshes(
    line: ClusterLine, tmp_path: Path
) -> None:
    make(line)
    written = threading.Event()

    def refresh(_: int, client: OpenSearch) -> None:
        while not written.is_set():
            client.indices.refresh(index=line.index)

    rounds = enricher(line, tmp_path)
    with several(refresh, line, 1), several(partial(write_once, line.index), line, WRITERS) as users:
        try:
            while any(one.is_alive() for one in users):
                rounds.round()
        finally:
            written.set()
    during = rounds.report.rounds
    # Nobody writes any more, and the rounds go on from where they are.
    report = rounds.round()
    assert (report.failed, report.pending, during > 1) == (0, 0, True)
    assert content(line) == {
        f"d{part}-{number}": encoded({"text": f"salt {number} by {part}"})
        for part in range(WRITERS)
        for number in range(EACH)
    }


def reads(enricher: Enricher) -> int:
    """Make a round, and return how many documents it has read."""
    before = enricher.report.read
    return enricher.round().read - before


def test_a_round_ends_at_the_place_up_to_which_the_index_is_complete(line: ClusterLine, tmp_path: Path) -> None:
    make(line)
    write(line.client, line.index, {f"d{n}": {"text": f"bread {n}"} for n in range(COUNT)})
    rounds = enricher(line, tmp_path)
    # What it has written itself is read in the second round.
    assert [reads(rounds) for _ in range(3)] == [COUNT, COUNT, 0]
    # What is written is shown, and not complete before it is on the disk.
    late = {"index.translog.durability": "async", "index.translog.sync_interval": "1h"}
    line.client.indices.put_settings(index=line.index, body=late)
    write(line.client, line.index, {"new": {"text": "salt"}})
    assert [reads(rounds) for _ in range(3)] == [1, 1, 1]
    line.client.indices.flush(index=line.index)
    assert [reads(rounds) for _ in range(2)] == [1, 0]


def test_who_is_not_told_that_place_reads_all_again_and_is_told_why(
    line: ClusterLine, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    make(line)
    write(line.client, line.index, {f"d{n}": {"text": f"bread {n}"} for n in range(COUNT)})
    with running(FaultyProxy(line.url)) as proxy:
        proxy.unknown = "/_stats"
        rounds = enricher(replace(line, client=connect(proxy.url)), tmp_path)
        assert [reads(rounds) for _ in range(3)] == [COUNT] * 3
    assert caplog.text.count(f"does not tell up to where {line.index} is complete") == 1
    assert "indices:monitor/stats" not in caplog.text


def test_a_round_that_is_stopped_accounts_for_what_is_settled_and_the_next_one_for_the_rest(
    line: ClusterLine, tmp_path: Path
) -> None:
    class Stopped(WordEncoder):
        """Is interrupted once, when documents before are on their way and others have been read."""

        texts = 0

        def documents(self, texts: Iterable[str]) -> Iterator[SparseVector]:
            for vector in super().documents(texts):
                self.texts += 1
                if self.texts == COUNT // 2:
                    raise KeyboardInterrupt
                yield vector

    make(line)
    documents = {f"d{n}": {"text": f"bread {n}" if n % 3 else " "} for n in range(COUNT)}
    write(line.client, line.index, documents)
    rounds = enricher(line, tmp_path, Stopped())
    with pytest.raises(KeyboardInterrupt):
        rounds.round()
    report = rounds.report
    assert report.read == report.current + report.encoded + report.superseded + report.failed
    done = [source for source in content(line).values() if MARK_FIELD in source]
    assert 0 < report.encoded == len(done) < COUNT
    assert report.without_text == sum(not source["text"].strip() for source in done)
    report = rounds.until_current()
    assert report.read == report.current + report.encoded + report.superseded + report.failed
    assert (report.encoded, report.without_text) == (COUNT, len(range(0, COUNT, 3)))
    assert content(line) == {name: encoded(source) for name, source in documents.items()}
