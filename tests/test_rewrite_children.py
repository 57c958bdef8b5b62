"""A `has_child` that counts: the children that match by a text, live, and not those that term weights find besides."""

import pytest
from csplade.integration.client import connect
from csplade.integration.rewrite import rewrite
from csplade.integration.rewrite_policy import Policies, Policy, RewriteMode, RewriteOptions
from csplade.tests.rewrite_index import FIELD_MAP, mapping
from csplade.tests.word_encoder import word_vector
from opensearchpy import OpenSearch

pytestmark = pytest.mark.cluster

TEXT = "fresh bread"
COUNTS: tuple[dict[str, int], ...] = (
    {},
    {"min_children": 2},
    {"max_children": 1},
    {"min_children": 2, "max_children": 2},
)


@pytest.fixture
def client(opensearch: str, index_name: str) -> OpenSearch:
    """Fill an index: as many of a parent's three children hold the text as its name says, and all have its weights."""
    client = connect(opensearch)
    client.indices.create(index=index_name, body={"mappings": mapping()})
    lines: list[dict[str, object]] = []
    for texts in range(4):
        lines += [{"index": {"_id": f"p{texts}"}}, {"relation": "recipe"}]
        for number in range(3):
            child = {"text": TEXT if number < texts else "loaf", "csplade_terms": word_vector(TEXT).weights}
            lines += [{"index": {"_id": f"p{texts}c{number}", "routing": f"p{texts}"}}]
            lines += [{**child, "relation": {"name": "comment", "parent": f"p{texts}"}}]
    assert not client.bulk(index=index_name, body=lines, params={"refresh": "true"})["errors"]
    return client


@pytest.mark.parametrize("count", COUNTS, ids=str)
@pytest.mark.parametrize("policy", [Policy.REQUIRED, Policy.DROP, Policy.BOOSTING, Policy.PASS])
@pytest.mark.parametrize("mode", RewriteMode)
def test_a_count_of_children_finds_the_same_parents(
    client: OpenSearch, index_name: str, count: dict[str, int], policy: Policy, mode: RewriteMode
) -> None:
    child = {"type": "comment", "query": {"match": {"text": TEXT}}, "score_mode": "max", **count}
    body = {"query": {"has_child": child}}
    options = RewriteOptions(mode, policies=Policies(minimum_should_match=policy))
    sent = rewrite(body, FIELD_MAP, word_vector, options).body

    def found(asked: object) -> set[str]:
        return {hit["_id"] for hit in client.search(index=index_name, body=asked)["hits"]["hits"]}

    if count or mode is RewriteMode.ANCHORED:
        assert found(sent) == found(body) != set()
    else:
        # Without a count, more children are welcome.
        assert found(sent) == {"p0", "p1", "p2", "p3"} != found(body)
