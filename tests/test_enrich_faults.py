"""`csplade enrich` where requests meet broken answers: each document has the weights of its text, and all are counted.

A change by others is in `test_enrich`; here nobody else writes. One run is killed.
"""

import signal
import time
from pathlib import Path
from typing import Any

import orjson
import pytest
from csplade.integration.client import connect
from csplade.integration.documents import mark_of
from csplade.integration.enrich import Enricher, EnrichOptions, prepare_index, write_of
from csplade.integration.errors import IndexConflictError
from csplade.integration.index import create_index, require_index
from csplade.integration.index_mapping import mapping_of, our_meta
from csplade.integration.patience import Patience
from csplade.integration.templates import WEIGHTS_FIELD, IndexOptions
from csplade.tests.cluster_lines import ClusterLine
from csplade.tests.command_run import Run, runner, use_word_encoder
from csplade.tests.faulty_proxy import DROP, HALF, SLOW, FaultyProxy, running
from csplade.tests.ingest_process import start
from csplade.tests.test_enrich import FINGERPRINT, content, encoded, make, write
from csplade.tests.test_ingest_paths import troubles
from csplade.tests.word_encoder import WordEncoder, word_contract, word_vector

pytestmark = pytest.mark.cluster

COUNT = 30
FAULTS = [429, 503, DROP, HALF, SLOW]
PARTS = {
    # The first looks are not repeated: it may be the wrong address.
    "GET /{}/_mapping": 1,
    "PUT /{}/_mapping": 0,
    "GET /_nodes/plugins": 1,
    "GET /{}/_stats": 0,
    "POST /{}/POINT": 0,
    "POST /{}/_search?": 0,
    "POST /_search?": 0,
    "POST /{}/_refresh": 0,
    "/{}/_count": 0,
}
"""Requests, by method and path, and how many of them are let through first; POINT opens a point in time."""
OTHER = "other"
"""The encoder that the index has had."""


@pytest.fixture
def filled(line: ClusterLine) -> ClusterLine:
    """Give a line whose index holds documents without weights, and is of another encoder."""
    options = IndexOptions(analyzer=line.analyzer, shards=2)
    create_index(line.client, line.index, word_contract(OTHER, opset=2), options)
    documents = {f"d{number}": {"text": f"bread {number}", "year": number} for number in range(COUNT)}
    write(line.client, line.index, documents)
    return line


def parts(line: ClusterLine) -> dict[str, int]:
    """Return `PARTS` as they are on this line: an Elasticsearch is not asked for its modules."""
    opensearch = line.dialect.distribution == "opensearch"
    named = {part.replace("POINT", "_search/point_in_time" if opensearch else "_pit"): PARTS[part] for part in PARTS}
    return {part: first for part, first in named.items() if opensearch or "plugins" not in part}


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    use_word_encoder(monkeypatch, tmp_path / "encoder")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Patience, "wait", lambda patience, attempt: 0.01)
    return runner(monkeypatch, capsys)


def enrich(run: Run, url: str, index: str) -> dict[str, Any]:
    done = run("enrich", "--index", index, "--url", url, "--replace-encoder", "--batch", 7, "--json")
    assert done.code == 0, done
    told: dict[str, Any] = orjson.loads(done.out)
    assert told["read"] == told["current"] + told["encoded"] + told["superseded"] + told["failed"]
    assert (told["failed"], told["pending"], told["dead_letters"]) == (0, 0, None)
    return told


def check(line: ClusterLine) -> None:
    """Check that each document has its fields and the weights of its text, and the index its new encoder."""
    texts = {f"d{number}": f"bread {number}" for number in range(COUNT)}
    assert content(line) == {
        name: {
            "text": text,
            "year": int(name[1:]),
            "csplade_terms": word_vector(text).weights,
            "csplade_encoded": mark_of(FINGERPRINT, text),
        }
        for name, text in texts.items()
    }
    assert our_meta(mapping_of(line.client, line.index)[1])["fingerprint"] == FINGERPRINT


@pytest.mark.parametrize("fault", FAULTS)
def test_everything_that_is_asked_may_be_answered_badly_now_and_then(run: Run, filled: ClusterLine, fault: int) -> None:
    with running(FaultyProxy(filled.url)) as proxy:
        proxy.troubles = troubles(parts(filled), filled.index, fault)
        told = enrich(run, proxy.url, filled.index)
        assert not any(proxy.troubles.values()), proxy.troubles
    assert (told["read"], told["encoded"], told["superseded"]) == (COUNT, COUNT, 0)
    check(filled)


@pytest.mark.parametrize("fault", [503, DROP, HALF])
def test_a_point_in_time_that_cannot_be_given_back_is_no_fault_of_the_run(
    run: Run, filled: ClusterLine, fault: int
) -> None:
    point = "_search/point_in_time" if filled.dialect.distribution == "opensearch" else "_pit"
    with running(FaultyProxy(filled.url)) as proxy:
        # Where nobody answers, the second one is not tried.
        proxy.troubles[f"DELETE /{point}"] = [fault] if fault == DROP else [fault] * 2
        assert enrich(run, proxy.url, filled.index)["encoded"] == COUNT
        assert proxy.troubles[f"DELETE /{point}"] == []
    check(filled)


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "whole"])
@pytest.mark.parametrize("fault", FAULTS)
def test_what_the_cluster_did_and_did_not_tell_is_looked_at_again(
    run: Run, filled: ClusterLine, fault: int, scripts: bool
) -> None:
    with running(FaultyProxy(filled.url, [None, fault, fault, fault, None, fault])) as proxy:
        # Without scripts whole documents are sent, which an Elasticsearch is sent anyway.
        proxy.unknown = None if scripts or filled.dialect.distribution != "opensearch" else "/_nodes"
        proxy.refused = {"d3": [429, 429], "d20": [503]}
        told = enrich(run, proxy.url, filled.index)
        assert (proxy.faults, proxy.refused) == ([], {"d3": [], "d20": []})
    # Written before the answer was cut, it is another document than the one that was read.
    assert (told["superseded"] > 0) == (fault == HALF)
    assert told["encoded"] + told["superseded"] == COUNT
    check(filled)


def test_a_document_that_fails_is_told_once_though_each_round_reads_all_and_is_taken_up_when_it_changes(
    line: ClusterLine, tmp_path: Path
) -> None:
    make(line)
    line.client.indices.put_mapping(
        index=line.index, body={"properties": {"raw": {"type": "object", "enabled": False}}}
    )
    write(line.client, line.index, {"object": {"raw": {"a": 1}}, "refused": {"raw": "salt"}, "good": {"raw": "rye"}})
    dead = tmp_path / "dead.jsonl"
    dialect = prepare_index(line.client, line.index, word_contract())
    options = EnrichOptions(line.index, dead, ("raw",), write_of(line.client))
    with running(FaultyProxy(line.url)) as proxy:
        proxy.unknown, proxy.refused = "/_stats", {"refused": [400] * 9}
        rounds = Enricher(connect(proxy.url), WordEncoder(), dialect, options)
        for turn in range(1, 4):
            # The rounds after the first read the good one alone.
            report = rounds.round()
            assert (report.failed, report.encoded, report.read, report.rounds) == (2, 1, 2 + turn, turn)
            letters = [orjson.loads(letter)["_id"] for letter in dead.read_bytes().splitlines()]
            assert sorted(letters) == ["object", "refused"]
        write(line.client, line.index, {"object": {"raw": "oats"}})
        report = rounds.round()
    assert (report.failed, report.encoded, report.read) == (2, 2, 7)


def test_killed_while_it_replaces_an_encoder_the_same_command_ends_with_the_weights_of_the_new_one(
    run: Run, line: ClusterLine, tmp_path: Path
) -> None:
    old, new = word_contract(OTHER, opset=2), word_contract()
    new.write(tmp_path)
    create_index(line.client, line.index, old, IndexOptions(analyzer=line.analyzer, shards=2))
    before = {f"d{number}": old_document(old.fingerprint, number) for number in range(COUNT)}
    write(line.client, line.index, before)
    after = {name: encoded({"text": one["text"], "year": one["year"]}) for name, one in before.items()}
    where = ["--index", line.index, "--url", line.url, "--encoder", tmp_path]
    asked = [*where, "--replace-encoder", "--batch", 5, "--requests", 1, "--json"]
    # The last texts are not encoded, so that it cannot have come to its end.
    process = start(tmp_path, asked, "enrich", most=COUNT - 10)
    deadline = time.monotonic() + 60
    while content(line) == before:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
    process.send_signal(signal.SIGKILL)
    assert (process.communicate()[0], process.returncode) == ("", -signal.SIGKILL)
    between = content(line)
    current = {name for name, one in between.items() if one == after[name]}
    assert 0 < len(current) <= COUNT - 10
    # Each is as it was or as it will be; the index is of the new encoder already, and takes no queries of the old one.
    assert between == {name: (after if name in current else before)[name] for name in before}
    require_index(line.client, line.index, new)
    with pytest.raises(IndexConflictError, match="was made with the encoder"):
        require_index(line.client, line.index, old)
    told_of = f"Some documents of {line.index} still have weights of its earlier encoder, {OTHER}"
    assert told_of in run("query", "bread", *where, "--json").err
    out, err = start(tmp_path, asked, "enrich").communicate(timeout=120)
    told = orjson.loads(out)
    assert (told["read"], told["current"], told["encoded"]) == (COUNT, told["current"], COUNT - told["current"]), err
    # What the run had sent may have arrived after it was killed.
    assert len(current) <= told["current"] <= COUNT - 10
    assert (told["superseded"], told["failed"], told["pending"]) == (0, 0, 0)
    assert content(line) == after
    assert run("query", "bread", *where, "--json").err == ""


def old_document(fingerprint: str, number: int) -> dict[str, Any]:  # Any: JSON values
    """Return a document with weights of the encoder that the index has had."""
    text = f"bread {number}"
    return {"text": text, "year": number, WEIGHTS_FIELD: {"stale": 2.0}, "csplade_encoded": mark_of(fingerprint, text)}


@pytest.mark.parametrize(
    ("part", "told"), [("/_stats", "indices:monitor/stats"), ("/_refresh", "may not refresh {}, or not all copies")]
)
def test_who_may_not_see_up_to_where_an_index_is_complete_is_told_which_right_it_takes(
    filled: ClusterLine, tmp_path: Path, caplog: pytest.LogCaptureFixture, part: str, told: str
) -> None:
    with running(FaultyProxy(filled.url)) as proxy:
        proxy.troubles[f"/{filled.index}{part}"] = [403] * 9
        dialect = prepare_index(filled.client, filled.index, word_contract(), replace_encoder=True)
        options = EnrichOptions(filled.index, tmp_path / "dead.jsonl", ("text",), write_of(filled.client))
        rounds = Enricher(connect(proxy.url), WordEncoder(), dialect, options)
        assert [rounds.round().read for _ in range(3)] == [COUNT, 2 * COUNT, 3 * COUNT]
    assert caplog.text.count(told.format(filled.index)) == 1
    assert caplog.text.count("each round reads all of it again") == 1
