"""Fields that are asked for and are not there, or cannot be asked so: told, where a cluster would find nothing."""

from pathlib import Path
from typing import Any

import pytest
from csplade.integration.asked_fields import check_fields
from csplade.integration.client import connect
from csplade.integration.errors import ClusterError
from csplade.integration.index import create_index
from csplade.integration.index_facts import facts_of
from csplade.integration.planner import Anchor, FieldWeight, PlanOptions
from csplade.integration.query import Mode, QueryOptions, Question
from csplade.integration.search import search
from csplade.integration.templates import IndexOptions
from csplade.pipelines.errors import UsageError
from csplade.tests.cluster_lines import ClusterLine
from csplade.tests.command_run import Run, runner, use_word_encoder
from csplade.tests.word_encoder import word_contract, word_vector

_Json = dict[str, Any]  # Any: a JSON object

FIELDS: _Json = {
    "head": {"type": "text", "fields": {"raw": {"type": "keyword"}}},
    "about": {"properties": {"long": {"type": "text"}}},
    "named": {"type": "alias", "path": "head"},
    "parts": {"type": "nested", "properties": {"name": {"type": "text"}}},
    "year": {"type": "long"},
    "day": {"type": "date"},
}
MORE = {
    "typed": {"type": "search_as_you_type"},
    "short": {"type": "match_only_text"},
    "exact": {"type": "wildcard"},
    "labels": {"type": "flat_object"},
}
"""Of OpenSearch 3; the small Elasticsearch of the tests has none of them."""
DOCUMENT: _Json = {
    **{name: "bread" for name in ("head", "text", "typed", "short", "exact")},
    "about": {"long": "bread"},
    "parts": [{"name": "bread"}],
    "year": 2001,
    "day": "2001-01-01",
    "labels": {"kind": "bread"},
    "names": {"bread": 2.0},
    "others": [{"terms": {"bread": 2.0}}],
}
FOUND = ("head", "head.raw", "text", "about.long", "named")
MORE_FOUND = ("typed", "typed._2gram", "short", "exact", "labels", "labels.kind")
LOST = (*("haed", "hea*", "*", "about", "head.row", "typed.name", "parts.name", "parts", "year", "day"),)
WEIGHTS = ("names", "csplade_terms", "csplade_terms.bread")


def bm25(*names: str, mode: Mode = Mode.BM25, anchor: Anchor = Anchor.NONE) -> QueryOptions:
    return QueryOptions(mode, plan=PlanOptions(text_fields=tuple(map(FieldWeight, names)), anchor=anchor))


def by_terms(*names: str) -> QueryOptions:
    return QueryOptions(plan=PlanOptions(fields=tuple(map(FieldWeight, names))))


@pytest.fixture
def filled(line: ClusterLine) -> ClusterLine:
    """Give a line with an index that has fields of many types, and one document."""
    create_index(line.client, line.index, word_contract(), IndexOptions(analyzer=line.analyzer))
    weights = {"type": line.dialect.field_type}
    own = {"names": weights, "others": {"type": "nested", "properties": {"terms": weights}}}
    more = MORE if has_more(line) else {}
    line.client.indices.put_mapping(index=line.index, body={"properties": {**FIELDS, **own, **more}})
    line.client.index(index=line.index, id="1", body=DOCUMENT, params={"refresh": "true"})
    return line


def has_more(line: ClusterLine) -> bool:
    return line.dialect.version.startswith("3.")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    use_word_encoder(monkeypatch, tmp_path / "encoder")
    monkeypatch.chdir(tmp_path)
    return runner(monkeypatch, capsys)


def finds(line: ClusterLine, options: QueryOptions) -> bool:
    """Say whether the cluster finds the document so."""
    ready = facts_of(line.client, line.index, None).settle(options)
    try:
        return bool(search(line.client, line.index, Question("bread", word_vector("bread")), ready))
    except ClusterError:
        return False


@pytest.mark.cluster
def test_what_is_refused_is_what_a_cluster_does_not_find(filled: ClusterLine) -> None:
    facts = facts_of(filled.client, filled.index, None)
    for name in FOUND + (MORE_FOUND if has_more(filled) else ()):
        check_fields(facts.mapping, filled.index, facts.settle(bm25(name)))
        # Shingles are of two words; the document has one.
        assert finds(filled, bm25(name)) or name == "typed._2gram", name
    for name in LOST:
        assert not finds(filled, bm25(name)), name
    # Elasticsearch matches a word with a term, which is no BM25.
    for name in LOST + WEIGHTS:
        with pytest.raises(UsageError, match="--text-field"):
            check_fields(facts.mapping, filled.index, facts.settle(bm25("text", name)))
    check_fields(facts.mapping, filled.index, facts.settle(by_terms("names")))
    assert finds(filled, by_terms("names"))
    for name in ("name", "others.terms", "title", "names.bread"):
        assert not finds(filled, by_terms(name)), name
        with pytest.raises(UsageError, match="--field"):
            check_fields(facts.mapping, filled.index, facts.settle(by_terms("csplade_terms", name)))


@pytest.mark.cluster
def test_a_misspelt_field_is_told_by_every_command_that_searches(
    run: Run, opensearch: str, index_name: str, tmp_path: Path
) -> None:
    client, alias = connect(opensearch), f"{index_name}-alias"
    create_index(client, index_name, word_contract(), IndexOptions(), [alias])
    client.indices.put_mapping(index=index_name, body={"properties": {"head": FIELDS["head"]}})
    client.index(index=index_name, id="1", body={"head": "fresh bread"}, params={"refresh": "true"})
    (tmp_path / "qrels").mkdir()
    (tmp_path / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq\t1\t1\n")
    (tmp_path / "queries.jsonl").write_text('{"_id": "q", "text": "bread"}\n')
    for command in (("query", "bread"), ("explain", "bread"), ("evaluate", "--collection", tmp_path)):
        for index in (index_name, alias):
            where = (*command, "--index", index, "--url", opensearch, "--mode", "bm25")
            wrong = run(*where, "--text-field", "text", "--text-field", "haed^2")
            assert (wrong.code, wrong.out) == (2, "")
            assert wrong.err == (
                f"Error: the index {index!r} has no field 'haed': name another with --text-field (the nearest: "
                "head, head.raw, text)\n"
            )
            wrong = run(*where, "--field", "text")
            assert (wrong.code, wrong.out) == (2, "")
            assert wrong.err == (
                f"Error: the field 'text' of the index {index!r} is of type text, and term weights are asked in fields "
                "of type rank_features: name another with --field (the nearest: csplade_terms)\n"
            )
            assert run(*where, "--text-field", "head").code == 0


def test_what_stands_in_the_way_is_named() -> None:
    mapping = {"properties": {"csplade_terms": {"type": "rank_features"}, **FIELDS}}
    for name, what in {
        "parts.name": "the field 'parts.name' of the index 'shop' lies in nested objects (parts), which are not asked",
        "year": "the field 'year' of the index 'shop' is of type long, and BM25 compares texts",
        "hea*": "'hea*' is a pattern, and a search finds fields by their whole names",
        "bodi": "the index 'shop' has no field 'bodi'",
    }.items():
        with pytest.raises(UsageError) as told:
            check_fields(mapping, "shop", bm25(name))
        assert str(told.value).startswith(f"{what}: name another with --text-field (the nearest: ")


def test_fields_that_are_computed_when_they_are_asked_are_there() -> None:
    weights = {"csplade_terms": {"type": "rank_features"}}
    for part in ("runtime", "derived"):
        check_fields({"properties": weights, part: {"made": {"type": "keyword"}}}, "shop", bm25("made"))


def test_the_usual_field_is_looked_for_where_texts_are_compared_only() -> None:
    mapping = {"properties": {"csplade_terms": {"type": "rank_features"}}}
    check_fields(mapping, "shop", QueryOptions())
    for asked in (bm25("text"), bm25("text", mode=Mode.HYBRID), bm25("text", mode=Mode.SPARSE, anchor=Anchor.TEXT)):
        with pytest.raises(UsageError, match="has no field 'text': it has no field that could be asked by --text-f"):
            check_fields(mapping, "shop", asked)
    # What somebody named is wrong also where it would not be asked.
    with pytest.raises(UsageError, match="has no field 'haed'"):
        check_fields(mapping, "shop", bm25("haed", mode=Mode.SPARSE))


def test_a_field_whose_terms_are_numbers_is_not_asked() -> None:
    own = {"type": "sparse_vector", "method": {"name": "seismic"}}
    mapping = {"properties": {"csplade_terms": {"type": "rank_features"}, "text": {"type": "text"}, "numbers": own}}
    with pytest.raises(UsageError, match="of type sparse_vector"):
        check_fields(mapping, "shop", by_terms("numbers"))
