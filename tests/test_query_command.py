"""`csplade query`: what it prints, what it refuses and with which exit code; on a real server."""

import dataclasses
import functools
from pathlib import Path
from typing import Any

import orjson
import pytest
from csplade.integration.client import connect
from csplade.integration.documents import Document
from csplade.integration.index import create_index
from csplade.integration.ingest import IngestOptions, ingest
from csplade.integration.templates import IndexOptions
from csplade.tests.command_run import Result, Run, runner, use_word_encoder
from csplade.tests.faulty_proxy import FaultyProxy, running
from csplade.tests.word_encoder import WordEncoder, word_contract

NOWHERE = "http://127.0.0.1:9"
DOCUMENTS = [
    Document("1", "fresh bread and butter", "Bread, [b]bold[/b]", {"lang": "en", "year": 2001}),
    Document("2", "stale bread\n\x1b[31mred", None, {"lang": "en", "year": 1999}),
    Document("3", "frisches Brot, fresh bread", "Brötchen", {"lang": "de", "year": 2005}),
    Document("4", "salt", "Salt", {"lang": "en", "year": 2010}),
    Document("5", "the breads of the world", "Breads", {"lang": "en", "year": 2015}),
    Document("[/b]6", "rye", "Odd id", {"lang": "en"}),
]
HIT_KEYS = ["rank", "id", "score", "title", "snippet", "contributions", "passage"]
PART_KEYS = ["term", "origin", "query_weight", "document_weight", "contribution", "percent"]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Run `csplade query` with the encoder of the tests."""
    use_word_encoder(monkeypatch, tmp_path / "encoder")
    monkeypatch.chdir(tmp_path)
    return functools.partial(runner(monkeypatch, capsys), "query")


@pytest.fixture
def index(opensearch: str, index_name: str, tmp_path: Path) -> str:
    """Return the name of an index that holds `DOCUMENTS`."""
    client = connect(opensearch)
    create_index(client, index_name, word_contract(), IndexOptions())
    ingest(client, WordEncoder(), DOCUMENTS, IngestOptions(index_name, tmp_path / "dead.jsonl"))
    return index_name


@pytest.fixture
def ask(run: Run, opensearch: str, index: str) -> Run:
    """Run `csplade query TEXT ...` on that index."""

    def ask(text: str, *arguments: object) -> Result:
        return run(text, "--index", index, "--url", opensearch, *arguments)

    return ask


def json_of(result: Result) -> dict[str, Any]:
    """Return the one JSON value that the command printed."""
    assert (result.code, result.out.count("\n")) == (0, 1), result
    value = orjson.loads(result.out)
    assert isinstance(value, dict)
    return value


def ids(result: Result) -> list[str]:
    return [hit["id"] for hit in json_of(result)["hits"]]


def one_sentence(result: Result) -> str:
    assert result.out == ""
    assert result.err.startswith("Error: ")
    assert result.err.count("\n") == 1
    return result.err


@pytest.mark.cluster
def test_a_table_shows_hits_in_order_with_text_as_it_is(ask: Run) -> None:
    result = ask("fresh bread butter butter")
    assert (result.code, result.err) == (0, "")
    assert [line.split() for line in result.out.splitlines() if line.strip(" ─")] == [
        ["rank", "score", "id", "title", "snippet"],
        ["1", "122.0000", "1", "Bread,", "[b]bold[/b]", "fresh", "bread", "and", "butter"],
        ["2", "50.0000", "3", "Brötchen", "frisches", "Brot,", "fresh", "bread"],
        ["3", "25.0000", "2", "stale", "bread", "[31mred"],
    ]
    assert "\x1b" not in result.out


@pytest.mark.cluster
def test_json_is_one_object_with_always_the_same_names(ask: Run, index: str) -> None:
    for mode in ("sparse", "bm25", "hybrid"):
        found = json_of(ask("fresh bread", "--mode", mode, "--json"))
        assert list(found) == ["query", "index", "mode", "terms", "total", "hits"]
        assert (found["query"], found["index"], found["mode"]) == ("fresh bread", index, mode)
        assert (found["terms"], found["total"]) == (None, None)
        assert [hit["rank"] for hit in found["hits"]] == list(range(1, len(found["hits"]) + 1))
        for hit in found["hits"]:
            assert list(hit) == HIT_KEYS
            assert hit["contributions"] is None
    by_id = {hit["id"]: hit for hit in found["hits"]}
    assert (by_id["1"]["title"], by_id["1"]["snippet"]) == ("Bread, [b]bold[/b]", "fresh bread and butter")
    assert by_id["2"]["title"] is None
    assert by_id["2"]["snippet"] == "stale bread [31mred"


@pytest.mark.cluster
def test_the_mode_decides_what_is_found(ask: Run) -> None:
    sparse, bm25, hybrid = ({*ids(ask("bread", "--mode", mode, "--json"))} for mode in ("sparse", "bm25", "hybrid"))
    assert sparse == {"1", "2", "3"}
    assert bm25 == {"1", "2", "3", "5"}  # The analyzer knows that breads are bread.
    assert hybrid == sparse | bm25
    assert {*ids(ask("bread", "--json"))} == sparse


@pytest.mark.cluster
def test_the_weight_of_bm25_is_a_factor_of_its_score(ask: Run) -> None:
    def score(*arguments: object) -> float:
        hits = json_of(ask("bread", "--json", *arguments))["hits"]
        return float(next(hit["score"] for hit in hits if hit["id"] == "2"))

    sparse, bm25 = score(), score("--mode", "bm25")
    for weight in (0, 0.5, 1, 20):
        assert score("--mode", "hybrid", "--bm25-weight", weight) == pytest.approx(sparse + weight * bm25, rel=1e-5)
    assert score("--mode", "hybrid") == pytest.approx(sparse + bm25, rel=1e-5)


@pytest.mark.cluster
@pytest.mark.parametrize("mode", ["sparse", "bm25", "hybrid"])
def test_a_filter_narrows(ask: Run, mode: str) -> None:
    def found(condition: str) -> set[str]:
        return {*ids(ask("bread", "--mode", mode, "--filter", condition, "--json"))}

    more = set() if mode == "sparse" else {"5"}
    assert found('{"term": {"lang": "de"}}') == {"3"}
    assert found('[{"term": {"lang": "en"}}, {"range": {"year": {"gte": 2000}}}]') == {"1"} | more
    assert found('{"match_all": {}}') == found("[]") == {"1", "2", "3"} | more
    assert found('{"term": {"lang": "fr"}}') == set()


@pytest.mark.cluster
def test_no_hit_is_a_success_and_said(ask: Run) -> None:
    assert json_of(ask("nothingness", "--json"))["hits"] == []
    table = ask("nothingness")
    assert (table.code, table.err) == (0, "No document matches.\n")
    assert "rank" in table.out


@pytest.mark.cluster
def test_size_limits_the_hits(ask: Run) -> None:
    assert len(ids(ask("bread", "--size", 2, "--json"))) == 2
    assert len(ids(ask("bread", "--size", 10_000, "--json"))) == 3


@pytest.mark.cluster
@pytest.mark.parametrize("mode", ["sparse", "bm25", "hybrid"])
def test_the_explanation_of_a_hit_adds_up_to_its_score(ask: Run, mode: str) -> None:
    hits = json_of(ask("fresh bread of the world", "--mode", mode, "--explain", "--json"))["hits"]
    assert len(hits) >= 3
    for hit in hits:
        parts = hit["contributions"]
        assert [list(part) for part in parts] == [PART_KEYS] * len(parts)
        assert sum(part["contribution"] for part in parts) == pytest.approx(hit["score"], rel=1e-5)
        assert sum(part["percent"] for part in parts) == pytest.approx(100, rel=1e-5)
        assert parts == sorted(parts, key=lambda part: -part["contribution"])
        assert {part["origin"] for part in parts} <= ({"sparse", "bm25"} if mode == "hybrid" else {mode})
        for part in parts:
            assert part["query_weight"] * part["document_weight"] == pytest.approx(part["contribution"], rel=1e-5)


@pytest.mark.cluster
def test_an_explained_table_has_a_table_for_each_hit(ask: Run) -> None:
    result = ask("stale bread", "--explain", "--size", 1)
    assert (result.code, result.err) == (0, "")
    lines = [" ".join(line.split()) for line in result.out.splitlines()]
    assert "1. 2: score 50.0000" in lines
    assert "term from query document adds share" in lines
    assert "stale sparse 5.0000 5.0000 25.0000 50.0%" in lines
    assert "bread sparse 5.0000 5.0000 25.0000 50.0%" in lines


@pytest.mark.cluster
def test_an_id_like_markup_is_only_an_id(ask: Run) -> None:
    result = ask("rye", "--explain")
    assert (result.code, result.err) == (0, "")
    assert "1. [/b]6: score 9.0000" in result.out


@pytest.mark.cluster
def test_more_terms_than_fit_are_summed_up_in_the_table_and_all_in_the_json(
    ask: Run, opensearch: str, index: str, tmp_path: Path
) -> None:
    text = " ".join(f"term{letter}" for letter in "abcdefghijklmno")
    options = IngestOptions(index, tmp_path / "more.jsonl")
    ingest(connect(opensearch), WordEncoder(), [Document("7", text)], options)
    table = ask(text, "--explain")
    assert "(3 more)" in table.out
    assert "75.0000" in next(line for line in table.out.splitlines() if "(3 more)" in line)
    assert len(json_of(ask(text, "--explain", "--json"))["hits"][0]["contributions"]) == 15


@pytest.mark.cluster
@pytest.mark.parametrize("mode", ["sparse", "hybrid"])
def test_the_terms_of_the_query_are_shown_heaviest_first(ask: Run, mode: str) -> None:
    arguments = ("of fresh butter", "--mode", mode, "--show-terms")
    terms = json_of(ask(*arguments, "--json"))["terms"]
    assert terms == [
        {"term": "butter", "key": "butter", "weight": 6.0},
        {"term": "fresh", "key": "fresh", "weight": 5.0},
        {"term": "of", "key": "of", "weight": 2.0},
    ]
    table = ask(*arguments)
    assert (table.code, table.err) == (0, "")
    lines = [" ".join(line.split()) for line in table.out.splitlines() if line.strip(" ─")]
    assert lines[:2] == ["Terms of the query", "term weight"]
    assert lines[2:5] == ["butter 6.0000", "fresh 5.0000", "of 2.0000"]
    assert lines[5] == "rank score id title snippet"


@pytest.mark.cluster
def test_a_pruned_query_is_told_and_only_what_is_sent_is_shown(ask: Run) -> None:
    result = ask("of fresh butter", "--max-clauses", 2, "--show-terms", "--json")
    assert [term["term"] for term in json_of(result)["terms"]] == ["butter", "fresh"]
    assert result.err == "The query has 3 terms; the 2 heaviest are sent (84.6% of its weight).\n"


@pytest.mark.cluster
@pytest.mark.parametrize("mode", ["sparse", "bm25", "hybrid"])
@pytest.mark.parametrize("text", ["", "  \n"])
def test_an_empty_query_finds_nothing_and_says_so(ask: Run, mode: str, text: str) -> None:
    result = ask(text, "--mode", mode, "--json")
    assert json_of(result)["hits"] == []
    assert result.err == "The query is empty, so nothing can match it.\n"


@pytest.mark.cluster
def test_a_query_without_terms_is_told(ask: Run) -> None:
    result = ask("?!", "--show-terms", "--json")
    assert (json_of(result)["terms"], json_of(result)["hits"]) == ([], [])
    assert "no term of any weight, perhaps only stop words, so nothing can match it" in result.err
    assert "so only BM25 was asked" in ask("?!", "--mode", "hybrid").err


@pytest.mark.cluster
def test_the_cluster_and_the_encoder_may_come_from_the_environment(
    run: Run, opensearch: str, index: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CSPLADE_URL", opensearch)
    assert ids(run("salt", "--index", index, "--json")) == ["4"]
    monkeypatch.setenv("CSPLADE_URL", NOWHERE)
    assert ids(run("salt", "--index", index, "--url", opensearch, "--json")) == ["4"]


@pytest.mark.cluster
def test_an_alias_can_be_asked(run: Run, opensearch: str, index: str) -> None:
    connect(opensearch).indices.put_alias(index=index, name=f"{index}-alias")
    assert ids(run("salt", "--index", f"{index}-alias", "--url", opensearch, "--json")) == ["4"]


@pytest.mark.cluster
@pytest.mark.parametrize("mode", ["sparse", "bm25"])
def test_an_index_that_is_not_there_is_told_with_the_way_to_make_it(run: Run, opensearch: str, mode: str) -> None:
    result = run("bread", "--index", "nothing-here", "--url", opensearch, "--mode", mode)
    assert result.code == 1
    said = "there is no index 'nothing-here': make it with `csplade ingest SOURCE --index nothing-here`"
    assert said in one_sentence(result)


@pytest.mark.cluster
@pytest.mark.parametrize("mode", ["sparse", "bm25", "hybrid"])
def test_an_index_that_is_not_ours_is_refused(run: Run, opensearch: str, index_name: str, mode: str) -> None:
    connect(opensearch).index(index=index_name, body={"text": "bread"}, params={"refresh": "true"})
    result = run("bread", "--index", index_name, "--url", opensearch, "--mode", mode)
    assert result.code == 1
    assert one_sentence(result) == (
        f"Error: the index {index_name!r} was not made by csplade and has no term weights (no field 'csplade_terms' of "
        f"ours): `csplade reindex --from {index_name} --to NEW` makes one that has them\n"
    )


@pytest.mark.cluster
def test_an_index_of_another_encoder_is_refused_except_for_bm25(ask: Run, tmp_path: Path) -> None:
    other = dataclasses.replace(word_contract("other"), opset=2)
    folder = tmp_path / "other"
    folder.mkdir()
    other.write(folder)
    for mode in ("sparse", "hybrid"):
        result = ask("bread", "--mode", mode, "--encoder", folder)
        assert result.code == 1
        assert other.fingerprint in one_sentence(result)
        assert word_contract().fingerprint in result.err
        assert "--encoder" in result.err
    assert len(ids(ask("bread", "--mode", "bm25", "--encoder", folder, "--json"))) == 4


@pytest.mark.cluster
def test_a_folder_that_is_no_encoder_is_refused_except_for_bm25(ask: Run, tmp_path: Path) -> None:
    result = ask("bread", "--encoder", tmp_path / "nothing")
    assert result.code == 1
    assert "nothing is not an encoder folder" in one_sentence(result)
    assert len(ids(ask("bread", "--mode", "bm25", "--encoder", tmp_path / "nothing", "--json"))) == 4


@pytest.mark.parametrize("mode", ["sparse", "bm25"])
def test_no_cluster_there_is_one_sentence(run: Run, mode: str) -> None:
    url = "http://user:geheim@127.0.0.1:9"
    result = run("bread", "--index", "articles", "--url", url, "--mode", mode)
    assert result.code == 1
    assert "no cluster answers at http://127.0.0.1:9" in one_sentence(result)
    assert "geheim" not in result.err


@pytest.mark.cluster
@pytest.mark.parametrize(("status", "said"), [(401, "does not accept these credentials"), (403, "does not let this")])
def test_wrong_credentials_are_one_sentence(
    run: Run, opensearch: str, index: str, monkeypatch: pytest.MonkeyPatch, status: int, said: str
) -> None:
    monkeypatch.setenv("CSPLADE_USER", "user")
    monkeypatch.setenv("CSPLADE_PASSWORD", "geheim")
    with running(FaultyProxy(opensearch)) as proxy:
        proxy.locked = status
        result = run("bread", "--index", index, "--url", proxy.url)
    assert result.code == 1
    assert said in one_sentence(result)
    assert "geheim" not in result.err


@pytest.mark.cluster
def test_a_filter_that_the_cluster_does_not_know_is_told_with_its_reason(ask: Run) -> None:
    result = ask("bread", "--filter", '{"nonsense": {"lang": "en"}}')
    assert result.code == 1
    assert "unknown query [nonsense]" in one_sentence(result)


@pytest.mark.cluster
def test_no_more_terms_are_sent_than_the_cluster_takes(ask: Run) -> None:
    result = ask(" ".join(f"word{number}" for number in range(1100)), "--max-clauses", 1100)
    assert result.code == 0
    assert "The query has 1100 terms; the 1024 heaviest are sent" in result.err


@pytest.mark.cluster
def test_more_clauses_than_the_cluster_takes_are_wrong_usage(ask: Run) -> None:
    text = " ".join(f"word{number}" for number in range(1100))
    result = ask(text, "--mode", "bm25")
    assert result.code == 2
    assert "shorten the query or the filter" in one_sentence(result)


@pytest.mark.cluster
def test_two_phases_and_pruning_by_option(ask: Run) -> None:
    everything = json_of(ask("fresh bread butter butter", "--json"))["hits"]
    assert [hit["score"] for hit in everything] == [122.0, 50.0, 25.0]
    heavy = json_of(ask("fresh bread butter butter", "--phases", "two", "--heavy", 0.9, "--explain", "--json"))["hits"]
    # Only butter finds, and all terms score.
    assert [(hit["id"], hit["score"]) for hit in heavy] == [("1", 122.0)]
    assert sum(part["contribution"] for part in heavy[0]["contributions"]) == pytest.approx(122.0)
    for option in (("--ratio", 0.9), ("--share", 0.5), ("--max-clauses", 1)):
        result = ask("fresh bread butter butter", *option, "--json")
        assert [(hit["id"], hit["score"]) for hit in json_of(result)["hits"]] == [("1", 72.0)]
        assert "the heaviest is sent" in result.err


@pytest.mark.cluster
def test_an_anchor_decides_what_is_found(ask: Run) -> None:
    english = ("--filter", '{"term": {"lang": "en"}}')
    assert ids(ask("breads", "--anchor", "text", "--json")) == ["5", "1", "2", "3"]
    assert {*ids(ask("breads", "--anchor", "filter", *english, "--json"))} == {"1", "2", "4", "5", "[/b]6"}
    result = ask("breads", "--anchor", "filter")
    assert result.code == 2
    assert "anchored in its filter needs one: give --filter" in one_sentence(result)


@pytest.mark.cluster
def test_rankings_are_merged_by_option(ask: Run) -> None:
    found = json_of(ask("stale breads", "--mode", "hybrid", "--fusion", "rrf", "--explain", "--json"))["hits"]
    assert {hit["id"] for hit in found} == {"1", "2", "3", "5"}
    assert found[0]["score"] == pytest.approx(1 / 61 + 1 / 62)
    parts = {part["origin"]: part["term"] for part in found[0]["contributions"]}
    assert parts.keys() == {"sparse", "bm25"}
    result = ask("bread", "--mode", "hybrid", "--fusion", "server")
    assert result.code == 2
    assert "has no hybrid queries" in one_sentence(result)


@pytest.mark.cluster
def test_a_normalized_sum_needs_an_index_that_was_calibrated(
    ask: Run, run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], opensearch: str, index: str
) -> None:
    normalized = ("bread", "--mode", "hybrid", "--fusion", "normalized", "--json")
    result = ask(*normalized)
    assert result.code == 2
    assert "`csplade calibrate` measures them" in one_sentence(result)
    done = runner(monkeypatch, capsys)("calibrate", "--index", index, "--url", opensearch)
    assert (done.code, "A good hit scores" in done.err) == (0, True), done
    assert {hit["id"] for hit in json_of(ask(*normalized))["hits"]} == {"1", "2", "3", "5"}


@pytest.mark.cluster
def test_fields_and_totals_by_option(ask: Run, opensearch: str, index: str) -> None:
    others = {"properties": {"other_terms": {"type": "rank_features"}}}
    connect(opensearch).indices.put_mapping(index=index, body=others)
    title = json_of(ask("salt", "--mode", "bm25", "--text-field", "title^3", "--total", "exact", "--json"))
    assert ([hit["id"] for hit in title["hits"]], title["total"]) == (["4"], {"value": 1, "exact": True})
    assert json_of(ask("salt", "--field", "other_terms", "--total", "usual", "--json"))["total"]["value"] == 0
    assert "3 documents match.\n" in ask("bread", "--size", 1, "--total", "exact").err
    assert "1 document matches.\n" in ask("salt", "--total", "exact").err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--field", "title^heavy"), "'title^heavy' is no field with a weight: write it like title^2"),
        (("--field", "^2"), "'' with the weight 2.0 is no field to score"),
        (("--mode", "hybrid", "--fusion", "rrf", "--total", "exact"), "have no common total"),
        (("--phases", "two", "--fusion", "server"), "knows no second phase"),
        (("--filter", "{"), "--filter is not JSON (unexpected end of data at line 1 column 2)"),
        (("--filter", ""), "--filter is not JSON"),
        (("--filter", "[1]"), "clause 1 of --filter is 1: write an object"),
        (("--index", "Not A Name"), "'Not A Name' cannot be the name of an index"),
        (("--index", "a,b"), "'a,b' cannot be the name of an index"),
        (("--index", "\udcff"), "cannot be the name of an index"),
        (("--show-terms", "--mode", "bm25"), "--show-terms has nothing to show in the mode bm25"),
        (("--url", "ftp://somewhere"), "is not the address of a cluster"),
        (("--url", "https://h", "--ca-certs", "nothing.pem"), "no file of certificate authorities nothing.pem"),
        (("--mode", "hybrid", "--bm25-weight", "nan"), "BM25 cannot have the weight nan"),
        (("--mode", "hybrid", "--bm25-weight", "inf"), "BM25 cannot have the weight inf"),
    ],
)
def test_wrong_usage_is_one_sentence_and_exit_code_2(run: Run, arguments: tuple[str, ...], said: str) -> None:
    result = run("bread", "--index", "articles", "--url", NOWHERE, *arguments)
    assert result.code == 2
    assert said in one_sentence(result)


def test_a_query_that_is_not_utf_8_is_wrong_usage(run: Run) -> None:
    result = run("caf\udce9", "--index", "articles", "--url", NOWHERE)
    assert result.code == 2
    assert r"'caf\udce9' is not UTF-8" in one_sentence(result)
