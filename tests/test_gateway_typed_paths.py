"""Paths of Elasticsearch 7 that name the type of documents: writes get weights, searches run by weights."""

from collections.abc import Iterator

import orjson
import pytest
from csplade.tests.cluster_lines import MARK, LineServers
from csplade.tests.gateway_searches import Json, Stage, stage, verdict
from csplade.tests.rewrite_index import mapping
from csplade.tests.word_encoder import word_vector

pytestmark = [pytest.mark.cluster, getattr(pytest.mark, MARK)]

TEXT = "fresh bread"
STALE: Json = {"title": "", "text": TEXT, "csplade_terms": {"stale": 5.0}}
QUERY: Json = {"query": {"match": {"text": TEXT}}}
LINES = b'{"index": {"_id": "bulk"}}\n' + orjson.dumps(STALE) + b"\n"


@pytest.fixture(scope="module")
def staged(line_servers: LineServers) -> Iterator[Stage]:
    url = line_servers.url("elasticsearch-7.17")
    with stage(url, "replace", mapped=mapping(analyzer="standard", joins=False)) as running:
        yield running


@pytest.mark.parametrize(
    ("method", "path", "body", "identity"),
    [
        ("POST", "_doc/d1/_update", {"doc": STALE}, "d1"),
        ("PUT", "_doc/put/_create", STALE, "put"),
        ("POST", "_doc/post/_create", STALE, "post"),
        ("POST", "_doc/_bulk", LINES, "bulk"),
        ("PUT", "_doc/_bulk", LINES, "bulk"),
        ("PUT", "_doc/_search", STALE, "_search"),
    ],
)
def test_writes_with_the_usual_type_get_their_weights(
    staged: Stage, method: str, path: str, body: object, identity: str
) -> None:
    index = staged.index("replace")
    answer = staged.ask(method, f"/{index}/{path}", body)
    assert (verdict(answer) or "").startswith("rewritten"), (answer.body, verdict(answer))
    # Asked for by its id, a document called _search would be a search.
    (found,) = staged.direct.mget(index=index, body={"ids": [identity]})["docs"]
    assert found["_source"]["csplade_terms"] in (word_vector(TEXT).weights, [word_vector(TEXT).weights])


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "_doc/_search", QUERY),
        ("GET", "_doc/_search", QUERY),
        ("POST", "_doc/_count", QUERY),
        ("POST", "_doc/_msearch", b"{}\n" + orjson.dumps(QUERY) + b"\n"),
        ("GET", "_doc/_validate/query", QUERY),
        ("GET", "_doc/d1/_explain", QUERY),
    ],
)
def test_searches_with_the_usual_type_run_by_weights(staged: Stage, method: str, path: str, body: object) -> None:
    answer = staged.ask(method, f"/{staged.index('replace')}/{path}", body)
    assert answer.status == 200, answer.body
    assert (verdict(answer) or "").startswith("rewritten"), (answer.body, verdict(answer))


def test_other_types_pass_and_no_weights_are_made(staged: Stage) -> None:
    answer = staged.ask("PUT", f"/{staged.name}-replace-typed/t/1", {"text": TEXT})
    assert (answer.status, verdict(answer)) == (201, None)
