"""Dead letters: a file that appears with its first line and overwrites nothing."""

from pathlib import Path

import orjson
import pytest
from csplade.integration.dead_letters import DeadLetters, choose_path
from csplade.integration.documents import Document, Rejected
from csplade.pipelines.errors import SourceError, UsageError
from csplade.tests.small_disk import room_for


def test_without_failures_there_is_no_file(tmp_path: Path) -> None:
    with DeadLetters(tmp_path / "dead.jsonl") as dead:
        assert dead.count == 0
    assert list(tmp_path.iterdir()) == []


def test_lines_are_there_as_soon_as_they_are_added(tmp_path: Path) -> None:
    path = tmp_path / "dead.jsonl"
    with DeadLetters(path) as dead:
        dead.add(Document("1", "x", record={"_id": "1", "text": "x"}), "too long")
        assert [orjson.loads(line) for line in path.read_bytes().splitlines()] == [
            {"_id": "1", "text": "x", "csplade_error": "too long"}
        ]
        dead.add(Rejected(2, "is not JSON", raw="{"), "line 2 is not JSON")
        assert (dead.count, dead.first_reason) == (2, "too long")
    assert len(path.read_bytes().splitlines()) == 2


def test_an_earlier_file_is_never_overwritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("articles.failed.jsonl").touch()
    with pytest.raises(UsageError, match="exists, and dead letters overwrite nothing"):
        choose_path(Path("articles.failed.jsonl"), "articles")
    with DeadLetters(Path("articles.failed.jsonl")) as dead, pytest.raises(SourceError, match="cannot be written"):
        dead.add(Document("1", "x"), "reason")


def test_runs_at_the_same_time_number_their_default_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = choose_path(None, "art.icles")
    assert path == choose_path(None, "art.icles") == Path("art.icles.failed.jsonl")
    files = [Path("art.icles.failed.jsonl"), Path("art.icles.failed.2.jsonl"), Path("art.icles.failed.3.jsonl")]
    with DeadLetters(path, True) as first, DeadLetters(path, True) as second, DeadLetters(path, True) as third:
        for number, dead in enumerate((first, second, third)):
            dead.add(Document(str(number), "x"), "reason")
            dead.add(Document("again", "x"), "reason")
            assert dead.path == files[number]
    for number, file in enumerate(files):
        assert [orjson.loads(line)["_id"] for line in file.read_bytes().splitlines()] == [str(number), "again"]


def test_entered_again_it_goes_on_in_its_own_file(tmp_path: Path) -> None:
    path, dead = tmp_path / "a.failed.jsonl", DeadLetters(tmp_path / "a.failed.jsonl", True)
    path.write_bytes(b"of an earlier run\n")
    for name in ("1", "2"):
        with dead:
            dead.add(Document(name, "x"), f"reason {name}")
    with pytest.raises(KeyboardInterrupt), dead, dead.together():
        dead.add(Document("not kept", "x"), "reason")
        raise KeyboardInterrupt
    assert (dead.count, dead.first_reason, dead.path) == (2, "reason 1", tmp_path / "a.failed.2.jsonl")
    assert [orjson.loads(line)["_id"] for line in dead.path.read_bytes().splitlines()] == ["1", "2"]
    # Somebody took the file away to mend it.
    dead.path.unlink()
    with dead:
        dead.add(Document("3", "x"), "reason 3")
    assert [orjson.loads(line)["_id"] for line in dead.path.read_bytes().splitlines()] == ["3"]
    assert path.read_bytes() == b"of an earlier run\n"


def test_a_file_can_be_begun_before_anything_is_in_it(tmp_path: Path) -> None:
    with DeadLetters(tmp_path / "dead.jsonl") as dead:
        assert (dead.begun, dead.mark) == (False, None)
        dead.begin()
        dead.begin()
        assert dead.begun
        assert dead.mark is not None
        assert (dead.mark.size, dead.mark.count) == (0, 0)
        dead.add(Document("1", "x"), "reason")
    assert [path.name for path in tmp_path.iterdir()] == ["dead.jsonl"]


def test_a_full_disk_is_told_with_the_next_step(tmp_path: Path) -> None:
    path = tmp_path / "dead.jsonl"
    with (
        room_for(100),
        pytest.raises(SourceError, match=r"cannot be written to .*: name another --dead-letters"),
        DeadLetters(path) as dead,
    ):
        for number in range(10):
            dead.add(Document(str(number), "x" * 20), "reason")
    # Nothing of the line that found no room.
    lines = [orjson.loads(line)["_id"] for line in path.read_bytes().splitlines()]
    assert lines == [str(number) for number in range(len(lines))] != []
    assert path.read_bytes().endswith(b"\n")


@pytest.mark.parametrize("before", [0, 1])
def test_what_is_added_together_stays_together_or_not_at_all(tmp_path: Path, before: int) -> None:
    path = tmp_path / "dead.jsonl"
    with DeadLetters(path) as dead:
        for number in range(before):
            dead.add(Document(str(number), "x"), "early")
        with pytest.raises(KeyboardInterrupt), dead.together():
            dead.add(Document("a", "x"), "taken back")
            raise KeyboardInterrupt
        assert (dead.count, dead.first_reason) == (before, "early" * before)
        with dead.together():
            dead.add(Document("b", "x"), "late")
            dead.add(Document("c", "x"), "later")
        assert (dead.count, dead.first_reason) == (before + 2, "early" if before else "late")
        assert dead.mark is not None
        assert dead.mark.size == path.stat().st_size
    names = [orjson.loads(line)["_id"] for line in path.read_bytes().splitlines()]
    assert names == [*map(str, range(before)), "b", "c"]


def test_a_folder_that_is_not_there_is_wrong_usage(tmp_path: Path) -> None:
    assert choose_path(tmp_path / "x.jsonl", "articles") == tmp_path / "x.jsonl"
    with pytest.raises(UsageError, match="there is no folder"):
        choose_path(tmp_path / "nothing" / "x.jsonl", "articles")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder that even root cannot write into")
def test_a_folder_that_takes_no_files_is_told_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match=r"dead letters cannot be written into /proc \(.+\): name a file elsewhere"):
        choose_path(Path("/proc/x.jsonl"), "articles")
    monkeypatch.chdir("/proc")
    with pytest.raises(UsageError, match="dead letters cannot be written into /proc"):
        choose_path(None, "articles")
