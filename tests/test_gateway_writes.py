"""Documents that applications write through the gateway get their weights on the way in."""

import gzip
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from csplade.integration.documents import mark_of
from csplade.integration.gateway_bulk import read_actions, written_actions
from csplade.integration.gateway_json import UnreadJson
from csplade.tests.gateway_searches import Json, Stage, stage, verdict
from csplade.tests.gateway_words import BROKEN, DOTTED, SLOW
from csplade.tests.rewrite_index import mapping
from csplade.tests.word_encoder import word_contract, word_vector

TEXT = "fresh bread"
WEIGHTS = word_vector(TEXT).weights


@pytest.fixture(scope="module")
def staged(opensearch: str) -> Iterator[Stage]:
    with stage(opensearch, "replace", gateway={"write_deadline_s": 2}) as running:
        marked = {"properties": {**mapping()["properties"], "csplade_encoded": {"type": "keyword"}}}
        running.direct.indices.create(index=f"{running.name}-replace-marked", body={"mappings": marked})
        running.direct.indices.create(index=f"{running.name}-replace-plain", body={})
        # Its type says nothing here: a SEISMIC field is one of a plugin, which this server lacks.
        numbered = {"properties": {**marked["properties"], "csplade_seismic": {"type": "keyword", "index": False}}}
        running.direct.indices.create(index=f"{running.name}-replace-numbered", body={"mappings": numbered})
        yield running


def source(staged: Stage, index: str, identity: str) -> Json:
    return dict(staged.direct.get(index=index, id=identity)["_source"])


@pytest.mark.cluster
@pytest.mark.parametrize(
    ("method", "path"), [("PUT", "_doc/{id}"), ("POST", "_doc/{id}"), ("PUT", "_create/{id}"), ("POST", "_create/{id}")]
)
def test_a_document_gets_its_weights_and_keeps_its_bytes(staged: Stage, method: str, path: str) -> None:
    index, identity = staged.index("replace"), f"{method}-{path[:4]}"
    raw = b'{"text": "fresh bread", "year": 1999, "price": 1.50, "big": 12345678901234567, "lang": "\\u00e4"}'
    answer = staged.ask(method, f"/{index}/{path.format(id=identity)}?refresh=true", raw)
    assert (answer.status, verdict(answer)) == (201, "rewritten")
    stored = staged.ask("GET", f"/{index}/_source/{identity}", direct=True)
    assert stored.body.startswith(raw[:-1])
    assert orjson.loads(stored.body)["csplade_terms"] == WEIGHTS
    found = staged.through.search(index=index, body={"query": {"match": {"text": "fresh"}}, "size": 1000})
    assert identity in {hit["_id"] for hit in found["hits"]["hits"]}


@pytest.mark.cluster
def test_a_document_without_an_id_and_a_compressed_one_get_theirs(staged: Stage) -> None:
    index = staged.index("replace")
    answer = staged.ask("POST", f"/{index}/_doc", gzip.compress(b'{"text": "fresh bread"}'), content_encoding="gzip")
    assert verdict(answer) == "rewritten"
    assert source(staged, index, orjson.loads(answer.body)["_id"])["csplade_terms"] == WEIGHTS


@pytest.mark.cluster
def test_nested_objects_get_weights_of_their_own(staged: Stage) -> None:
    body = {"title": "Rye", "text": ["one loaf", "two"], "passages": [{"text": "fresh bread"}, {"page": 2}]}
    staged.ask("PUT", f"/{staged.index('replace')}/_doc/nested", body)
    found = source(staged, staged.index("replace"), "nested")
    assert found["csplade_terms"] == word_vector("Rye one loaf two").weights
    assert found["passages"] == [{"text": "fresh bread", "terms": WEIGHTS}, {"page": 2}]


@pytest.mark.cluster
def test_what_is_written_is_marked_as_enrich_would_mark_it(staged: Stage) -> None:
    index = f"{staged.name}-replace-marked"
    staged.ask("PUT", f"/{index}/_doc/1", {"title": "Rye", "text": "fresh bread"})
    mark = mark_of(word_contract().fingerprint, "Rye\nfresh bread")
    assert source(staged, index, "1")["csplade_encoded"] == mark


def bulk(*lines: object) -> bytes:
    return b"".join(orjson.dumps(line) + b"\n" for line in lines)


@pytest.mark.cluster
def test_documents_in_bulk_get_their_weights(staged: Stage) -> None:
    index, other = staged.index("replace"), staged.index("other")
    body = bulk(
        *({"index": {"_id": "b1"}}, {"text": TEXT}),
        *({"create": {"_id": "b2", "_index": index}}, {"text": TEXT, "csplade_terms": {"mine": 2.0}}),
        *({"index": {"_id": "b3", "_index": other}}, {"text": TEXT}),
        *({"update": {"_id": "b1"}}, {"doc": {"year": 2000}}),
        *({"index": {"_id": "b4"}}, {"year": 2001}),
        {"delete": {"_id": "b4"}},
        *({"create": {"_id": "b5", "routing": "x"}}, {"summary": TEXT}),
    )
    answer = staged.ask("POST", f"/{index}/_bulk?refresh=true", body, content_type="application/x-ndjson")
    assert verdict(answer) == "rewritten; 3 of 7"
    items: list[dict[str, Any]] = orjson.loads(answer.body)["items"]  # Any: JSON values
    assert [[*item] for item in items] == [
        ["index"],
        ["create"],
        ["index"],
        ["update"],
        ["index"],
        ["delete"],
        ["create"],
    ]
    assert source(staged, index, "b1") == {"text": TEXT, "csplade_terms": WEIGHTS, "year": 2000}
    assert source(staged, index, "b2")["csplade_terms"] == WEIGHTS
    assert source(staged, other, "b3") == {"text": TEXT}
    routed = staged.direct.get(index=index, id="b5", params={"routing": "x"})
    assert routed["_source"]["summary_terms"] == WEIGHTS


LONG = "x" * 40_000
"""Standard analyzers cut such a word in pieces; as the name of a feature no cluster takes it."""


@pytest.mark.cluster
def test_documents_whose_weights_the_cluster_refuses_are_written_without_them(staged: Stage) -> None:
    index = staged.index("replace")
    body = bulk(
        *({"index": {"_id": "f1"}}, {"text": TEXT}),
        *({"index": {"_id": "f2"}}, {"text": LONG}),
        *({"index": {"_id": "f3"}}, {"text": TEXT, "year": "no year"}),
        *({"create": {}}, {"text": f"{LONG} too"}),
        {"delete": {"_id": "f9"}},
    )
    answer = staged.ask("POST", f"/{index}/_bulk?refresh=true", body, accept_encoding="gzip")
    told = orjson.loads(answer.body)
    results = [result for item in told["items"] for result in item.values()]
    assert [result["status"] for result in results] == [201, 201, 400, 201, 404]
    assert told["errors"] is True
    assert "[year]" in results[2]["error"]["reason"]
    assert verdict(answer) == "rewritten; 1 of 5"
    assert source(staged, index, "f1") == {"text": TEXT, "csplade_terms": WEIGHTS}
    assert source(staged, index, "f2") == {"text": LONG}
    assert source(staged, index, results[3]["_id"]) == {"text": f"{LONG} too"}
    assert staged.direct.count(index=index, body={"query": {"prefix": {"text": "xxxx"}}})["count"] == 2


@pytest.mark.cluster
def test_a_document_that_one_request_changes_twice_is_not_sent_again_behind_its_later_change(staged: Stage) -> None:
    index = staged.index("replace")
    body = bulk(
        *({"index": {"_id": "t1"}}, {"text": LONG}),
        *({"index": {"_id": "t1"}}, {"text": TEXT}),
        *({"index": {"_id": "t2"}}, {"text": LONG}),
    )
    answer = staged.ask("POST", f"/{index}/_bulk?refresh=true", body)
    results = [item["index"]["status"] for item in orjson.loads(answer.body)["items"]]
    assert results == [400, 201, 201]
    assert source(staged, index, "t1") == {"text": TEXT, "csplade_terms": WEIGHTS}


@pytest.mark.cluster
def test_a_stock_client_that_writes_and_searches_needs_no_change(staged: Stage) -> None:
    index, client = staged.index("replace"), staged.through
    lines = [line for n in range(30) for line in ({"index": {"_id": f"s{n}"}}, {"text": f"sourdough {n}"})]
    assert not client.bulk(index=index, body=lines, params={"refresh": "true"})["errors"]
    found = client.search(index=index, body={"query": {"match": {"text": "sourdough"}}, "size": 50})
    assert found["hits"]["total"]["value"] == 30
    assert found["hits"]["max_score"] == len("sourdough") ** 2


@pytest.mark.cluster
@pytest.mark.parametrize(
    ("word", "said"), [(BROKEN, "encoder_broken"), (DOTTED, "encoder_broken"), (SLOW, "encoder_slow")]
)
def test_trouble_with_the_encoder_costs_no_document(staged: Stage, word: str, said: str) -> None:
    index = staged.index("replace")
    body = bulk({"index": {"_id": word}}, {"text": f"fresh {word}"})
    answer = staged.ask("POST", f"/{index}/_bulk", body, content_type="application/x-ndjson")
    assert verdict(answer) == f"failed-open; {said}"
    assert source(staged, index, word) == {"text": f"fresh {word}"}


@pytest.mark.cluster
def test_an_index_without_a_field_for_weights_gets_none(staged: Stage) -> None:
    index = f"{staged.name}-replace-plain"
    for path in (index, f"{staged.name}-replace-new"):
        answer = staged.ask("PUT", f"/{path}/_doc/1", {"text": TEXT})
        assert answer.status == 201
        assert verdict(answer) in ("passed; no_weights_field", "passed; unresolved")
        assert source(staged, path, "1") == {"text": TEXT}


@pytest.mark.cluster
def test_an_index_with_weights_by_number_gets_both_by_enrich_and_keeps_none_of_an_old_text(staged: Stage) -> None:
    index = f"{staged.name}-replace-numbered"
    old = {"text": "stale bread", "csplade_terms": {"stale": 5.0}, "csplade_seismic": "1", "csplade_encoded": "old"}

    def written(method: str, path: str, body: object) -> tuple[str | None, Json]:
        said = verdict(staged.ask(method, f"/{index}/{path}?refresh=true", body))
        return said, source(staged, index, "1")

    assert written("PUT", "_doc/1", {"text": TEXT}) == ("passed; left_for_enrich", {"text": TEXT})
    assert written("PUT", "_doc/1", {**old, "text": TEXT}) == ("rewritten; left_for_enrich", {"text": TEXT})
    staged.direct.index(index=index, id="1", body=old)
    emptied: Json = {"csplade_terms": [], "csplade_seismic": [], "csplade_encoded": None}
    assert written("POST", "_update/1", {"doc": {"text": TEXT}}) == (
        "rewritten; left_for_enrich",
        {"text": TEXT, **emptied},
    )
    staged.direct.index(index=index, id="1", body=old)
    said, found = written("POST", "_update/1", {"doc": {"year": 1999}})
    assert found == {**old, "year": 1999}
    assert str(said).startswith("passed")
    staged.through.bulk(body=[{"index": {"_index": index, "_id": "1"}}, {**old, "text": TEXT}])
    assert source(staged, index, "1") == {"text": TEXT}


@pytest.mark.cluster
def test_writes_may_be_left_for_enrich(opensearch: str) -> None:
    with stage(opensearch, "replace", gateway={"writes": "enrich"}) as staged:
        answer = staged.ask("PUT", f"/{staged.index('replace')}/_doc/1", {"text": TEXT})
        assert verdict(answer) == "passed; left_for_enrich"
        assert source(staged, staged.index("replace"), "1") == {"text": TEXT}


@pytest.mark.cluster
def test_a_program_that_reads_a_document_and_writes_it_with_another_text_gives_it_other_weights(staged: Stage) -> None:
    index = f"{staged.name}-replace-marked"
    staged.through.index(index=index, id="rmw", body={"text": "stale bread"})
    read = staged.through.get(index=index, id="rmw")["_source"]
    assert "csplade_terms" in read
    staged.through.index(index=index, id="rmw", body={**read, "text": TEXT})
    mark = mark_of(word_contract().fingerprint, TEXT)
    assert source(staged, index, "rmw") == {"text": TEXT, "csplade_terms": WEIGHTS, "csplade_encoded": mark}


@pytest.mark.parametrize(
    "body",
    [b'{"index": {}}\n{"a": 1}', b'{"index": {}}\n', b'{"oops": {}}\n{}\n', b'{"index": {"_index": 3}}\n{}\n', b"\n"],
)
def test_what_is_no_bulk_request_is_not_read(body: bytes) -> None:
    with pytest.raises(UnreadJson):
        read_actions(body)


def test_lines_of_a_bulk_request_stay_as_they_are() -> None:
    body = b'{ "index":{"_id" : 1}}\r\n{"a": 1.0}\n{"delete":{"_id":"2"}}\n{"update":{"_id":"3"}}\n{"doc":{}}\n'
    actions = read_actions(body)
    assert written_actions(actions, [action.source for action in actions]) == body


@pytest.mark.cluster
def test_a_text_that_is_taken_away_takes_its_weights_along(staged: Stage) -> None:
    index = staged.index("replace")
    emptied = {"text": "", "csplade_terms": {"stale": 5.0}}
    lines = [{"index": {"_index": index, "_id": "emptied-2"}}, emptied]
    staged.through.index(index=index, id="emptied-1", body=emptied)
    staged.through.bulk(body=lines)
    for identity in ("emptied-1", "emptied-2"):
        assert source(staged, index, identity) == {"text": ""}
