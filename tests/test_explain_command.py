"""`csplade explain`: what it prints of hits and of a document, in colour on a terminal; on real servers."""

import functools
from pathlib import Path
from typing import Any

import orjson
import pytest
from csplade.commands.explained_document import print_document
from csplade.integration.explain import Contribution, Origin
from csplade.integration.missing import Placement, SharedTerm, Terms
from csplade.integration.query import QueryOptions
from csplade.integration.templates import WEIGHTS_FIELD
from csplade.tests.cluster_lines import ClusterLine
from csplade.tests.command_run import Result, Run, runner, use_word_encoder
from csplade.tests.versioned_index import add_version, fill, filled_once, versioned

__all__ = ["filled_once", "versioned"]

TERMS = {"bread": 5.0, "loaf": 1.0}
NAMES = ["query", "index", "mode", "terms", "hits", "document"]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Run `csplade explain` in an empty folder with the encoder of the tests."""
    use_word_encoder(monkeypatch, tmp_path / "encoder")
    monkeypatch.chdir(tmp_path)
    return functools.partial(runner(monkeypatch, capsys), "explain")


@pytest.fixture
def explain(run: Run, filled_once: ClusterLine) -> Run:
    """Run `csplade explain TEXT ...` on an index with a few documents."""

    def explain(text: str, *arguments: object) -> Result:
        return run(text, "--index", filled_once.index, "--url", filled_once.url, *arguments)

    return explain


def json_of(result: Result) -> dict[str, Any]:
    assert (result.code, result.out.count("\n")) == (0, 1), result
    value = orjson.loads(result.out)
    assert isinstance(value, dict)
    return value


def rows(result: Result) -> list[str]:
    assert (result.code, result.err) == (0, ""), result
    return [" ".join(line.split()) for line in result.out.splitlines() if line.strip(" ─")]


@pytest.mark.cluster
def test_hits_and_documents_are_explained_on_every_line(run: Run, versioned: ClusterLine, tmp_path: Path) -> None:
    add_version(versioned)
    fill(versioned, versioned.index, tmp_path)
    where = ("--index", versioned.index, "--url", versioned.url, "--json")
    for mode in ("sparse", "hybrid"):
        found = json_of(run("bread cloth butter", *where, "--mode", mode))
        assert (list(found), found["mode"], found["document"]) == (NAMES, mode, None)
        assert [term["key"] for term in found["terms"]] == ["butter", "bread", "cloth"]
        assert {hit["id"] for hit in found["hits"]} == {"bread", "loaf", "brot"}
        for hit in found["hits"]:
            parts = hit["contributions"]
            assert sum(part["contribution"] for part in parts) == pytest.approx(hit["score"], rel=1e-5)
            assert sum(part["percent"] for part in parts) == pytest.approx(100, rel=1e-5)
            lacks = ["butter"] if hit["id"] == "loaf" else ["butter", "cloth"]
            assert [term["key"] for term in hit["unmet"]] == lacks
        one = json_of(run("bread cloth butter", *where, "--mode", mode, "--document", "salt"))
        assert (list(one), one["hits"]) == (NAMES, None)
        assert one["document"]["reasons"][0] == "no common term"
        (weights,) = one["document"]["document_terms"].values()
        assert weights[0] == {"term": "nothing", "key": "nothing", "weight": 7.0}


@pytest.mark.cluster
def test_the_table_shows_bars_shares_and_what_is_lacking(explain: Run) -> None:
    shown = rows(explain("bread bread cloth butter", "--size", 1))
    assert shown[0] == "1. bread: score 100.0000. Bread: bread bread"
    assert shown[1:] == [
        "share term from query document adds",
        f"{'█' * 20} 100.0% bread sparse 10.0000 10.0000 100.0000",
        "butter not in it 6.0000",
        "cloth not in it 5.0000",
    ]


@pytest.mark.cluster
def test_ranks_tell_nothing_of_the_terms_that_a_hit_lacks(explain: Run) -> None:
    merged = ("bread bread cloth butter", "--size", 1, "--mode", "hybrid", "--fusion", "rrf")
    (hit,) = json_of(explain(*merged, "--json"))["hits"]
    ranks = [(part["term"], part["origin"]) for part in hit["contributions"]]
    assert ranks == [("rank 1", "sparse"), ("rank 2", "bm25")]
    assert (hit["id"], hit["unmet"]) == ("bread", None)
    shown = rows(explain(*merged))
    assert len(shown) == 4
    assert not any("not in it" in line for line in shown)
    # Of one ranking alone nothing is merged.
    (alone,) = json_of(explain(*merged[:3], "--mode", "sparse", "--fusion", "rrf", "--json"))["hits"]
    assert [term["key"] for term in alone["unmet"]] == ["butter", "cloth"]


@pytest.mark.cluster
def test_bars_are_as_long_as_shares(explain: Run) -> None:
    shown = rows(explain("bread cloth cloth keep keep keep", "--filter", '{"ids": {"values": ["loaf"]}}'))
    lengths = {line.split()[2]: line.split()[0].count("█") for line in shown[2:]}
    # 12 x 4, 10 x 5, 5 x 5 of 123.
    assert lengths == {"cloth": 8, "keep": 8, "bread": 4}


@pytest.mark.cluster
def test_colours_are_for_terminals(explain: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = explain("bread", "--mode", "hybrid", "--size", 1)
    assert "\x1b" not in plain.out
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    coloured = explain("bread", "--mode", "hybrid", "--size", 1)
    assert "\x1b[36m█" in coloured.out
    assert "\x1b[33m█" in coloured.out
    assert "\x1b[1;36mbread" in coloured.out


@pytest.mark.cluster
def test_a_document_that_is_no_hit_is_told_why(explain: Run) -> None:
    shown = rows(explain("bread cloth", "--document", "brot", "--filter", '{"term": {"lang": "en"}}'))
    assert shown[:3] == [
        "document brot",
        "The filter keeps it out.",
        'It does not pass the filter {"term":{"lang":"en"}}',
    ]
    for line in ("Terms that both have", "bread 5.0000 5.0000 25.0000 yes", "Terms of the query only", "cloth 5.0000"):
        assert line in shown
    assert shown[shown.index("Terms of the document only") + 2] == "brot 4.0000"
    lower = rows(explain("bread", "--document", "loaf", "--size", 1))
    assert lower[1] == "It has rank 2, with the score 25.0000; only the best one is asked for, see --size."
    assert "Score 25.0000" in lower
    # What met stands in the score already.
    assert not any(line.startswith("Terms that both have") for line in lower)
    # The word stands in its text.
    title = rows(explain("bread", "--document", "loaf", "--mode", "bm25", "--text-field", "title"))
    assert title[1] == "None of the query's words stands in title."
    two = rows(
        explain("bread", "--document", "salt", "--anchor", "text", "--text-field", "title", "--text-field", "text")
    )
    assert two[1] == "None of the query's words stands in title or text, and the query is anchored there."


def test_terms_that_add_nothing_to_a_score_are_shown_beside_it(capsys: pytest.CaptureFixture[str]) -> None:
    """As of a document behind what the second of two phases scores: light terms are sent, and it has none of them."""
    shared = tuple(SharedTerm(term, WEIGHTS_FIELD, weight, weight, sent=True) for term, weight in TERMS.items())
    met = Contribution("bread", Origin.SPARSE, 25.0, 5.0, 5.0)
    print_document(
        Placement("a", (), Terms(shared), score=25.0, rank=30, contributions=(met,)), QueryOptions(), 10, None
    )
    before, title, after = capsys.readouterr().out.partition("Terms that both have, not in this score")
    assert title
    assert ("bread" in before, "loaf" in before) == (True, False)
    assert ("bread" in after, "loaf" in after) == (False, True)


@pytest.mark.cluster
def test_no_hit_and_terms_that_are_left_out_are_said(explain: Run) -> None:
    nothing = explain("nothingness", "--json")
    assert (json_of(nothing)["hits"], nothing.err) == ([], "No document matches.\n")
    cut = explain("bread cloth", "--max-clauses", 1, "--document", "salt")
    assert cut.err == "The query has 2 terms; the heaviest is sent (50.0% of its weight).\n"


@pytest.mark.cluster
def test_a_document_that_is_not_there_is_an_error(explain: Run, filled_once: ClusterLine) -> None:
    for more in ((), ("--json",), ("--mode", "bm25")):
        result = explain("bread", "--document", "nobody", *more)
        assert (result.code, result.out) == (1, "")
        assert result.err.startswith(
            f"Error: the index {filled_once.index!r} holds no document 'nobody': correct --document, "
        )


@pytest.mark.cluster
def test_a_query_that_holds_nothing_is_told_as_query_tells_it(explain: Run) -> None:
    empty, nothing = (
        "The query is empty, so nothing can match it.\n",
        "perhaps only stop words, so nothing can match it.\n",
    )
    for more in ((), ("--mode", "bm25"), ("--document", "loaf")):
        result = explain(" ", *more)
        assert (result.code, result.err) == (0, empty)
    assert "The query holds nothing to ask for." in explain("", "--document", "loaf").out
    assert explain("?!").err.endswith(nothing)
    assert explain("?!", "--document", "loaf").err.endswith(nothing)


@pytest.mark.cluster
def test_many_terms_are_summed_up_unless_all_are_wanted(explain: Run) -> None:
    text = " ".join(f"term{letter}" for letter in "abcdefghijklmno")
    few, every = explain(f"bread {text}", "--size", 1), explain(f"bread {text}", "--size", 1, "--all-terms")
    assert "(3 more)" in few.out
    assert "(3 more)" not in every.out
    assert "termo" in every.out


def test_wrong_usage_is_told(run: Run) -> None:
    empty = run("bread", "--index", "a", "--document", "", "--url", "http://127.0.0.1:9")
    assert (empty.code, empty.out) == (2, "")
    assert "--document needs the id of a document" in empty.err
    bad = run("\udcff", "--index", "a")
    assert (bad.code, "is not UTF-8" in bad.err) == (2, True)
