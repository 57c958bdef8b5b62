"""Checkpoints: what they hold after a crash, and when they count for nothing."""

from dataclasses import replace
from pathlib import Path

import pytest
from csplade.integration.checkpoint import Checkpoint, Job
from csplade.integration.dead_letters import DeadLetters, Mark
from csplade.integration.documents import Document
from csplade.pipelines.errors import SourceError, UsageError
from csplade.tests.small_disk import room_for

JOB = Job("digest", "articles", "uuid", "fingerprint", "options")


def held(path: Path, job: Job = JOB, most: int = 12) -> list[int]:
    with Checkpoint.open(path, job) as checkpoint:
        return [number for number in range(most) if checkpoint.holds(number)]


def test_what_was_settled_in_any_order_is_held_by_the_next_run(tmp_path: Path) -> None:
    path = tmp_path / "a.checkpoint"
    with Checkpoint.open(path, JOB) as checkpoint:
        assert not checkpoint.resumed
        checkpoint.settle(6, 9, [7], None)
        checkpoint.settle(0, 2, [], None)
    assert held(path) == [0, 1, 6, 7, 8]
    with Checkpoint.open(path, JOB) as checkpoint:
        assert checkpoint.resumed
        assert [number for number in range(12) if checkpoint.failed(number)] == [7]
        checkpoint.settle(2, 6, [], None)
    assert held(path) == list(range(9))
    checkpoint.remove()
    assert held(path) == []


@pytest.mark.parametrize(
    "rest", [b'{"from": 2, "to"', b'{"from": 2, "to": 4, "failed": [], "dead": null}', b"\x00\x00\n"]
)
def test_a_line_that_was_cut_off_is_as_if_never_written(tmp_path: Path, rest: bytes) -> None:
    path = tmp_path / "a.checkpoint"
    with Checkpoint.open(path, JOB) as checkpoint:
        checkpoint.settle(0, 2, [], None)
    whole = path.read_bytes()
    path.write_bytes(whole + rest)
    with Checkpoint.open(path, JOB) as checkpoint:
        checkpoint.settle(8, 9, [], None)
    assert path.read_bytes().startswith(whole + b'{"from":8')
    assert held(path) == [0, 1, 8]


@pytest.mark.parametrize("name", ["source", "index", "uuid", "fingerprint", "options"])
def test_a_file_of_another_job_counts_for_nothing(tmp_path: Path, name: str) -> None:
    path = tmp_path / "a.checkpoint"
    with Checkpoint.open(path, JOB) as checkpoint:
        checkpoint.settle(0, 2, [], None)
    assert held(path, replace(JOB, **{name: "other"})) == []
    assert held(path) == []


def test_two_runs_do_not_share_a_file(tmp_path: Path) -> None:
    path = tmp_path / "a.checkpoint"
    with Checkpoint.open(path, JOB), pytest.raises(UsageError, match=r"another run writes to .*a\.checkpoint"):
        Checkpoint.open(path, JOB)
    assert held(path) == []


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"cannot be written .*--checkpoint"):
        Checkpoint.open(tmp_path / "nothing" / "a.checkpoint", JOB)


def test_a_full_disk_is_told_with_the_next_step_and_what_was_settled_before_is_held(tmp_path: Path) -> None:
    path = tmp_path / "a.checkpoint"
    told = r"the checkpoint .*a\.checkpoint cannot be written .*: make room, and run again"
    with room_for(20), pytest.raises(SourceError, match=told):
        Checkpoint.open(path, JOB)
    with room_for(200), pytest.raises(SourceError, match=told), Checkpoint.open(path, JOB) as checkpoint:
        for number in range(10):
            checkpoint.settle(number, number + 1, [], None)
    assert held(path) == [0, 1]


def test_dead_letters_go_on_behind_what_was_settled(tmp_path: Path) -> None:
    path = tmp_path / "dead.jsonl"
    with DeadLetters(path) as dead:
        dead.add(Document("1", "x"), "first")
        mark = dead.mark
        # Written, and then the run was killed before it was settled.
        dead.add(Document("2", "x"), "second")
    assert mark is not None
    with Checkpoint.open(tmp_path / "c", JOB) as checkpoint:
        checkpoint.settle(0, 1, [0], mark)
    with Checkpoint.open(tmp_path / "c", JOB) as checkpoint:
        assert checkpoint.mark == mark
    with DeadLetters(path) as dead:
        dead.resume(mark)
        dead.add(Document("2", "x"), "second")
        assert (dead.count, dead.first_reason) == (2, "first")
    assert path.read_bytes().count(b"\n") == 2


def test_dead_letters_that_were_taken_away_only_count_on(tmp_path: Path) -> None:
    gone = Mark(str(tmp_path / "gone.jsonl"), 10, 3, "first")
    with DeadLetters(tmp_path / "dead.jsonl") as dead:
        dead.resume(gone)
        assert dead.mark == gone
        dead.add(Document("2", "x"), "second")
        assert (dead.count, dead.first_reason, dead.path.name) == (4, "first", "dead.jsonl")


def test_a_batch_that_reaches_over_an_earlier_one_hides_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.checkpoint"
    with Checkpoint.open(path, JOB) as checkpoint:
        checkpoint.settle(4, 6, [], None)
        checkpoint.settle(1, 9, [8], None)
        checkpoint.settle(1, 1, [], None)
    assert held(path) == list(range(1, 9))


def test_a_run_that_settled_nothing_leaves_no_file(tmp_path: Path) -> None:
    path = tmp_path / "a.checkpoint"
    with pytest.raises(KeyboardInterrupt), Checkpoint.open(path, JOB):
        assert path.exists()
        raise KeyboardInterrupt
    assert not path.exists()
