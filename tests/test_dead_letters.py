"""Dead letters: a file that appears with its first line and overwrites nothing."""

from pathlib import Path

import orjson
import pytest
from csplade.integration.dead_letters import DeadLetters, free_path
from csplade.integration.documents import Document, Rejected
from csplade.pipelines.errors import SourceError, UsageError


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
    assert free_path(None, "articles") == Path("articles.failed.jsonl")
    Path("articles.failed.jsonl").touch()
    Path("articles.failed.2.jsonl").touch()
    assert free_path(None, "articles") == Path("articles.failed.3.jsonl")
    with pytest.raises(UsageError, match="exists, and dead letters overwrite nothing"):
        free_path(Path("articles.failed.jsonl"), "articles")
    with DeadLetters(Path("articles.failed.jsonl")) as dead, pytest.raises(SourceError, match="cannot be written"):
        dead.add(Document("1", "x"), "reason")


def test_a_folder_that_is_not_there_is_wrong_usage(tmp_path: Path) -> None:
    assert free_path(tmp_path / "x.jsonl", "articles") == tmp_path / "x.jsonl"
    with pytest.raises(UsageError, match="there is no folder"):
        free_path(tmp_path / "nothing" / "x.jsonl", "articles")
