"""Updates through the gateway on real servers: searches find documents by their new text, and not by the old one."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache

import orjson
import pytest
from csplade.integration.clauses import sparse_clause
from csplade.integration.documents import mark_of
from csplade.integration.stored_weights import weights_of
from csplade.pipelines.sparse import SparseVector
from csplade.tests.cluster_lines import ClusterLine
from csplade.tests.gateway_process import Answer, Gateway, ask
from csplade.tests.gateway_searches import Json, request, rules, verdict
from csplade.tests.gateway_words import BROKEN, EXPANDING, EXPANSION, SLOW, rewriting
from csplade.tests.rewrite_index import mapping
from csplade.tests.waiting import wait_until
from csplade.tests.word_encoder import word_contract, word_vector

pytestmark = pytest.mark.cluster

BEFORE = {"title": "stale", "text": "crust", "passages": [{"text": "rye"}]}
ALL = {"title": "fresh", "text": "bread"}
LONG = "x" * 40_000
"""As the name of a feature no cluster takes it."""
KEPT, LEFT = "stale\ncrust", None
# What is sent, and the text whose weights are there afterwards.
CASES: dict[str, tuple[Json, str | None]] = {
    "all": ({"doc": ALL}, "fresh\nbread"),
    "all-and-more": ({"doc": {**ALL, "year": 2}, "detect_noop": False}, "fresh\nbread"),
    "several": ({"doc": {"title": ["fresh", "new"], "text": "bread"}}, "fresh\nnew\nbread"),
    "brought": ({"doc": {**ALL, "csplade_terms": {"stale": 5.0}, "csplade_encoded": "old"}}, "fresh\nbread"),
    "as-upsert": ({"doc": ALL, "doc_as_upsert": True}, "fresh\nbread"),
    "beside-upsert": ({"doc": ALL, "upsert": {"text": "other"}}, "fresh\nbread"),
    "emptied": ({"doc": {"title": "", "text": None}}, LEFT),
    "some": ({"doc": {"text": "bread"}}, LEFT),
    "some-brought": ({"doc": {"text": "bread", "csplade_terms": {"stale": 5.0}}}, LEFT),
    "other": ({"doc": {"year": 2}}, KEPT),
    "broken": ({"doc": {"title": "fresh", "text": BROKEN}}, LEFT),
    "refused": ({"doc": {"title": "fresh", "text": LONG}}, LEFT),
    "made": ({"doc": ALL, "doc_as_upsert": True}, "fresh\nbread"),
    "made-of-some": ({"doc": {"text": "bread"}, "doc_as_upsert": True}, "bread"),
    "made-otherwise": ({"doc": {"title": "x"}, "upsert": {**ALL, "csplade_terms": {"old": 1.0}}}, "fresh\nbread"),
    "made-in-vain": ({"doc": {"text": f"new {BROKEN}"}, "doc_as_upsert": True}, LEFT),
}


Gateways = Callable[[str, str], Gateway]
"""By the server's URL and the configuration's `writes`."""


@dataclass
class Updating:
    """An index of a server, and a gateway in front of it."""

    line: ClusterLine
    gateway: Gateway
    later: bool
    """Whether `csplade enrich` makes the weights."""

    def ask(self, method: str, path: str, body: object) -> Answer:
        return ask(self.gateway.port, request(method, f"/{self.line.index}/{path}", body, {}), method)

    def fill(self, names: list[str]) -> None:
        for name in names:
            answer = self.ask("PUT", f"_doc/{name}", BEFORE)
            assert (answer.status, verdict(answer)) == (201, "rewritten")
        self.line.client.indices.refresh(index=self.line.index)

    def source(self, name: str) -> Json:
        shown = {"_source_exclude_vectors": "false"} if self.line.dialect.hides_weights else {}
        path = f"/{self.line.index}/_doc/{name}"
        return dict(self.line.client.transport.perform_request("GET", path, params=shown)["_source"])

    def found(self, term: str, field: str = "csplade_terms") -> set[str]:
        """Return the documents that have a term, as the cluster itself finds them."""
        clause = sparse_clause(SparseVector({term: 1.0}), self.line.dialect, field)
        query = {"nested": {"path": "passages", "query": clause}} if "." in field else clause
        self.line.client.indices.refresh(index=self.line.index)
        hits = self.line.client.search(index=self.line.index, body={"query": query, "size": 100})["hits"]["hits"]
        return {hit["_id"] for hit in hits}


@pytest.fixture(scope="module")
def gateways() -> Iterator[Gateways]:
    """Give a gateway for each server and way to write, for as many tests as ask for it."""
    with ExitStack() as stack:

        @cache
        def started(url: str, writes: str) -> Gateway:
            table = {"writes": writes, "write_deadline_s": 2.0}
            return stack.enter_context(rewriting(url, {"index": [rules("test-*", mode="replace")], "gateway": table}))

        yield started


@pytest.fixture(params=["sync", "enrich"])
def updating(line: ClusterLine, gateways: Gateways, request: pytest.FixtureRequest) -> Updating:
    properties = mapping(line.dialect.field_type, line.analyzer, joins=False)["properties"]
    mappings = {"properties": {**properties, "csplade_encoded": {"type": "keyword"}}}
    line.client.indices.create(index=line.index, body={"mappings": mappings})
    at_once = Updating(line, gateways(line.url, "sync"), later=False)
    at_once.fill([name for name in CASES if not name.startswith("made")])
    return at_once if request.param == "sync" else Updating(line, gateways(line.url, "enrich"), later=True)


def alone(updating: Updating, names: list[str]) -> dict[str, Answer]:
    return {name: updating.ask("POST", f"_update/{name}", CASES[name][0]) for name in names}


def together(updating: Updating, names: list[str]) -> dict[str, Answer]:
    lines = [part for name in names for part in ({"update": {"_id": name}}, CASES[name][0])]
    answer = updating.ask("POST", "_bulk", b"".join(orjson.dumps(line) + b"\n" for line in lines))
    assert [item["update"]["status"] for item in orjson.loads(answer.body)["items"]] == [
        201 if name.startswith("made") else 200 for name in names
    ]
    return dict.fromkeys(names, answer)


@pytest.mark.parametrize("send", [alone, together])
def test_the_weights_after_an_update_are_those_of_the_text_or_none(
    updating: Updating, send: Callable[[Updating, list[str]], dict[str, Answer]]
) -> None:
    # One text that cannot be encoded costs all of its request the weights.
    fine = [name for name in CASES if BROKEN not in orjson.dumps(CASES[name][0]).decode()]
    answers = send(updating, fine) | send(updating, [name for name in CASES if name not in fine])
    assert {answer.status for answer in answers.values()} <= {200, 201}
    for name, (_, text) in CASES.items():
        wanted = text if not updating.later or text == KEPT else LEFT
        source = updating.source(name)
        vector = SparseVector() if wanted is None else word_vector(wanted)
        assert weights_of(source, "csplade_terms") == vector, (name, source)
        mark = None if wanted is None else mark_of(word_contract().fingerprint, wanted)
        assert source.get("csplade_encoded") == mark, (name, source)
    kept = {"other"}
    weighed = set() if updating.later else {name for name, (_, text) in CASES.items() if text and text != KEPT}
    assert updating.found("stale") == updating.found("crust") == kept
    assert updating.found("bread") == weighed


def test_searches_find_an_update_by_what_its_new_text_means(updating: Updating, line: ClusterLine) -> None:
    def found(word: str) -> set[str]:
        line.client.indices.refresh(index=line.index)
        answer = updating.ask("POST", "_search", {"query": {"match": {"text": word}}, "size": 100})
        assert verdict(answer) == "rewritten"
        return {hit["_id"] for hit in orjson.loads(answer.body)["hits"]["hits"]}

    updating.ask("POST", "_update/all", {"doc": {"title": "", "text": EXPANDING}})
    if found(EXPANDING):
        assert found(EXPANSION) == found(EXPANDING) == {"all"}
        updating.ask("POST", "_update/all", {"doc": ALL})
        assert "all" in found("fresh")
    assert found(EXPANSION) == found(EXPANDING) == set()
    assert "all" not in found("stale")
    assert "other" in found("stale")


def test_nested_objects_of_an_update_have_weights_of_their_own(updating: Updating) -> None:
    both = [{"text": "fresh", "terms": {"rye": 3.0}}, {"text": "bread"}]
    updating.ask("POST", "_update/all", {"doc": {"passages": both}})
    updating.ask("POST", "_update/some", {"doc": {"passages": {"text": "fresh"}}})
    updating.ask("POST", "_update/some", {"doc": {"passages": {"text": "salt", "page": 2}}})
    made = updating.found("salt", "passages.terms") == {"some"}
    assert (
        updating.found("fresh", "passages.terms")
        == updating.found("bread", "passages.terms")
        == ({"all"} if made else set())
    )
    assert updating.found("rye", "passages.terms").isdisjoint({"all", "some"})
    assert weights_of(updating.source("all"), "csplade_terms") == word_vector(KEPT)


def test_an_update_that_comes_too_late_for_the_encoder_leaves_no_old_weights(updating: Updating) -> None:
    answer = updating.ask("POST", "_update/all", {"doc": {"title": "x", "text": SLOW}})
    assert verdict(answer) in ("failed-open; encoder_slow", "rewritten; left_for_enrich")
    assert updating.source("all")["csplade_encoded"] is None
    assert "all" not in updating.found("stale")
    # Until the encoder has done with it, others would come too late as well.
    if not updating.later:
        wait_until(lambda: verdict(updating.ask("PUT", "_doc/after", BEFORE)) == "rewritten")


def test_what_else_an_update_asks_for_is_as_ever(updating: Updating, line: ClusterLine) -> None:
    path = "_update/routed?routing=r&retry_on_conflict=3&_source=title"
    answer = updating.ask("POST", path, {"doc": {"year": 1}, "upsert": ALL})
    told = orjson.loads(answer.body)
    assert (told["result"], told["get"]["_source"]) == ("created", {"title": "fresh"})
    assert line.client.get(index=line.index, id="routed", params={"routing": "r"})["_routing"] == "r"
    answer = updating.ask("POST", "_update/all?if_seq_no=999&if_primary_term=1", {"doc": ALL})
    assert answer.status == 409
    assert weights_of(updating.source("all"), "csplade_terms") == word_vector(KEPT)
    assert updating.ask("POST", "_update/nowhere", {"doc": ALL}).status == 404
    results = [orjson.loads(updating.ask("POST", "_update/some", {"doc": ALL}).body)["result"] for _ in range(3)]
    # Weights that are kept elsewhere come back in another form than they are sent in.
    always = line.dialect.hides_weights and not updating.later
    assert results == ["updated", *["updated" if always else "noop"] * 2]
