"""An index with a SEISMIC field by commands: made with a measured loss, filled, asked, kept up to date; on servers."""

import random
from pathlib import Path
from typing import Any

import orjson
import pytest
from csplade.integration.alias import versions
from csplade.integration.dialect import Feature
from csplade.integration.index_mapping import mapping_of
from csplade.integration.seismic_field import remap_in, seismic_clause
from csplade.integration.templates import SEISMIC_FIELD, WEIGHTS_FIELD
from csplade.pipelines.folder import Tables, write_tables
from csplade.tests.cluster_lines import ClusterLine, on_seismic
from csplade.tests.command_run import Run, run
from csplade.tests.versioned_index import versioned
from csplade.tests.word_encoder import word_contract, word_vector

__all__ = ["run", "versioned"]

WORDS = ["bread", "loaf", "rye", "salt", "flour", "oven", "yeast", "water", "crust", "kneading", "proofing", "starter"]
_CHANCE = random.Random(7)
TEXTS = {f"d{number}": " ".join(_CHANCE.choices(WORDS, k=9)) for number in range(60)} | {"empty": ""}
QUERY = "rye bread starter in the oven"
MADE = ("--seismic", "corpus.jsonl", "--seismic-from", "1", "--seismic-loss", "0.02")


@pytest.fixture
def where(run: Run, versioned: ClusterLine) -> tuple[str, ...]:
    """Write the source and the encoder's tables; return the options that name the cluster."""
    write_tables(Path("encoder"), Tables(["later"], {"never": 1.0}))
    rows = [
        orjson.dumps({"_id": key, "text": text, "lang": "en" if key < "d3" else "de"}) for key, text in TEXTS.items()
    ]
    Path("corpus.jsonl").write_bytes(b"\n".join(rows))
    return ("--url", versioned.url)


def answer(run: Run, *arguments: object) -> dict[str, Any]:  # Any: a JSON object
    done = run(*arguments, "--json")
    assert done.code == 0, done.err
    found = orjson.loads(done.out)
    assert isinstance(found, dict)
    return found


def found_by_field(line: ClusterLine, query: str) -> list[str]:
    """Return what the field itself finds, without a search by all terms where that is too little."""
    remap = remap_in(mapping_of(line.client, line.index)[1])
    assert remap is not None
    clause = seismic_clause(word_vector(query), remap, 50, 10, 1.2)
    hits = line.client.search(index=line.index, body={"query": clause, "size": 50})["hits"]["hits"]
    return [hit["_id"] for hit in hits]


def ranking(found: dict[str, Any]) -> list[tuple[str, float]]:  # Any: a JSON object
    return [(hit["id"], hit["score"]) for hit in found["hits"]]


@pytest.mark.cluster
def test_where_there_are_no_such_fields_none_is_made(run: Run, versioned: ClusterLine, where: tuple[str, ...]) -> None:
    done = run("index", "create", versioned.index, *MADE, *where)
    if Feature.SEISMIC in versioned.dialect.features:
        assert done.code == 0
    else:
        assert done.code != 0
        assert "has no SEISMIC fields" in done.err
        assert versions(versioned.client, versioned.index) == ()


@on_seismic
@pytest.mark.cluster
def test_a_field_finds_what_all_terms_score(run: Run, versioned: ClusterLine, where: tuple[str, ...]) -> None:
    alias = versioned.index
    made = answer(run, "index", "create", alias, *MADE, *where)
    loss = made["seismic"]["loss"]
    assert made["seismic"]["numbers"] == len(WORDS) + 2
    assert 0.0 < loss["score"] < 0.02
    assert (loss["terms"], loss["mass"]) == (0.0, 0.0)
    assert answer(run, "ingest", "corpus.jsonl", "--index", alias, *where)["unnumbered"] == 0.0
    mapping = mapping_of(versioned.client, alias)[1]
    assert (remap := remap_in(mapping)) is not None
    assert set(remap.terms) == {*WORDS, "later", "never"}
    source = versioned.client.get(index=alias, id="d0")["_source"]
    assert source[SEISMIC_FIELD] == {str(remap.numbers[term]): w for term, w in source[WEIGHTS_FIELD].items()}
    asked = (QUERY, "--index", alias, *where, "--size", "5")
    exact = answer(run, "query", *asked, "--phases", "one")
    found = answer(run, "query", *asked, "--phases", "seismic", "--explain")
    assert ranking(found) == ranking(exact)
    query = word_vector(QUERY)
    for hit in found["hits"]:
        # Scores are those of the weights themselves, and not of 8 bits.
        assert hit["score"] == pytest.approx(query.dot(word_vector(TEXTS[hit["id"]])), rel=0.004)
        assert sum(part["contribution"] for part in hit["contributions"]) == pytest.approx(hit["score"], rel=1e-5)
        assert {part["origin"] for part in hit["contributions"]} == {"sparse"}
    # A filter, which such a field sees too late, is asked exactly.
    filtered = (*asked, "--filter", '{"term": {"lang": "en"}}')
    assert ranking(answer(run, "query", *filtered, "--phases", "seismic")) == ranking(
        answer(run, "query", *filtered, "--phases", "one")
    )
    assert "Asked without the SEISMIC field" in run("query", *filtered, "--phases", "seismic").err
    assert "Asked without" not in run("query", *asked, "--phases", "seismic").err
    (told,) = orjson.loads(run("index", "status", alias, *where, "--json").out)
    assert told["seismic_loss"] == loss["score"]


@on_seismic
@pytest.mark.cluster
def test_what_the_field_does_not_find_is_told(run: Run, versioned: ClusterLine, where: tuple[str, ...]) -> None:
    alias = versioned.index
    assert run("index", "create", alias, *MADE, *where).code == 0
    assert run("ingest", "corpus.jsonl", "--index", alias, *where).code == 0
    # Without its numbers, as another program would write it.
    text = {"text": "rye bread", WEIGHTS_FIELD: {"rye": 3.0, "bread": 5.0}}
    versioned.client.index(index=alias, id="other", body=text, params={"refresh": "true"})
    asked = ("rye bread", "--index", alias, *where, "--document", "other", "--size", "1")
    assert answer(run, "explain", *asked, "--phases", "one")["document"]["rank"] > 1
    found = answer(run, "explain", *asked, "--phases", "seismic")["document"]
    assert (found["rank"], found["reasons"]) == (None, ["not found approximately"])
    assert "the SEISMIC field has not found it" in run("explain", *asked, "--phases", "seismic").out
    hit = answer(run, "explain", "rye bread", "--index", alias, *where, "--size", "1", "--phases", "seismic")["hits"][0]
    own = answer(run, "explain", *asked[:-3], hit["id"], "--size", "1", "--phases", "seismic")["document"]
    assert (own["rank"], own["score"]) == (1, pytest.approx(hit["score"]))


@on_seismic
@pytest.mark.cluster
def test_enriched_documents_are_found_by_their_new_words(
    run: Run, versioned: ClusterLine, where: tuple[str, ...]
) -> None:
    alias, client = versioned.index, versioned.client
    assert run("index", "create", alias, *MADE, *where).code == 0
    assert run("ingest", "corpus.jsonl", "--index", alias, *where).code == 0
    for identity, text in (("d1", "later"), ("d2", "a word without a number"), ("d3", "")):
        client.update(index=alias, id=identity, body={"doc": {"text": text}}, params={"refresh": "true"})
    # Somebody copied it with its weights and mark, but without their numbers.
    copied = {name: value for name, value in client.get(index=alias, id="d0")["_source"].items()}
    numbers = copied.pop(SEISMIC_FIELD)
    client.index(index=alias, id="d0", body=copied, params={"refresh": "true"})
    assert answer(run, "enrich", "--index", alias, *where)["encoded"] == 4
    assert answer(run, "enrich", "--index", alias, *where)["encoded"] == 0
    assert client.get(index=alias, id="d0")["_source"][SEISMIC_FIELD] == numbers
    assert found_by_field(versioned, "later") == ["d1"]
    found = answer(run, "query", "later", "--index", alias, *where, "--phases", "seismic", "--explain")
    assert [hit["id"] for hit in found["hits"]] == ["d1"]
    for identity in ("d2", "d3"):
        assert SEISMIC_FIELD not in client.get(index=alias, id=identity)["_source"]
    Path("new.jsonl").write_text('{"_id": "new", "text": "bread unknown"}')
    # 5 of 12 letters have a number.
    done = run("ingest", "new.jsonl", "--index", alias, *where)
    assert "58.33% of the weights are of terms without a number" in done.err
    # Where it finds fewer than are asked for, all terms are asked.
    found = answer(run, "query", "number", "--index", alias, *where, "--phases", "seismic")
    assert [hit["id"] for hit in found["hits"]] == ["d2"]
    (other := Path("other")).mkdir()
    word_contract("others", opset=2).write(other)
    done = run("enrich", "--index", alias, *where, "--replace-encoder", "--encoder", other)
    assert done.code == 1
    assert "has numbers for the terms of its encoder alone" in done.err


@on_seismic
@pytest.mark.cluster
def test_an_index_is_reindexed_into_one_with_a_field(run: Run, versioned: ClusterLine, where: tuple[str, ...]) -> None:
    alias, old = versioned.index, f"{versioned.index}-old"
    assert run("ingest", "corpus.jsonl", "--index", old, *where).code == 0
    try:
        new = answer(run, "index", "create", alias, *MADE, *where)["index"]
        assert run("reindex", "--from", old, "--to", new, *where).code == 0
    finally:
        versioned.client.indices.delete(index=old)
    assert len(found_by_field(versioned, QUERY)) >= 20
    asked = (QUERY, "--index", alias, *where, "--size", "5")
    found = answer(run, "query", *asked, "--phases", "seismic")
    assert len(found["hits"]) == 5
    assert ranking(found) == ranking(answer(run, "query", *asked, "--phases", "one"))


@on_seismic
@pytest.mark.cluster
def test_too_much_loss_and_what_does_not_fit_make_no_index(
    run: Run, versioned: ClusterLine, where: tuple[str, ...]
) -> None:
    Path("one.jsonl").write_text('{"text": "rye"}\n{"body": "rye"}\n')
    Path("others.jsonl").write_text('{"query": "unheard"}\n')
    Path("none.jsonl").write_text('{"oops": "unheard"}\n')
    for options, said in (
        (("--seismic", "corpus.jsonl", "--seismic-loss", "0"), "and at most 0.00% is allowed"),
        (("--seismic", "one.jsonl"), "one.jsonl has 1 text in title or text"),
        (("--seismic", "corpus.jsonl", "--seismic-queries", "others.jsonl"), "no loss can be measured"),
        (("--seismic", "corpus.jsonl", "--seismic-queries", "none.jsonl"), "none.jsonl has no text in query or text"),
        (("--seismic", "corpus.jsonl", "--seismic-loss", "0", "--long", "passages"), "finds documents, not passages"),
        (("--seismic", "corpus.jsonl", "--seismic-loss", "0", "--no-weights-in-source"), "keeps its weights"),
        (("--seismic-loss", "0.1"), "--seismic-loss says how a SEISMIC field is made"),
        (("--seismic", "nowhere.jsonl"), "nowhere.jsonl"),
    ):
        done = run("index", "create", versioned.index, *options, *where)
        assert done.code != 0
        assert said in done.err
        assert versions(versioned.client, versioned.index) == ()
    assert run("index", "create", versioned.index, *where).code == 0
    done = run("query", "rye", "--index", versioned.index, *where, "--phases", "seismic")
    assert done.code != 0
    assert "the index has no SEISMIC field: make one that has with `csplade index create --seismic`" in done.err


@on_seismic
@pytest.mark.cluster
def test_a_next_version_without_the_field_is_told_and_a_total_is_refused(
    run: Run, versioned: ClusterLine, where: tuple[str, ...]
) -> None:
    alias = versioned.index
    Path("table.csv").write_text("body;lang\n" + "".join(f"{text};en\n" for text in TEXTS.values() if text))
    table = ("--seismic", "table.csv", "--delimiter", ";", "--text-fields", "body", "--seismic-loss", "0.02")
    made = answer(run, "index", "create", alias, *table, "--shards", "3", "--long", "max", *where)
    assert (made["seismic"]["numbers"], made["seismic"]["documents"]) == (len(WORDS) + 2, 6)
    assert f"{alias}-v1 has a SEISMIC field, and this one has none" in run("index", "create", alias, *where).err
    assert run("ingest", "corpus.jsonl", "--index", alias, *where).code == 0
    asked = (QUERY, "--index", alias, *where, "--size", "5", "--phases")
    assert ranking(answer(run, "query", *asked, "seismic")) == ranking(answer(run, "query", *asked, "one"))
    done = run("query", *asked, "seismic", "--total", "exact")
    assert done.code == 2
    assert "a SEISMIC field finds only some of what matches" in done.err
