"""A dry run of reindex tells what would be made and what would be refused, and leaves both clusters as they are."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from csplade.integration.client import connect
from csplade.integration.index import create_index
from csplade.integration.index_mapping import mapping_of
from csplade.integration.templates import IndexOptions
from csplade.tests.cluster_lines import ClusterLine
from csplade.tests.command_run import Run, run
from csplade.tests.test_reindex import COUNT, SHOP, filled_shop, product, text_of
from csplade.tests.word_encoder import word_contract, word_vector
from opensearchpy import OpenSearch

__all__ = ["run"]

pytestmark = pytest.mark.cluster

FIELDS: dict[str, Any] = SHOP["mappings"]["properties"]  # type: ignore[index]


@pytest.fixture
def shop(opensearch: str, line: ClusterLine) -> Iterator[str]:
    """Give the name of an index of an application, on OpenSearch 3.8."""
    with filled_shop(opensearch, line.index) as name:
        yield name


@pytest.fixture
def way(opensearch: str, line: ClusterLine, shop: str) -> tuple[str, ...]:
    """Give the options that copy it to a line."""
    where = ("--from", shop, "--to", line.index, "--url", line.url, "--from-url", opensearch)
    return (*where, "--text-fields", "name,about.long", "--analyzer", line.analyzer)


def everything(*clients: OpenSearch) -> list[Any]:
    """Return all that clusters keep: indexes, mappings, settings, aliases, templates, and each document's version."""
    kept = "metadata.indices,metadata.templates,metadata.index_template,metadata.component_template"
    found: list[Any] = []
    for client in clients:
        found.append(client.transport.perform_request("GET", "/_cluster/state", params={"filter_path": kept}))
        body = {"size": 1000, "seq_no_primary_term": True, "version": True, "sort": ["_index", "_seq_no"]}
        found.append(client.search(index="test-*", body=body)["hits"]["hits"])
    return found


def fields_shown(out: str) -> dict[str, list[str]]:
    """Return type and origin by field."""
    rows = [row.strip().split(maxsplit=2) for row in out.splitlines()]
    return {cells[0]: cells[1:] for cells in rows if len(cells) == 3}


def test_what_a_dry_run_tells_would_be_made_is_made_and_the_dry_run_changes_nothing(
    run: Run, line: ClusterLine, opensearch: str, way: tuple[str, ...], tmp_path: Path
) -> None:
    clients = connect(opensearch), line.client
    before, files = everything(*clients), sorted(tmp_path.rglob("*"))
    assert len(before[1]) == COUNT
    shown, done = run("reindex", *way, "--dry-run"), run("reindex", *way, "--dry-run", "--json")
    assert (shown.code, done.code, done.err) == (0, 0, "Nothing was created or indexed.\n"), (shown, done)
    assert (everything(*clients), sorted(tmp_path.rglob("*"))) == (before, files)
    told = orjson.loads(done.out)
    assert [told[name] for name in ("index_is", "documents", "sampled", "rejected")] == ["missing", COUNT, COUNT, 0]
    terms = [len(word_vector(text_of(product(number)))) for number in range(COUNT)]
    assert told["terms"] == round(sum(terms) / COUNT, 1)
    assert told["bytes"] > 50
    assert told["seconds"] >= 0
    assert (told["text_fields"], told["refused"]) == (["name", "about.long"], {})
    assert set(told["taken_over"]) == set(FIELDS)
    rows = fields_shown(shown.out)
    assert rows["price"] == ["double", way[1]]
    assert rows["text"] == ["text", "name, about.long"]
    assert rows["csplade_terms"] == [line.dialect.field_type, "csplade"]
    # The shop has no titles.
    assert rows["title"] == ["text", "nothing"]
    assert run("reindex", *way).code == 0
    made = mapping_of(line.client, line.index)[1]
    assert {name: made[name] for name in ("properties", "dynamic")} == {
        name: told["mapping"][name] for name in ("properties", "dynamic")
    }
    again = orjson.loads(run("reindex", *way, "--dry-run", "--json").out)
    assert (again["index_is"], again["taken_over"], again["mapping"]) == ("ready", [], made)


def test_fields_that_the_cluster_would_refuse_are_told_with_its_reason(
    run: Run, line: ClusterLine, opensearch: str, shop: str, way: tuple[str, ...]
) -> None:
    old = connect(opensearch)
    more = {"kinds": {"type": "flat_object"}, "said": {"type": "text", "analyzer": "english"}}
    old.indices.put_mapping(index=shop, body={"properties": more})
    before = everything(old, line.client)
    done = run("reindex", *way, "--dry-run", "--json")
    assert everything(old, line.client) == before
    told = orjson.loads(done.out)
    assert {*FIELDS, *more} == set(told["taken_over"])
    if line.dialect.distribution == "opensearch":
        assert (done.code, told["refused"]) == (0, {})
        return
    assert (done.code, set(told["refused"])) == (1, set(more))
    assert "flat_object" in told["refused"]["kinds"]
    assert "english" in told["refused"]["said"]
    assert "would refuse 'kinds', 'said' (" in done.err
    # It is not wrong about that.
    assert run("reindex", *way).code == 1
    assert not line.client.indices.exists(index=line.index)
    guessed = run("reindex", *way, "--dry-run", "--no-copy-mapping", "--json")
    assert (guessed.code, orjson.loads(guessed.out)["taken_over"]) == (0, [])


def test_fields_that_an_index_would_be_given_besides_are_asked_about_with_its_settings(
    run: Run, line: ClusterLine, way: tuple[str, ...]
) -> None:
    create_index(line.client, line.index, word_contract(), IndexOptions(analyzer=line.analyzer))
    before = everything(line.client)
    done = run("reindex", *way, "--dry-run", "--json")
    assert everything(line.client) == before
    told = orjson.loads(done.out)
    assert (done.code, told["index_is"], set(told["taken_over"])) == (1, "ready", set(FIELDS))
    # It has no such analyzer, and an index that is there gets none.
    assert set(told["refused"]) == {"code"}
    assert "codes" in told["refused"]["code"]
    refused = run("reindex", *way)
    assert refused.code == 1
    for one in (done, refused):
        assert one.err.endswith("with --no-copy-mapping, or give a --to that does not exist yet\n")
        assert "--analyzer" not in one.err


def test_of_an_index_that_is_there_a_field_comes_from_the_copied_one_if_that_has_it(
    run: Run, line: ClusterLine, shop: str, way: tuple[str, ...]
) -> None:
    assert run("reindex", *way).code == 0
    line.client.indices.put_mapping(index=line.index, body={"properties": {"stock": {"type": "long"}}})
    for more in ((), ("--no-copy-mapping",)):
        rows = fields_shown(run("reindex", *way, "--dry-run", *more).out)
        assert {name: rows[name] for name in ("price", "parts", "about")} == {
            "price": ["double", shop],
            "parts": ["nested", shop],
            "about": ["object", shop],
        }
        assert (rows["stock"], rows["title"]) == (["long", "nothing"], ["text", "nothing"])
        assert (rows["text"], rows["csplade_encoded"]) == (["text", "name, about.long"], ["keyword", "csplade"])


def test_of_an_index_of_csplade_the_text_comes_from_where_it_stands(
    run: Run, line: ClusterLine, tmp_path: Path
) -> None:
    Path("a.jsonl").write_text('{"id": "1", "title": "Rye", "body": "It keeps.", "pages": 3}\n')
    old, url = f"{line.index}-old", ("--url", line.url)
    ingest = ("ingest", "a.jsonl", "--index", old, "--text-fields", "title,body", "--analyzer", line.analyzer)
    try:
        assert run(*ingest, *url).code == 0
        way = ("--from", old, "--to", line.index, "--analyzer", line.analyzer, *url)
        rows = fields_shown(run("reindex", *way, "--dry-run").out)
    finally:
        line.client.indices.delete(index=old)
    # What stood in the body stands in the text alone.
    assert (rows["text"], rows["title"], rows["pages"]) == (["text", "title, text"], ["text", old], ["long", old])
