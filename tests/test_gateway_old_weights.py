"""A document that is read, changed and written back brings the weights of its old text along: they never stay.

Whatever keeps new ones from being made, `csplade enrich` finds such a document afterwards.
"""

from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
from csplade.integration.documents import mark_of
from csplade.integration.enrich import Enricher, EnrichOptions, prepare_index, write_of
from csplade.integration.templates import IndexOptions, index_body
from csplade.tests.gateway_process import Answer
from csplade.tests.gateway_searches import Json, Stage, stage, verdict
from csplade.tests.gateway_words import BROKEN, DOTTED, NO_ENCODER, SLOW
from csplade.tests.rewrite_index import mapping
from csplade.tests.word_encoder import WordEncoder, word_contract, word_vector

pytestmark = pytest.mark.cluster

TEXT = "fresh bread"
OLD = {"csplade_terms": {"stale": 5.0}, "csplade_encoded": mark_of(word_contract().fingerprint, "stale bread")}
LONG = "x" * 40_000
"""As the name of a feature no cluster takes it."""
WAYS = ("PUT-_doc", "POST-_doc", "PUT-_create", "index", "create")


def marked(staged: Stage) -> str:
    """Return an index whose documents are marked."""
    index = f"{staged.name}-replace-marked"
    ours = index_body(word_contract(), IndexOptions())["mappings"]
    properties = {**ours["properties"], **mapping()["properties"]}
    staged.direct.indices.create(index=index, body={"mappings": {"_meta": ours["_meta"], "properties": properties}})
    return index


@pytest.fixture(scope="module")
def synchronous(opensearch: str) -> Iterator[tuple[Stage, str]]:
    with stage(opensearch, "replace", gateway={"write_deadline_s": 2}) as staged:
        yield staged, marked(staged)


@pytest.fixture(scope="module")
def enriching(opensearch: str) -> Iterator[tuple[Stage, str]]:
    with stage(opensearch, "replace", gateway={"writes": "enrich"}) as staged:
        yield staged, marked(staged)


def written(staged: Stage, index: str, way: str, identity: str, body: Json) -> Answer:
    """Write a document in one of the ways that there are."""
    method, _, path = way.partition("-")
    if path:
        return staged.ask(method, f"/{index}/{path}/{identity}", body)
    lines = orjson.dumps({method: {"_id": identity}}) + b"\n" + orjson.dumps(body) + b"\n"
    answer = staged.ask("POST", f"/{index}/_bulk", lines)
    assert not orjson.loads(answer.body)["errors"]
    return answer


def stored(staged: Stage, index: str, identity: str) -> Json:
    return dict(staged.direct.get(index=index, id=identity)["_source"])


@pytest.mark.parametrize("way", WAYS)
def test_old_weights_do_not_stay_where_weights_are_made_later(enriching: tuple[Stage, str], way: str) -> None:
    staged, index = enriching
    body = {"text": TEXT, "year": 2001, **OLD}
    assert verdict(written(staged, index, way, way, body)) == "rewritten; left_for_enrich"
    assert stored(staged, index, way) == {"text": TEXT, "year": 2001}
    # Nothing is left to make.
    written(staged, index, way, f"{way}-emptied", {"text": "", **OLD})
    assert stored(staged, index, f"{way}-emptied") == {"text": ""}


def test_where_weights_are_made_later_all_else_passes_byte_for_byte(enriching: tuple[Stage, str]) -> None:
    staged, index = enriching
    current = {
        "csplade_terms": word_vector(TEXT).weights,
        "csplade_encoded": mark_of(word_contract().fingerprint, TEXT),
    }
    for body, said in (
        (b'{ "text": "fresh bread", "price": 1.50 }', "passed; left_for_enrich"),
        (b'{ "year": 1, "price": 1.50 }', "passed; nothing_to_rewrite"),
        (orjson.dumps({"text": TEXT, **current}), "passed; nothing_to_rewrite"),
    ):
        assert verdict(staged.ask("PUT", f"/{index}/_doc/bytes", body)) == said
        assert staged.ask("GET", f"/{index}/_source/bytes", direct=True).body == body


@pytest.mark.parametrize("way", WAYS)
def test_old_weights_do_not_stay_when_the_cluster_refuses_the_new_ones(
    synchronous: tuple[Stage, str], way: str
) -> None:
    staged, index = synchronous
    answer = written(staged, index, way, f"{way}-refused", {"text": LONG, **OLD})
    assert verdict(answer) == "failed-open; cluster_refused"
    assert stored(staged, index, f"{way}-refused") == {"text": LONG}


def test_old_weights_do_not_stay_in_some_of_many_that_are_sent_again(synchronous: tuple[Stage, str]) -> None:
    staged, index = synchronous
    nested = {"passages": [{"text": LONG, "terms": {"stale": 5.0}}]}
    documents = [{"text": TEXT, **OLD}, {"text": LONG, **OLD}, {"text": TEXT, **OLD, **nested}]
    lines = [part for number, each in enumerate(documents) for part in ({"index": {"_id": f"m{number}"}}, each)]
    answer = staged.ask("POST", f"/{index}/_bulk", b"".join(orjson.dumps(line) + b"\n" for line in lines))
    assert verdict(answer) == "rewritten; 1 of 3"
    assert stored(staged, index, "m0")["csplade_terms"] == word_vector(TEXT).weights
    assert stored(staged, index, "m1") == {"text": LONG}
    assert stored(staged, index, "m2") == {"text": TEXT, "passages": [{"text": LONG}]}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("word", "said"), [(BROKEN, "encoder_broken"), (DOTTED, "encoder_broken"), (SLOW, "encoder_slow")]
)
def test_old_weights_do_not_stay_when_the_encoder_fails(
    synchronous: tuple[Stage, str], way: str, word: str, said: str
) -> None:
    staged, index = synchronous
    # One that is slow keeps the next waiting, which fails too.
    identity, text = f"{way}-{word}", f"fresh {word} {way}"
    assert verdict(written(staged, index, way, identity, {"text": text, **OLD})) == f"failed-open; {said}"
    assert stored(staged, index, identity) == {"text": text}


def test_old_weights_do_not_stay_without_an_encoder(opensearch: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NO_ENCODER, "1")
    with stage(opensearch, "replace") as staged:
        answer = written(staged, staged.index("replace"), "index", "n", {"text": TEXT, **OLD})
        assert verdict(answer) == "failed-open; encoder_broken"
        assert stored(staged, staged.index("replace"), "n") == {"text": TEXT}


def test_enriching_finds_all_that_was_left(enriching: tuple[Stage, str], tmp_path: Path) -> None:
    staged, index = enriching
    client, encoder = staged.direct, WordEncoder()
    for way in WAYS:
        written(staged, index, way, f"{way}-found", {"text": f"{TEXT} of {way}", **OLD})
    client.indices.refresh(index=index)
    dialect = prepare_index(client, index, encoder.contract)
    options = EnrichOptions(index, tmp_path / "dead.jsonl", ("text",), write_of(client), 1)
    Enricher(client, encoder, dialect, options).until_current()
    for way in WAYS:
        text = f"{TEXT} of {way}"
        assert stored(staged, index, f"{way}-found")["csplade_terms"] == word_vector(text).weights
