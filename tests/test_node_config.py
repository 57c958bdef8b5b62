"""The configuration of a member: settings as YAML, options of its Java, its environment."""

from pathlib import Path

import pytest
from csplade.integration.java import Java
from csplade.integration.node_config import (
    Seat,
    as_yaml,
    environment,
    java_switches,
    jvm_options,
    settings_of,
    write_config,
)
from csplade.integration.servers import ELASTICSEARCH_7, ELASTICSEARCH_9, OPENSEARCH_3, Server

FOLDER = Path("/data/n1")
SEATS = [Seat("n1", 9200, 9300), Seat("n2", 9201, 9301)]
JAVA = Java(Path("/java"), 21)
SHIPPED = """\
# a comment
-Xms1g
-XX:HeapDumpPath=data
9-:-Xlog:gc*:file=logs/gc.log:utctime
20-:--add-modules=jdk.incubator.vector
"""


@pytest.mark.parametrize("server", [OPENSEARCH_3, ELASTICSEARCH_7, ELASTICSEARCH_9])
def test_a_member_listens_to_this_machine_only_and_takes_a_nearly_full_disk(server: Server) -> None:
    settings = settings_of(server, SEATS[0], SEATS[:1], FOLDER)
    assert settings["network.host"] == "127.0.0.1"
    assert settings["cluster.routing.allocation.disk.threshold_enabled"] is False
    assert settings["discovery.type"] == "single-node"
    assert (settings["http.port"], settings["transport.port"]) == (9200, 9300)
    assert (settings["path.data"], settings["path.logs"]) == ("/data/n1/data", "/data/n1/logs")
    # All members of a cluster have to find it.
    assert settings["path.repo"] == "/data/snapshots"
    # An unknown setting stops a server.
    assert ("xpack.security.enabled" in settings) == (server is ELASTICSEARCH_9)


@pytest.mark.parametrize(
    ("server", "managers"),
    [
        (OPENSEARCH_3, "cluster.initial_cluster_manager_nodes"),
        (ELASTICSEARCH_7, "cluster.initial_master_nodes"),
    ],
)
def test_members_of_a_cluster_know_each_other(server: Server, managers: str) -> None:
    settings = settings_of(server, SEATS[1], SEATS, FOLDER)
    assert settings["node.name"] == "n2"
    assert settings[managers] == ["n1", "n2"]
    assert settings["discovery.seed_hosts"] == ["127.0.0.1:9300", "127.0.0.1:9301"]
    assert "discovery.type" not in settings


def test_settings_are_yaml() -> None:
    text = as_yaml({"a.b": 'say "x": y', "c": False, "d": ["n1", "n2"], "e": 1})
    assert text == 'a.b: "say \\"x\\": y"\nc: false\nd: ["n1", "n2"]\ne: 1\n'


def test_no_option_leads_into_the_servers_own_folder() -> None:
    assert jvm_options(SHIPPED, JAVA) == "# a comment\n-Xms1g\n20-:--add-modules=jdk.incubator.vector\n"


def test_the_wheel_is_not_asked_for_a_module_it_lacks() -> None:
    assert "jdk.incubator.vector" not in jvm_options(SHIPPED, Java(Path("/wheel"), 25, from_wheel=True))


def test_a_member_gets_nothing_of_the_callers_environment_but_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CSPLADE_PASSWORD", "geheim")
    assert environment(OPENSEARCH_3, FOLDER, JAVA, "-Xmx512m", "/bin") == {
        "PATH": "/bin",
        "HOME": "/data/n1/tmp",
        "JAVA_HOME": "/java",
        "OPENSEARCH_JAVA_HOME": "/java",
        "OPENSEARCH_PATH_CONF": "/data/n1/config",
        "OPENSEARCH_TMPDIR": "/data/n1/tmp",
        "OPENSEARCH_JAVA_OPTS": "-Xmx512m",
    }
    assert environment(ELASTICSEARCH_9, FOLDER, JAVA, "", "/bin")["ES_PATH_CONF"] == "/data/n1/config"


def test_java_gets_its_heap_and_compiles_less_for_a_quick_start() -> None:
    assert java_switches(512, quick_start=False) == "-Xms512m -Xmx512m"
    assert java_switches(512, quick_start=True) == "-Xms512m -Xmx512m -XX:TieredStopAtLevel=1"


def test_a_configuration_is_a_copy_and_is_written_anew_each_time(tmp_path: Path) -> None:
    shipped = tmp_path / "home" / "config"
    shipped.mkdir(parents=True)
    for name in ("elasticsearch.yml", "users", "log4j2.properties"):
        (shipped / name).write_text("shipped")
    (shipped / "jvm.options").write_text(SHIPPED)
    member = tmp_path / "n1"
    for port in (9200, 9201):
        write_config(ELASTICSEARCH_9, tmp_path / "home", member, JAVA, {"http.port": port})
    config = {path.name: path.read_text() for path in (member / "config").iterdir()}
    assert config["elasticsearch.yml"] == "http.port: 9201\n"
    assert config["users"] == "shipped"
    assert "gc.log" not in config["jvm.options"]
    assert "console" in config["log4j2.properties"]
    assert (shipped / "jvm.options").read_text() == SHIPPED
