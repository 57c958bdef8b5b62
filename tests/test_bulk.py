"""One batch to a real server behind a proxy that breaks it: what is sent again, what fails, what stops."""

import pytest
from csplade.integration.bulk import Action, Failure, send
from csplade.integration.client import connect
from csplade.integration.documents import Document, bulk_lines
from csplade.integration.errors import ClusterError, CredentialsError, RequestError, UnreachableError
from csplade.integration.index import create_index
from csplade.integration.patience import Patience
from csplade.integration.templates import IndexOptions
from csplade.tests.faulty_proxy import DROP, HALF, FaultyProxy, running
from csplade.tests.word_encoder import word_contract, word_vector
from opensearchpy import OpenSearch

QUICK = Patience(attempts=3, first_wait=0.01, longest_wait=0.02, outage=0.0)


@pytest.fixture
def client(opensearch: str, index_name: str) -> OpenSearch:
    client = connect(opensearch)
    create_index(client, index_name, word_contract(), IndexOptions())
    return client


def actions(*identities: str, year: object = 2000) -> list[Action]:
    documents = [Document(identity, f"bread {identity}", fields={"year": year}) for identity in identities]
    return [Action(document, bulk_lines(document, word_vector(document.text))) for document in documents]


def stored(client: OpenSearch, index: str) -> set[str]:
    client.indices.refresh(index=index)
    return {hit["_id"] for hit in client.search(index=index, body={"size": 1000})["hits"]["hits"]}


@pytest.mark.cluster
@pytest.mark.parametrize("faults", [[429], [503, 502], [504], [DROP, DROP, DROP]])
def test_a_refused_request_is_sent_again(
    opensearch: str, client: OpenSearch, index_name: str, faults: list[int]
) -> None:
    # A dropped connection is tried once more at once, below us: three drops are two of our attempts.
    with running(FaultyProxy(opensearch, faults)) as proxy:
        assert send(connect(proxy.url), index_name, actions("1", "2"), QUICK).failures == []
        assert proxy.faults == []
    assert stored(client, index_name) == {"1", "2"}


@pytest.mark.cluster
def test_what_an_answer_that_was_cut_told_nobody_is_in_doubt(
    opensearch: str, client: OpenSearch, index_name: str
) -> None:
    first = send(client, index_name, actions("1"), QUICK)
    assert (first.created, first.doubtful) == (1, 0)
    # What is cut once is sent again at once, below us.
    with running(FaultyProxy(opensearch, [HALF, HALF])) as proxy:
        cut = send(connect(proxy.url), index_name, actions("1", "2", "3"), QUICK)
    assert (cut.failures, cut.created, cut.doubtful) == ([], 0, 3)
    # Of those that are given up too.
    with running(FaultyProxy(opensearch, [HALF, HALF])) as proxy:
        proxy.refused = {"4": [429] * 9}
        given_up = send(connect(proxy.url), index_name, actions("1", "4"), QUICK)
    assert ([one.document.id for one in given_up.failures], given_up.doubtful) == (["4"], 2)


@pytest.mark.cluster
@pytest.mark.parametrize("status", [429, 503])
def test_only_refused_documents_are_sent_again(
    opensearch: str, client: OpenSearch, index_name: str, status: int
) -> None:
    with running(FaultyProxy(opensearch)) as proxy:
        proxy.refused = {"2": [status], "3": [status, status]}
        assert send(connect(proxy.url), index_name, actions("1", "2", "3"), QUICK).failures == []
        assert proxy.bulks == 3
    assert stored(client, index_name) == {"1", "2", "3"}
    assert {client.get(index=index_name, id=one)["_version"] for one in "123"} == {1}


@pytest.mark.cluster
def test_a_document_refused_every_time_fails_and_the_others_do_not(
    opensearch: str, client: OpenSearch, index_name: str
) -> None:
    batch = actions("1", "2")
    with running(FaultyProxy(opensearch)) as proxy:
        proxy.refused = {"2": [429] * 9}
        (failure,) = send(connect(proxy.url), index_name, batch, QUICK).failures
    assert failure.document is batch[1].document
    assert "queue is full" in failure.reason
    assert "3 attempts" in failure.reason
    assert stored(client, index_name) == {"1"}


@pytest.mark.cluster
def test_a_cluster_that_takes_nothing_stops_the_run(opensearch: str, client: OpenSearch, index_name: str) -> None:
    with running(FaultyProxy(opensearch, [429] * 9)) as proxy:
        with pytest.raises(RequestError) as caught:
            send(connect(proxy.url), index_name, actions("1", "2"), QUICK)
        assert (caught.value.status, proxy.bulks) == (429, 3)
        proxy.faults = []
        proxy.refused = {"1": [503] * 9, "2": [503] * 9}
        with pytest.raises(RequestError, match="takes no documents"):
            send(connect(proxy.url), index_name, actions("1", "2"), QUICK)
    with pytest.raises(UnreachableError):
        send(connect(proxy.url), index_name, actions("1"), QUICK)
    assert stored(client, index_name) == set()


@pytest.mark.cluster
def test_a_cluster_that_goes_away_in_the_middle_of_a_batch_fails_no_document(
    opensearch: str, client: OpenSearch, index_name: str
) -> None:
    with running(FaultyProxy(opensearch, [None] + [503] * 9)) as proxy:
        proxy.refused = {"2": [503]}
        with pytest.raises(RequestError, match="answered 503"):
            send(connect(proxy.url), index_name, actions("1", "2"), QUICK)
    assert stored(client, index_name) == {"1"}


@pytest.mark.cluster
@pytest.mark.parametrize(("status", "error"), [(401, CredentialsError), (403, CredentialsError), (400, RequestError)])
def test_a_refusal_that_waiting_does_not_cure_stops_at_once(
    opensearch: str, client: OpenSearch, index_name: str, status: int, error: type[ClusterError]
) -> None:
    with running(FaultyProxy(opensearch, [status])) as proxy:
        with pytest.raises(error):
            send(connect(proxy.url), index_name, actions("1"), QUICK)
        assert proxy.bulks == 1
    assert stored(client, index_name) == set()


@pytest.mark.cluster
def test_a_batch_too_large_for_a_proxy_is_halved_and_a_document_too_large_fails(
    opensearch: str, client: OpenSearch, index_name: str
) -> None:
    batch = actions(*"12345", "6" * 300)
    with running(FaultyProxy(opensearch, largest=2 * len(batch[0].lines) + 1)) as proxy:
        (failure,) = send(connect(proxy.url), index_name, batch, QUICK).failures
    assert failure.document.id == "6" * 300
    assert "413" in failure.reason
    assert stored(client, index_name) == set("12345")


@pytest.mark.cluster
def test_a_document_that_conflicts_with_the_mapping_fails_with_the_reason(client: OpenSearch, index_name: str) -> None:
    assert send(client, index_name, actions("1"), QUICK).failures == []
    (failure,) = send(client, index_name, actions("2", year="soon"), QUICK).failures
    assert isinstance(failure, Failure)
    assert failure.reason.startswith("mapper_parsing_exception: failed to parse field [year]")
    assert stored(client, index_name) == {"1"}
