"""Points in time: remembered while they are open, under each of their ids, and no more than there is room for."""

import errno
import os
import shutil
import signal
import stat
import time
from pathlib import Path

import orjson
import pytest
from csplade.integration.gateway_pits import Pits, renamed_pit
from csplade.tests.gateway_searches import verdict
from csplade.tests.scripted_cluster import Asked, Play, Said, found, match, playing


def opening(asked: Asked) -> Said | None:
    """Open points in time as OpenSearch and Elasticsearch do; a search in one gives it another id."""
    if asked.method == "DELETE":
        return Said({"succeeded": True}, 404 if b"strange" in asked.body else 200)
    if "point_in_time" in asked.target:
        return Said({"pit_id": "first", "creation_time": 1})
    if "/_pit" in asked.target:
        return Said({"id": "first"})
    return Said(found("a", pit_id="second")) if b'"pit"' in asked.body else None


def search_in(play: Play, identity: str) -> str | None:
    return verdict(play.ask("POST", "/_search", {**match("bread"), "pit": {"id": identity}}))


def test_a_point_in_time_that_is_closed_is_forgotten_and_no_other() -> None:
    with playing(opening) as play:
        for path, closing in (
            ("/articles/_search/point_in_time?keep_alive=1m", {"pit_id": ["other", "first"]}),
            ("/articles/_pit?keep_alive=1m", {"id": "first"}),
        ):
            play.ask("POST", path)
            assert search_in(play, "first") == "rewritten"
            where = path.partition("?")[0].removeprefix("/articles")
            play.ask("DELETE", where, {"pit_id": ["strange", "first"]})
            assert search_in(play, "first") == "rewritten"
            answer = play.ask("DELETE", where, closing)
            assert orjson.loads(answer.body) == {"succeeded": True}
            assert orjson.loads(play.cluster.asked[-1].body) == closing
            assert search_in(play, "first") == "passed; unknown_pit"
        play.ask("POST", "/articles/_pit")
        play.ask("DELETE", "/_search/point_in_time/_all")
        assert search_in(play, "first") == "passed; unknown_pit"


def test_a_point_in_time_is_known_by_the_id_that_an_answer_gives_it() -> None:
    with playing(opening) as play:
        play.ask("POST", "/articles/_pit")
        assert search_in(play, "second") == "passed; unknown_pit"
        assert search_in(play, "first") == "rewritten"
        assert search_in(play, "second") == "rewritten"


def test_a_template_with_a_point_in_time_in_it_is_not_judged_by_the_rules_of_all_indexes() -> None:
    search = {**match("bread"), "pit": {"id": "first"}}

    def filling(asked: Asked) -> Said | None:
        return Said({"template_output": search}) if asked.target == "/_render/template" else opening(asked)

    with playing(filling, deadline_ms=10_000) as play:
        play.ask("POST", "/articles/_pit")
        for template in ({"source": search}, {"source": orjson.dumps(search).decode()}, {"id": "stored"}):
            assert verdict(play.ask("POST", "/_search/template", template)) == "passed; unknown_pit"
            assert orjson.loads(play.cluster.asked[-1].body) == template
        assert verdict(play.ask("POST", "/_search/template", {"source": match("bread")})) == "rewritten"


def test_an_id_in_a_document_is_not_taken_for_one_of_the_answer() -> None:
    assert renamed_pit(b'{"pit_id":"a","took":1}') == "a"
    assert renamed_pit(b'{"took":1,"_shards":{"total":1},"hits":{"hits":[{"_source":{"pit_id":"b"}}]}}') is None


def test_the_oldest_are_forgotten_where_there_are_too_many(tmp_path: Path) -> None:
    pits = Pits(tmp_path, most=5, swept_after=10)
    for number in range(20):
        pits.keep(f"{number}", "articles")
        # No disk tells times apart so well.
        for path in (tmp_path / "pits").iterdir():
            os.utime(path, (path.stat().st_atime, path.stat().st_mtime - 1))
    assert [number for number in range(20) if pits.names(f"{number}")] == [15, 16, 17, 18, 19]


def test_what_no_cluster_keeps_open_is_forgotten(tmp_path: Path) -> None:
    pits = Pits(tmp_path, swept_after=2)
    pits.keep("old", "articles")
    (path,) = (tmp_path / "pits").iterdir()
    long_ago = time.time() - 49 * 3600
    os.utime(path, (long_ago, long_ago))
    pits.keep("new", "articles")
    assert (pits.names("old"), pits.names("new")) == (None, "articles")


def test_names_without_end_are_not_kept(tmp_path: Path) -> None:
    pits = Pits(tmp_path)
    pits.keep("a", "b" * 5000)
    assert pits.names("a") is None


def test_a_folder_that_is_cleared_away_is_made_again_for_its_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "csplade-x"
    folder.mkdir()
    pits = Pits(folder)
    pits.keep("first", "articles")
    shutil.rmtree(folder)
    assert pits.names("first") is None
    pits.forget(["first"])
    pits.forget_all()
    pits.keep("second", "articles")
    assert pits.names("second") == "articles"
    assert {stat.S_IMODE(path.stat().st_mode) for path in (folder, folder / "pits")} == {0o700}


def test_what_cannot_be_remembered_is_told_once_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def half(path: Path, content: bytes) -> int:
        with path.open("wb") as file:
            file.write(content[:4])
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    pits = Pits(tmp_path)
    with monkeypatch.context() as full:
        full.setattr(Path, "write_bytes", half)
        for identity in ("first", "second"):
            pits.keep(identity, "articles")
    assert [pits.names(identity) for identity in ("first", "second")] == [None, None]
    (told,) = caplog.messages
    assert "pass as they are" in told
    assert "No space left on device" in told
    pits.keep("third", "articles")
    assert pits.names("third") == "articles"


def test_points_in_time_are_answered_and_workers_renewed_without_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))

    def without_folder() -> None:
        (folder,) = tmp_path.glob("csplade-*")
        shutil.rmtree(folder)

    with playing(opening) as play:
        without_folder()
        assert play.ask("DELETE", "/_search/point_in_time/_all").status == 200
        assert orjson.loads(play.ask("POST", "/articles/_pit").body) == {"id": "first"}
        assert search_in(play, "first") == "rewritten"
        without_folder()
        os.kill(play.gateway.process.pid, signal.SIGHUP)
        deadline = time.monotonic() + 120
        while b"the workers are renewed" not in play.gateway.errors.read_bytes():
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert play.gateway.counts()["workers"] == 1
        assert search_in(play, "first") == "passed; unknown_pit"
        (folder,) = tmp_path.glob("csplade-*")
        (folder / "pits").write_bytes(b"")
        assert play.ask("POST", "/articles/_pit").status == 200
        assert search_in(play, "first") == "passed; unknown_pit"
        assert b"cannot be remembered" in play.gateway.errors.read_bytes()
