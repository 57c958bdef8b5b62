"""What workers count, added up."""

import os
from pathlib import Path

import orjson
import pytest
from csplade.integration.gateway_metrics import Metrics, exposition
from csplade.integration.gateway_refusals import Reason
from csplade.tests.gateway_searches import Json, stage, verdict


def series(text: str) -> dict[str, float]:
    pairs = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
    return {name.removeprefix("csplade_gateway_"): float(value) for name, _, value in pairs}


def counted_by(monkeypatch: pytest.MonkeyPatch, folder: Path, pid: int) -> Metrics:
    monkeypatch.setattr(os, "getpid", lambda: pid)
    return Metrics(folder)


def test_workers_are_added_up_and_of_those_that_are_gone_only_what_is_done(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for pid, seconds in ((1, 0.0009), (2, 0.3)):
        metrics = counted_by(monkeypatch, tmp_path, pid)
        metrics.answered(201)
        metrics.refused(Reason.LOOP)
        metrics.add("in_flight")
        metrics.took("seconds", seconds)
    found = series(exposition(tmp_path, frozenset({1})))
    assert (found["workers"], found["in_flight"]) == (1, 1)
    assert found['requests_total{status="2xx"}'] == 2
    assert found['refused_total{reason="loop"}'] == 2
    assert found["seconds_count"] == 2
    assert found["seconds_sum"] == pytest.approx(0.3009)


@pytest.mark.parametrize(("seconds", "bucket"), [(0.001, "0.001"), (0.0011, "0.0025"), (60.0, "60.0"), (61.0, "+Inf")])
def test_buckets_hold_what_is_at_most_their_bound(tmp_path: Path, seconds: float, bucket: str) -> None:
    metrics = Metrics(tmp_path)
    metrics.took("seconds", seconds)
    found = series(exposition(tmp_path, frozenset({os.getpid()})))
    bounds = [name for name in found if name.startswith("seconds_bucket")]
    first = next(name for name in bounds if found[name])
    assert first == f'seconds_bucket{{le="{bucket}"}}'
    assert all(found[name] == 1 for name in bounds[bounds.index(first) :])


def test_every_series_has_its_type_and_help(tmp_path: Path) -> None:
    Metrics(tmp_path)
    lines = exposition(tmp_path, frozenset()).splitlines()
    types = {line.split()[2] for line in lines if line.startswith("# TYPE")}
    for line in lines:
        if not line.startswith("#"):
            name = line.split("{")[0].split(" ")[0]
            assert name in types or name.rpartition("_")[0] in types


def test_a_worker_counts_without_a_file_where_none_can_be_written(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    Metrics(tmp_path / "cleared").answered(200)
    assert series(exposition(tmp_path / "cleared", frozenset()))['requests_total{status="2xx"}'] == 1
    file = tmp_path / "file"
    file.touch()
    Metrics(file).answered(200)
    (told,) = caplog.messages
    assert f"the metrics leave out what the worker {os.getpid()} counts" in told


MATCH: Json = {"match": {"text": "fresh bread"}}
PHRASE: Json = {"match_phrase": {"text": "fresh bread"}}
ODD: Json = {"wrapper": {"query": "eyJtYXRjaF9hbGwiOiB7fX0="}}


def both(*clauses: Json) -> Json:
    return {"query": {"bool": {"should": [*clauses]}}}


@pytest.mark.cluster
def test_clauses_that_pass_beside_rewritten_ones_are_counted_by_their_names(opensearch: str) -> None:
    with stage(opensearch, "replace", gateway={"deadline_ms": 60_000}) as staged:
        index = staged.index("replace")

        def counted(path: str, body: object) -> tuple[str | None, dict[str, float]]:
            answer = staged.ask("POST", f"/{index}/{path}", body)
            counts = {name: value for name, value in staged.gateway.counts().items() if "passed_clauses" in name}
            return verdict(answer), {name.split('"')[1]: value for name, value in counts.items() if value}

        assert counted("_search", both(MATCH)) == ("rewritten", {})
        # These searches as a whole are counted as such.
        assert counted("_search", both(PHRASE)) == ("passed; not_understood", {})
        assert counted("_search", both(MATCH, PHRASE)) == ("rewritten", {"match_phrase": 1})
        assert counted("_count", both(MATCH, PHRASE, ODD)) == ("rewritten", {"match_phrase": 2, "other": 1})
        several = [both(MATCH, PHRASE), both(PHRASE), both(MATCH)]
        lines = b"".join(b"{}\n" + orjson.dumps(each) + b"\n" for each in several)
        assert counted("_msearch", lines) == ("rewritten; 2 of 3", {"match_phrase": 3, "other": 1})
        # What the cluster refuses was not answered by weights.
        broken: Json = {"match_phrase": {"text": {"query": "bread", "surprise": 1}}}
        assert counted("_search", both(MATCH, broken))[1] == {"match_phrase": 3, "other": 1}
