"""What a copy of an index could lose, on real servers: each document and field arrives, or is told in a sentence."""

from pathlib import Path

import orjson
import pytest
from csplade.integration.client import connect
from csplade.integration.index import create_index
from csplade.integration.templates import IndexOptions
from csplade.tests.command_run import Run
from csplade.tests.test_reindex import COUNT, expected, product, routing_of, run, shop
from csplade.tests.word_encoder import word_contract
from opensearchpy import OpenSearch

__all__ = ["run", "shop"]

pytestmark = pytest.mark.cluster


@pytest.fixture
def client(opensearch: str) -> OpenSearch:
    return connect(opensearch)


def test_a_dead_letter_tells_id_and_routing_and_what_is_mended_in_the_source_arrives_by_another_run(
    run: Run, opensearch: str, client: OpenSearch, index_name: str, shop: str
) -> None:
    create_index(client, index_name, word_contract(), IndexOptions())
    # The new index takes no such prices.
    client.indices.put_mapping(index=index_name, body={"properties": {"price": {"type": "byte"}}})
    odd = {**product(12), "price": 1e9}
    client.index(index=shop, id="p12", body=odd, params={**routing_of(12), "refresh": "true"})
    where = ("--from", shop, "--to", index_name, "--url", opensearch, "--text-fields", "name,about.long")
    failed = run("reindex", *where, "--no-copy-mapping", "--json")
    assert (failed.code, orjson.loads(failed.out)["failed"]) == (1, 1)
    letters = f"{index_name}.failed.jsonl"
    assert f"mend them in {shop} and reindex again, which copies all documents; {letters} holds those" in failed.err
    letter = orjson.loads(Path(letters).read_bytes())
    assert "price" in letter.pop("csplade_error")
    assert letter == {"_id": "p12", **{f"_{name}": value for name, value in routing_of(12).items()}, **odd}
    client.index(index=shop, id="p12", body=product(12), params={**routing_of(12), "refresh": "true"})
    again = run("reindex", *where, "--no-copy-mapping", "--json")
    assert again.code == 0, again
    told = orjson.loads(again.out)
    assert [told[name] for name in ("in_source", "indexed", "in_index")] == [COUNT] * 3
    assert (told["skipped"], told["duplicates"]) == (0, 0)
    arrived = client.get(index=index_name, id="p12", params=routing_of(12))
    assert (arrived["_routing"], arrived["_source"]) == expected(12)
