"""A cluster is asked what it is: by its root or its nodes, and with less where a user may not ask everything."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from csplade.integration.client import connect
from csplade.integration.detect import clauses_of_heap, read_dialect
from csplade.integration.dialect import NEURAL_SEARCH, Clause
from csplade.integration.errors import ClusterError, IndexConflictError, RequestError
from csplade.integration.index import require_index
from csplade.tests.cluster_lines import SERVERS, ClusterLine
from csplade.tests.word_encoder import word_contract

NEURAL = {"plugins": [{"name": NEURAL_SEARCH}, {"name": "opensearch-knn"}], "roles": ["data", "ingest"]}
KNN = {"plugins": [{"name": "opensearch-knn"}], "roles": ["data_hot"]}
MANAGER = {"plugins": [], "roles": ["cluster_manager"]}
OPENSEARCH = {"version": {"distribution": "opensearch", "number": "3.6.0"}}


class _Handler(BaseHTTPRequestHandler):
    server: "_Described"

    def do_GET(self) -> None:
        status, value = self.server.answers.get(self.path.split("?")[0].split("/")[1], (403, {"error": "not you"}))
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(value).encode())

    def log_message(self, format: str, *args: object) -> None:
        """Stay quiet."""


class _Described(HTTPServer):
    """Answers by the first part of a path; what it has no answer for, nobody may ask."""

    answers: dict[str, tuple[int, object]]


@contextmanager
def cluster(root: object, nodes: object = None, settings: object = None, **indexes: object) -> Iterator[str]:
    """Give the URL of something that describes itself, and mappings of indexes, like that."""
    with _Described(("127.0.0.1", 0), _Handler) as server:
        found = {"": root, "_nodes": nodes, "_cluster": settings, **indexes}
        server.answers = {name: (200, answer) for name, answer in found.items() if answer is not None}
        if root == 405:
            # As Elasticsearch 9.2 does when it was built without the module of its root.
            server.answers[""] = (405, {"error": "Incorrect HTTP method for uri [/] and method [GET], allowed: []"})
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def nodes(*each: object) -> dict[str, object]:
    return {"nodes": {f"n{number}": node for number, node in enumerate(each)}}


def limit(part: str, clauses: int) -> dict[str, object]:
    return {part: {"indices": {"query": {"bool": {"max_clause_count": str(clauses)}}}}}


def test_a_cluster_without_an_answer_at_its_root_is_asked_by_its_nodes() -> None:
    said = r"the cluster is elasticsearch 6\.8\.0, and csplade knows OpenSearch 2 and 3, and Elasticsearch from 7\.12"
    with cluster(405, nodes({"version": "6.8.0"})) as url:
        with pytest.raises(ClusterError, match=said):
            read_dialect(connect(url))
        with pytest.raises(ClusterError, match=said) as caught:
            require_index(connect(url), "articles", None)
    assert not isinstance(caught.value, IndexConflictError)


@pytest.mark.parametrize("answer", [{}, {"version": "3.8.0"}, {"tagline": "hello"}, []])
def test_what_does_not_say_its_version_is_told(answer: object) -> None:
    with cluster(answer) as url, pytest.raises(RequestError, match="does not say which version it is: check --url"):
        read_dialect(connect(url))


@pytest.mark.parametrize(
    ("held", "clause"),
    [
        ((NEURAL,), Clause.NEURAL_SPARSE),
        ((NEURAL, NEURAL, MANAGER), Clause.NEURAL_SPARSE),
        # A node without the plugin would refuse the clause.
        ((NEURAL, KNN), Clause.RANK_FEATURE),
        ((MANAGER,), Clause.RANK_FEATURE),
    ],
)
def test_a_plugin_counts_if_every_node_with_data_has_it(held: tuple[object, ...], clause: Clause) -> None:
    with cluster(OPENSEARCH, nodes(*held)) as url:
        assert read_dialect(connect(url)).clause is clause


def test_who_may_not_ask_for_plugins_and_limits_gets_what_every_cluster_has() -> None:
    with cluster(OPENSEARCH) as url:
        found = read_dialect(connect(url))
    assert (found.version, found.clause, found.max_clauses) == ("3.6.0", Clause.RANK_FEATURE, 1024)
    with cluster({"version": {"number": "9.2.0"}}) as url:
        assert read_dialect(connect(url)).max_clauses == 1024


@pytest.mark.parametrize("field_type", ["rank_features", "sparse_vector"])
def test_who_may_search_but_not_ask_what_the_cluster_is_asks_as_the_field_wants(field_type: str) -> None:
    meta = {"csplade": {"fingerprint": word_contract().fingerprint, "format": 1}}
    mappings = {"_meta": meta, "properties": {"csplade_terms": {"type": field_type}}}
    with cluster(None, articles={"articles": {"mappings": mappings}}) as url:
        found = require_index(connect(url), "articles", word_contract())
    assert (found.version, found.field_type) == ("", field_type)
    assert found.clause == {"rank_features": "rank_feature"}.get(field_type, field_type)


def test_a_limit_that_is_set_for_now_is_stronger_than_one_that_is_set_and_that_than_the_default() -> None:
    every = limit("defaults", 1024) | limit("persistent", 2000) | limit("transient", 3000)
    for part, clauses in (("transient", 3000), ("persistent", 2000), ("defaults", 1024)):
        with cluster(OPENSEARCH, settings=every) as url:
            assert read_dialect(connect(url)).max_clauses == clauses
        del every[part]


def test_newer_elasticsearch_computes_its_limit_of_the_node_with_the_least_room() -> None:
    def node(heap_mb: int, threads: int, role: str) -> dict[str, object]:
        heap = {"mem": {"heap_max_in_bytes": heap_mb * 2**20}}
        return {"jvm": heap, "thread_pool": {"search": {"size": threads}}, "roles": [role]}

    held = nodes(node(4096, 4, "data"), node(384, 4, "data_hot"), node(1, 100, "master"))
    # Its setting is there, with no effect.
    with cluster({"version": {"number": "9.2.0"}}, held, limit("defaults", 4096)) as url:
        assert read_dialect(connect(url)).max_clauses == 6144
    with cluster({"version": {"number": "8.0.0"}}, held, limit("defaults", 1024)) as url:
        assert read_dialect(connect(url)).max_clauses == 1024
    assert clauses_of_heap(30 * 1024, 73) == 26932
    assert clauses_of_heap(64, 13) == 1024


@pytest.mark.cluster
def test_a_server_says_what_it_is(line: ClusterLine) -> None:
    server = SERVERS[line.name]
    assert (line.dialect.distribution, line.dialect.version) == (server.flavor, server.version)
    expected = {
        "opensearch-3.6-neural": ("rank_features", Clause.NEURAL_SPARSE),
        "elasticsearch-9.2": ("sparse_vector", Clause.SPARSE_VECTOR),
    }
    usual = ("rank_features", Clause.RANK_FEATURE)
    assert (line.dialect.field_type, line.dialect.clause) == expected.get(line.name, usual)


@pytest.mark.cluster
def test_a_limit_that_somebody_sets_is_read(line: ClusterLine) -> None:
    if line.dialect.distribution == "elasticsearch":
        # There it is no setting that can be changed while the server runs.
        assert line.dialect.max_clauses >= 1024
        return
    key = "indices.query.bool.max_clause_count"
    try:
        line.client.cluster.put_settings(body={"transient": {key: 1500}})
        assert read_dialect(line.client).max_clauses == 1500
    finally:
        line.client.cluster.put_settings(body={"transient": {key: None}})
    assert read_dialect(line.client).max_clauses == 1024
