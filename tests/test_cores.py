"""Cores that a process can keep busy: by the texts in which Linux tells quotas, and by files that hold such texts."""

import os
from pathlib import Path

import pytest
from csplade.pipelines.cores import cores, group_paths, quota

ALLOWED = 8


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("max 100000\n", None),
        ("200000 100000\n", 2),
        ("150000 100000\n", 2),
        ("5000 100000\n", 1),
        ("400000 50000\n", 8),
        ("", None),
        ("100000 0\n", None),
        ("-1 100000\n", None),
    ],
)
def test_a_quota_is_a_number_of_cores(text: str, expected: int | None) -> None:
    assert quota(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0::/\n", [""]),
        ("0::/box/job\n", ["", "box", "box/job"]),
        ("12:cpu,cpuacct:/old\n0::/box\n", ["", "box"]),
        ("12:cpu,cpuacct:/old\n", [""]),
        ("", [""]),
    ],
)
def test_a_process_is_in_a_group_and_in_all_around_it(text: str, expected: list[str]) -> None:
    assert group_paths(text) == expected


@pytest.mark.parametrize(
    ("outer", "inner", "expected"),
    [("max", "max", ALLOWED), ("300000", "max", 3), ("max", "200000", 2), ("300000", "9900000", 3)],
)
def test_the_narrowest_of_all_groups_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, outer: str, inner: str, expected: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _process: set(range(ALLOWED)), raising=False)
    (tmp_path / "box" / "job").mkdir(parents=True)
    (tmp_path / "own").write_text("0::/box/job\n")
    for folder, given in (("box", outer), ("box/job", inner)):
        (tmp_path / folder / "cpu.max").write_text(f"{given} 100000\n")
    assert cores(tmp_path, tmp_path / "own") == expected


def test_where_nothing_tells_of_groups_it_is_the_cores_that_one_may_run_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _process: set(range(ALLOWED)), raising=False)
    assert cores(tmp_path, tmp_path / "own") == ALLOWED
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert cores(tmp_path, tmp_path / "own") == 1
