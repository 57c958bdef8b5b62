"""Dialects: which clusters are known, and how others are refused."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from csplade.integration.client import connect
from csplade.integration.dialect import Dialect, dialect_for, read_dialect
from csplade.integration.errors import ClusterError, IndexConflictError
from csplade.integration.index import require_index


@pytest.mark.parametrize("version", ["2.19.0", "3.8.0", "3.9.0-SNAPSHOT"])
def test_opensearch_2_and_3_score_rank_features(version: str) -> None:
    assert dialect_for("opensearch", version) == Dialect("opensearch", version, "rank_features", "rank_feature", 1024)


@pytest.mark.parametrize(
    ("distribution", "version"), [("opensearch", "1.3.0"), ("elasticsearch", "6.8.0"), ("other", "three")]
)
def test_another_cluster_is_refused_by_name_and_version(distribution: str, version: str) -> None:
    with pytest.raises(ClusterError, match=rf"the cluster is {distribution} {version}"):
        dialect_for(distribution, version)


class _Rootless(BaseHTTPRequestHandler):
    """Answers as Elasticsearch 9.2 does when it was built without the module of its root."""

    def do_GET(self) -> None:
        if self.path.startswith("/_nodes"):
            self._answer(200, {"nodes": {"aPbX": {"version": "9.2.0"}}})
        else:
            self._answer(405, {"error": "Incorrect HTTP method for uri [/] and method [GET], allowed: []"})

    def _answer(self, status: int, value: object) -> None:
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(value).encode())

    def log_message(self, format: str, *args: object) -> None:
        """Stay quiet."""


@pytest.fixture
def rootless() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), _Rootless) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_a_cluster_without_an_answer_at_its_root_is_asked_by_its_nodes(rootless: str) -> None:
    client = connect(rootless)
    said = "the cluster is elasticsearch 9.2.0, and csplade knows OpenSearch 2 and 3 so far"
    with pytest.raises(ClusterError, match=said):
        read_dialect(client)
    with pytest.raises(ClusterError, match=said) as caught:
        require_index(client, "articles", None)
    assert not isinstance(caught.value, IndexConflictError)


@pytest.mark.cluster
def test_the_server_says_what_it_is(opensearch: str) -> None:
    dialect = read_dialect(connect(opensearch))
    assert dialect.distribution == "opensearch"
    assert dialect.version.startswith("3.")
