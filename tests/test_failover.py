"""Several addresses of one cluster: they take turns, and a node that is gone is left out while it is."""

import socket
import time
from collections.abc import Iterator

import opensearchpy
import pytest
from csplade.integration import client as connections
from csplade.integration.client import connect
from csplade.integration.errors import RequestError, UnreachableError
from csplade.integration.node import Node, NodeOptions
from csplade.integration.ports import free_port
from csplade.integration.processes import end
from csplade.integration.servers import ELASTICSEARCH_7
from csplade.tests.local_node import running
from csplade.tests.one_answer import Server
from csplade.tests.one_answer import running as answering


@pytest.fixture
def two_nodes() -> Iterator[Node]:
    with running(NodeOptions(ELASTICSEARCH_7, port=0, members=2, heap_mb=256, quick_start=True)) as node:
        yield node


def asked_member(client: opensearchpy.OpenSearch) -> str:
    """Return the name of the node that answered."""
    (node,) = client.nodes.info(node_id="_local")["nodes"].values()
    return str(node["name"])


@pytest.mark.cluster
def test_requests_go_on_when_one_of_two_nodes_is_stopped(two_nodes: Node) -> None:
    client = connect(",".join(member.url for member in two_nodes.members))
    assert {asked_member(client) for _ in range(4)} == {"n1", "n2"}
    client.indices.create(index="a", body={"settings": {"number_of_replicas": 1}})
    client.cluster.health(params={"wait_for_status": "green"})
    # Of two nodes only one votes; without it there would be no cluster.
    state = client.cluster.state(params={"filter_path": "metadata.cluster_coordination,nodes.*.name"})
    (voting,) = state["metadata"]["cluster_coordination"]["last_committed_config"]
    manager = state["nodes"][voting]["name"]
    (stopped,) = (member for member in two_nodes.members if member.name != manager)
    end([stopped.process], 30)
    lost = 0
    for number in range(20):
        client.index(index="a", id=str(number), body={"n": number})
        lost += not client.exists(index="a", id=str(number))
    assert lost == 0
    client.indices.refresh(index="a")
    assert client.count(index="a")["count"] == 20
    assert {asked_member(client) for _ in range(4)} == {manager}


def test_a_node_that_is_gone_is_not_asked_again_and_again() -> None:
    with answering(Server(200, b"{}")) as living:
        client = connect(f"http://127.0.0.1:{free_port()},{living.url}")
        for _ in range(10):
            client.info()
        assert len(living.requests) == 10
        assert len(client.transport.connection_pool.connections) == 1


def test_a_node_that_does_not_answer_in_time_is_left_out_too() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, answering(Server(200, b"{}")) as living:
        client = connect(f"http://127.0.0.1:{silent.getsockname()[1]},{living.url}")
        late = 0
        for _ in range(6):
            try:
                client.cluster.health(params={"request_timeout": 3})
            except UnreachableError as error:
                assert "did not answer in time" in str(error)
                late += 1
        assert (late, len(living.requests)) == (1, 5)


def test_a_node_that_comes_back_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "_LEFT_OUT_SECONDS", 0.2)
    with answering(Server(200, b"{}")) as living:
        port = free_port()
        client = connect(f"http://127.0.0.1:{port},{living.url}")
        for _ in range(3):
            client.info()
        late = Server(200, b"{}", port=port)
        with answering(late):
            time.sleep(0.5)
            for _ in range(4):
                client.info()
    assert late.requests
    assert living.requests


def test_where_no_address_answers_all_are_named_and_tried() -> None:
    urls = [f"http://127.0.0.1:{free_port()}" for _ in range(3)]
    client = connect(",".join(urls))
    for _ in range(3):
        with pytest.raises(UnreachableError, match=rf"no cluster answers at {','.join(urls)} \(Connection refused\)"):
            client.info()


def test_two_of_three_nodes_may_be_gone() -> None:
    with answering(Server(200, b"{}")) as living:
        for _ in range(5):
            dead = [f"http://127.0.0.1:{free_port()}" for _ in range(2)]
            connect(",".join([*dead, living.url])).info()
        assert len(living.requests) == 5


def test_an_error_that_the_cluster_answers_is_not_asked_for_elsewhere() -> None:
    with answering(Server(503, b"{}")) as busy, answering(Server(503, b"{}")) as other:
        with pytest.raises(RequestError, match="answered 503"):
            connect(f"{busy.url},{other.url}").info()
        assert len(busy.requests) + len(other.requests) == 1
