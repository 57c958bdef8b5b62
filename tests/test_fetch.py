"""Downloads: the right file, a damaged one, none at all; with a small real file of Maven Central."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest
from csplade.integration.errors import NodeError
from csplade.integration.fetch import check, fetch
from csplade.integration.servers import OPENSEARCH_2, Artifact
from csplade.pipelines.errors import MissingExtraError

# 85 kB
SMALL = OPENSEARCH_2.modules[0].jar


def ignore(_text: str) -> None:
    pass


@pytest.mark.cluster
def test_a_file_is_fetched_and_told_of(tmp_path: Path) -> None:
    told: list[str] = []
    path = fetch(replace(SMALL, megabytes=20), tmp_path, told.append)
    assert path.is_relative_to(tmp_path)
    check(path, SMALL)
    assert told == [f"Downloading {SMALL.title} (20 MB)", *(f"Downloading {SMALL.title}: {n}%" for n in (25, 50, 75))]


@pytest.mark.cluster
def test_a_file_with_another_checksum_is_deleted_and_told(tmp_path: Path) -> None:
    with pytest.raises(NodeError, match=rf"is damaged and was deleted \(SHA-256 {SMALL.sha256}, expected 00"):
        fetch(replace(SMALL, sha256="0" * 64), tmp_path, ignore)
    assert not list(tmp_path.rglob("*.jar"))


@pytest.mark.cluster
def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    missing = Artifact(SMALL.group, SMALL.name, "0.0.0", "jar", 0, "")
    with pytest.raises(NodeError, match=r"mapper-extras-client 0\.0\.0 cannot be downloaded \(.+not found"):
        fetch(missing, tmp_path, ignore)


def test_without_a_network_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Nothing listens there.
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    with pytest.raises(NodeError, match=r"mapper-extras-client 2\.19\.0 cannot be downloaded \(Connection refused\)$"):
        fetch(SMALL, tmp_path, ignore)


def test_without_jgo_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jgo.maven", None)
    with pytest.raises(MissingExtraError, match=r"'jgo': install it with  pip install 'csplade\[node\]'"):
        fetch(SMALL, tmp_path, ignore)
