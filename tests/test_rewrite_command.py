"""`csplade rewrite`: what it prints, what it refuses and with which exit code; no server."""

import functools
import io
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest
from csplade.commands.rewrite import DIALECTS, MODES
from csplade.integration.rewrite_policy import RewriteMode
from csplade.tests.command_run import Result, Run, runner, use_word_encoder
from csplade.tests.rewrite_case import Q, anchored, filled, match, weights
from csplade.tests.rewrite_index import terms

Json = dict[str, Any]  # Any: JSON values
BODY: Json = {"query": {"bool": {"must": [match()], "filter": [{"term": {"lang": "en"}}]}}, "size": 3}
CONFIG = """
[[index]]
pattern = "articles*"
mode = "anchored"
[[index.weights]]
field = "article_terms"
covers = ["text"]
[index.policy]
fuzziness = "refuse"

[[index]]
pattern = "notes"
[[index.weights]]
field = "note_terms"
covers = ["text"]
"""


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Run `csplade rewrite` on a body, with the encoder of the tests."""
    use_word_encoder(monkeypatch, tmp_path / "encoder")
    (tmp_path / "rewrite.toml").write_text(CONFIG, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    program = functools.partial(runner(monkeypatch, capsys), "rewrite")

    def run(body: object, *arguments: object) -> Result:
        raw = body if isinstance(body, bytes) else orjson.dumps(body)
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(raw)))
        return program(*arguments)

    return run


def test_the_body_is_printed_ready_to_be_sent(run: Run) -> None:
    result = run(BODY)
    assert (result.code, result.err) == (0, "")
    sent = {"bool": {"must": [terms(Q)], "filter": [{"term": {"lang": "en"}}]}}
    assert orjson.loads(result.out) == {"query": sent, "size": 3}
    assert result.out.count("\n") == 1


def test_the_mode_is_chosen(run: Run) -> None:
    assert orjson.loads(run({"query": match()}, "--mode", "anchored").out) == {"query": filled(anchored(match()))}
    assert tuple(RewriteMode) == MODES


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_clause_is_that_of_the_dialect(run: Run, dialect: str) -> None:
    wanted = {"neural-search": "neural_sparse", "elasticsearch": "sparse_vector"}.get(dialect, "rank_feature")
    assert f'"{wanted}"' in run({"query": match()}, "--dialect", dialect).out


def test_an_explanation_is_a_table(run: Run) -> None:
    result = run(BODY, "--explain")
    assert (result.code, result.err) == (0, "")
    lines = [line.split() for line in result.out.splitlines() if line.strip(" ─")]
    assert lines[0] == ["path", "clause", "outcome", "decided", "by", "why"]
    assert lines[1][:4] == ["$.query.bool.must[0]", "match", "rewritten", "replace"]
    assert lines[2][:3] == ["$.query.bool.filter[0]", "term", "kept"]


def test_json_is_one_object_with_always_the_same_names(run: Run) -> None:
    for body, changed in ((BODY, True), ({}, False), ({"query": {"odd": {}}}, False)):
        result = run(body, "--json")
        found = orjson.loads(result.out)
        assert list(found) == ["body", "changed", "clauses"]
        assert found["changed"] is changed
        assert (found["body"] == body) is not changed
        for clause in found["clauses"]:
            assert list(clause) == ["path", "clause", "outcome", "policy", "reason"]


def test_what_passed_is_told_on_stderr(run: Run) -> None:
    result = run({"query": {"bool": {"must": [match(), {"odd": {}}]}}})
    assert result.code == 0
    assert result.err == "1 of 2 clauses passed as they are; --explain shows which and why.\n"
    kept = {"query": match(), "sort": ["year"]}
    assert run(kept).err == "Nothing had to be rewritten; --explain shows why.\n"
    # Reasons that are shown are not pointed to.
    assert run(kept, "--explain").err == ""


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"qeury": match(), "size": 1}, "The body has no 'query', but 'qeury', 'size': nothing was rewritten.\n"),
        ({}, "The body has no 'query', but nothing: nothing was rewritten.\n"),
        ({"query": {"bool": {"must": []}}}, "The query holds no clause that could be rewritten.\n"),
    ],
)
def test_a_body_without_text_is_told(run: Run, body: Json, said: str) -> None:
    assert run(body).err == said


def test_the_configuration_counts(run: Run) -> None:
    first = run({"query": match()}, "--config", "rewrite.toml")
    assert orjson.loads(first.out) == {"query": filled(anchored(match(), weights(field="article_terms")))}
    assert run({"query": match()}, "--config", "rewrite.toml", "--index", "articles-7") == first
    notes = run({"query": match()}, "--config", "rewrite.toml", "--index", "notes")
    assert orjson.loads(notes.out) == {"query": terms(Q, "note_terms")}
    replaced = run({"query": match()}, "--config", "rewrite.toml", "--mode", "replace")
    assert orjson.loads(replaced.out) == {"query": terms(Q, "article_terms")}


def test_an_index_without_rules_is_wrong_usage(run: Run) -> None:
    result = run(BODY, "--config", "rewrite.toml", "--index", "logs")
    assert (result.code, result.out) == (2, "")
    assert "fits the index 'logs' (articles*, notes): add an [[index]] table" in result.err


def test_a_search_that_is_refused_is_not_printed(run: Run) -> None:
    body = {"query": match(fuzziness=1)}
    result = run(body, "--config", "rewrite.toml")
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith("Error: the configuration refuses match at $.query (fuzziness: refuse)")
    explained = run(body, "--config", "rewrite.toml", "--explain")
    assert (explained.code, "refused" in explained.out) == (1, True)


def test_a_template_is_rewritten_for_its_parameters(run: Run) -> None:
    template = {"source": {"query": match("{{q}}")}, "params": {"q": Q}}
    sent = orjson.loads(run(template).out)
    assert sent["source"] == '{"query":{{#toJson}}csplade_part_0{{/toJson}} }'
    assert sent["params"] == {"q": Q, "csplade_part_0": terms(Q)}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "standard input is not JSON"),
        (b'{"query": ', "standard input is not JSON"),
        (b"[1]", "standard input is no JSON object"),
        (b"\xff", "standard input is not JSON"),
    ],
)
def test_what_is_no_search_body_is_refused(run: Run, body: bytes, said: str) -> None:
    result = run(body)
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith(f"Error: {said}")
    assert result.err.count("\n") == 1


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_a_body_that_is_too_deep_to_be_printed_is_refused(run: Run, options: tuple[str, ...]) -> None:
    result = run(b'{"query": ' + b'{"bool": {"filter": ' * 300 + b"{}" + b"}}" * 300 + b"}", *options)
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith("Error: the search body cannot be written (")
    assert result.err.count("\n") == 1


def test_a_body_without_text_opens_no_encoder(run: Run, tmp_path: Path) -> None:
    assert run({"query": {"match_all": {}}}, "--encoder", tmp_path / "nothing").code == 0
    assert run(BODY, "--encoder", tmp_path / "nothing").code == 1
