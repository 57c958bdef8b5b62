"""A file is told from another one that has its name by now."""

from pathlib import Path

import pytest
from csplade.pipelines.known_file import KnownFile

LINE = b'{"_id":"1"}\n'


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "odd\nname"
    path.write_bytes(LINE + b"another line\n")
    return path


def test_it_is_known_again_from_what_is_told_of_it(path: Path) -> None:
    known = KnownFile.read(KnownFile.of(path, LINE).told)
    assert known is not None and known.path == path.resolve() and known.is_there()
    with path.open("r+b") as file:
        file.truncate(0)
    assert known.is_there()


def test_another_one_of_the_same_inode_or_of_the_same_content_is_not_it(path: Path) -> None:
    known = KnownFile.of(path, LINE)
    with path.open("r+b") as file:
        file.write(LINE.replace(b"1", b"2"))
    assert not known.is_there()
    path.rename(path.with_name("moved"))
    assert not known.is_there()
    path.write_bytes(LINE)
    assert not known.is_there()


@pytest.mark.parametrize("told", [b"", b"/somewhere/encode.failed.jsonl", b"1:2:abc /somewhere"])
def test_what_tells_of_no_file_is_none(told: bytes) -> None:
    assert KnownFile.read(told) is None
