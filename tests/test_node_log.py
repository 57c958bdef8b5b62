"""The log of a server: its end, what is added, and why a server died (with words that real servers said)."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from csplade.integration.node_log import follow, reason, tail

FROM_JAVA = """\
warning: no-jdk distributions that do not bundle a JDK are deprecated and will be removed in a future release
     bool ShowCodeDetailsInExceptionMessages       = true                                   {manageable} {default}
Error occurred during initialization of VM
java.lang.Error: A command line option has attempted to allow or enable the Security Manager.
\tat java.lang.System.initPhase3(java.base@25.0.3/System.java:1970)
"""
FROM_CHECKED_JAVA = """\
Exception in thread "main" java.lang.RuntimeException: starting java failed with [1]
output:
error:
Error occurred during initialization of VM
Too small maximum heap
\tat org.elasticsearch.tools.launchers.JvmErgonomics.flagsFinal(JvmErgonomics.java:129)
"""
FROM_SERVER = """\
[2026-11-24T16:29:00,087][INFO ][o.o.n.Node               ] [n1] node name [n1]
[2026-11-24T16:29:01,087][ERROR][o.o.b.OpenSearchUncaughtExceptionHandler] [n1] uncaught exception in thread [main]
org.opensearch.bootstrap.StartupException: java.lang.IllegalArgumentException: unknown setting [a.b]
\tat org.opensearch.bootstrap.OpenSearch.init(OpenSearch.java:185) ~[opensearch-2.19.0.jar:2.19.0]
Caused by: java.lang.IllegalArgumentException: unknown setting [a.b]
\tat org.opensearch.common.settings.AbstractScopedSettings.validate(AbstractScopedSettings.java:609)
"""
FROM_SCRIPT = "could not find java in OPENSEARCH_JAVA_HOME at /nowhere/bin/java\n\n"
FROM_CHECKS = """\
[2026-11-24T16:29:01,087][ERROR][o.e.b.Elasticsearch      ] [n1] node validation exception
[2026-11-24T16:29:01,100][INFO ][o.e.n.Node               ] [n1] closed
"""


@pytest.mark.parametrize(
    ("log", "told"),
    [
        (FROM_JAVA, "java.lang.Error: A command line option has attempted to allow or enable the Security Manager."),
        (FROM_CHECKED_JAVA, "Too small maximum heap"),
        (
            FROM_SERVER,
            "org.opensearch.bootstrap.StartupException: java.lang.IllegalArgumentException: unknown setting [a.b]",
        ),
        (FROM_CHECKS, "[n1] node validation exception"),
        (FROM_SCRIPT, "could not find java in OPENSEARCH_JAVA_HOME at /nowhere/bin/java"),
        ("", "it said nothing"),
    ],
)
def test_the_reason_is_what_tells_best(tmp_path: Path, log: str, told: str) -> None:
    (tmp_path / "node.log").write_text(log)
    assert reason(tmp_path / "node.log") == told


def test_a_long_reason_is_cut(tmp_path: Path) -> None:
    (tmp_path / "node.log").write_text("x" * 10_000)
    assert len(reason(tmp_path / "node.log")) == 400


def test_the_end_of_a_log_is_read_whatever_is_in_it(tmp_path: Path) -> None:
    log = tmp_path / "node.log"
    assert tail(log, 5) == []
    log.write_bytes(b"one\ntwo\ncaf\xe9\nlast")
    assert tail(log, 3) == ["two", "caf\N{REPLACEMENT CHARACTER}", "last"]
    assert tail(log, 0) == []


def test_what_is_added_follows_until_the_server_ends(tmp_path: Path) -> None:
    log = tmp_path / "node.log"
    log.write_text("one\ntwo\n")
    additions = iter(["", "thr", "ee\nfour\n", "last words\n"])

    def goes_on() -> bool:
        addition = next(additions, None)
        with log.open("a") as file:
            file.write(addition or "")
        return addition is not None

    found: Iterator[str] = follow(log, 1, goes_on)
    assert list(found) == ["two", "three", "four", "last words"]
