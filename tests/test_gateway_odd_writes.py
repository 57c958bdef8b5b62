"""Writes in forms that clusters take and few programs send: none of them may keep the weights of an old text."""

from collections.abc import Iterator

import orjson
import pytest
from csplade.integration.gateway_bulk import read_actions, written_actions
from csplade.tests.gateway_searches import Json, Stage, hits, stage, verdict
from csplade.tests.word_encoder import word_vector

TEXT = "fresh bread"
WEIGHTS = word_vector(TEXT).weights
STALE: Json = {"text": TEXT, "csplade_terms": {"stale": 5.0}}


@pytest.fixture(scope="module")
def staged(opensearch: str) -> Iterator[Stage]:
    with stage(opensearch, "replace") as running:
        yield running


def source(staged: Stage, identity: str) -> Json:
    return dict(staged.direct.get(index=staged.index("replace"), id=identity)["_source"])


def indexed(identity: str, document: object = STALE) -> bytes:
    """Return the two lines that write a document."""
    written = document if isinstance(document, bytes) else orjson.dumps(document)
    return orjson.dumps({"index": {"_id": identity}}) + b"\n" + written + b"\n"


TWICE = b'{"text": "fresh bread", "year": 1, "year": 2}'


@pytest.mark.cluster
@pytest.mark.parametrize(
    "odd", [b'{"text": "fresh', TWICE, b'{"text": {"deep": 1}}', b'{"year": NaN}', b"[]"], ids=lambda odd: odd.decode()
)
def test_a_document_that_cannot_be_read_costs_the_others_no_weights(staged: Stage, odd: bytes) -> None:
    body = indexed("first") + indexed("odd", odd) + indexed("last")
    answer = staged.ask("POST", f"/{staged.index('replace')}/_bulk", body)
    assert verdict(answer) == "rewritten; 2 of 3"
    results = [item["index"]["status"] for item in orjson.loads(answer.body)["items"]]
    assert (results[0], results[2]) in ((200, 200), (201, 201))
    for identity in ("first", "last"):
        assert source(staged, identity) == {"text": TEXT, "csplade_terms": WEIGHTS}
        staged.direct.delete(index=staged.index("replace"), id=identity)


@pytest.mark.cluster
def test_a_request_of_documents_that_cannot_be_read_says_so(staged: Stage) -> None:
    answer = staged.ask("POST", f"/{staged.index('replace')}/_bulk", indexed("odd", TWICE) + indexed("bare", {}))
    assert verdict(answer) == "passed; not_read"


_DELETED = b'{"delete": {"_id": "e9"}}\n'
BLANKS = {
    "before": b"\n" + indexed("e1"),
    "between": indexed("e1") + b"\n\n" + indexed("e2"),
    "with spaces": indexed("e1") + b"  \n\r\n" + _DELETED,
    "behind": indexed("e1") + b"\n \n",
    "behind one that has no document": indexed("e1") + _DELETED + b"\n",
}


@pytest.mark.cluster
@pytest.mark.parametrize("body", BLANKS.values(), ids=BLANKS)
def test_empty_lines_between_actions_cost_no_weights(staged: Stage, body: bytes) -> None:
    direct = staged.ask("POST", f"/{staged.index('other')}/_bulk", body, direct=True)
    answer = staged.ask("POST", f"/{staged.index('replace')}/_bulk", body)
    shapes = [[[*item] for item in orjson.loads(each.body)["items"]] for each in (direct, answer)]
    assert shapes[0] == shapes[1]
    written = body.count(b'"index"')
    assert verdict(answer) == f"rewritten; {written} of {len(shapes[0])}"
    assert source(staged, "e1") == {"text": TEXT, "csplade_terms": WEIGHTS}
    staged.direct.delete(index=staged.index("replace"), id="e1")


@pytest.mark.parametrize("body", BLANKS.values(), ids=BLANKS)
def test_empty_lines_stay_as_they_are(body: bytes) -> None:
    actions = read_actions(body)
    assert written_actions(actions, [action.source for action in actions]) == body


TEMPLATE = orjson.dumps({"source": {"query": {"match": {"text": "{{q}}"}}}, "params": {"q": TEXT}})


@pytest.mark.cluster
@pytest.mark.parametrize("end", ["/", "//"])
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "_doc/slash", orjson.dumps(STALE)),
        ("POST", "_doc", orjson.dumps(STALE)),
        ("PUT", "_create/{new}", orjson.dumps(STALE)),
        ("POST", "_update/d1", orjson.dumps({"doc": {"title": "", "text": TEXT}})),
        ("POST", "_bulk", indexed("slash")),
        ("POST", "_search", orjson.dumps({"query": {"match": {"text": TEXT}}})),
        ("GET", "_count", orjson.dumps({"query": {"match": {"text": TEXT}}})),
        ("GET", "_search/template", TEMPLATE),
        ("POST", "_msearch", b'{}\n{"query": {"match": {"text": "fresh bread"}}}\n'),
    ],
)
def test_slashes_at_the_end_of_a_path_change_nothing(
    staged: Stage, method: str, path: str, body: bytes, end: str
) -> None:
    whole = f"/{staged.index('replace')}/{path.format(new=f'new-{len(end)}')}{end}"
    answer = staged.ask(method, whole, body)
    assert answer.status in (200, 201), answer.body
    assert (verdict(answer) or "").startswith("rewritten"), verdict(answer)


@pytest.mark.cluster
def test_what_a_path_with_a_slash_at_its_end_wrote_is_found_by_its_new_weights(staged: Stage) -> None:
    index = staged.index("replace")
    staged.ask("PUT", f"/{index}/_doc/found/?refresh=true", STALE)
    assert source(staged, "found") == {"text": TEXT, "csplade_terms": WEIGHTS}
    body = {"query": {"match": {"text": TEXT}}, "size": 500}
    assert "found" in dict(hits(staged.ask("POST", f"/{index}/_search/", body)))


@pytest.mark.cluster
@pytest.mark.parametrize("path", ["/{}//_search", "//{}/_search", "/{}/_doc//slash"])
def test_servers_do_not_know_paths_with_slashes_elsewhere(staged: Stage, path: str) -> None:
    answer = staged.ask("POST", path.format(staged.index("replace")), {"text": TEXT})
    assert (answer.status, verdict(answer)) == (400, None)
