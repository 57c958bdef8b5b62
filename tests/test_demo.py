"""`csplade demo` from end to end on a real server, with the encoder of the tests; its numbers against formulas."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from csplade.commands.demo_index import INDEX
from csplade.commands.demo_questions import read_questions, spread
from csplade.pipelines import standard_library
from csplade.pipelines.contract import read_contract
from csplade.pipelines.docstrings import Entry
from csplade.pipelines.sparse import SparseVector
from csplade.pipelines.standard_library import read_standard_library
from csplade.tests.command_run import Result, Run, runner, use_word_encoder
from csplade.tests.demo_cluster import without_demo_index
from csplade.tests.judged_folder import Judged
from csplade.tests.plain_measures import plain_measures
from csplade.tests.word_encoder import word_contract, word_vector
from opensearchpy import OpenSearch

NOWHERE = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def corpus() -> tuple[Entry, ...]:
    return read_standard_library()


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, corpus: tuple[Entry, ...]
) -> Run:
    """Run `csplade` with the encoder of the tests and a cache of its own."""
    use_word_encoder(monkeypatch, tmp_path / "encoder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "120")
    # Read once for all tests; it is the real one.
    monkeypatch.setattr(standard_library, "read_standard_library", lambda: corpus)
    return runner(monkeypatch, capsys)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch, run: Run, corpus: tuple[Entry, ...]) -> tuple[Entry, ...]:
    """Let the corpus be every tenth entry, so that runs are quick and judged entries are missing."""
    part = corpus[::10]
    monkeypatch.setattr(standard_library, "read_standard_library", lambda: part)
    return part


@pytest.fixture
def client(opensearch: str) -> Iterator[OpenSearch]:
    """Connect to the server, which has no demo index before and after the test."""
    with without_demo_index(opensearch) as client:
        yield client


def one_sentence(result: Result) -> str:
    assert result.code == 1
    assert result.out == ""
    last = result.err.splitlines()[-1]
    assert last.startswith("Error: ")
    assert "Traceback" not in result.err
    return last


def best(scores: dict[str, float]) -> list[str]:
    return sorted((name for name in scores if scores[name] > 0), key=lambda name: (-scores[name], name))[:100]


def answers(client: OpenSearch, clauses: list[list[dict[str, Any]]]) -> list[list[str]]:  # Any: query clauses
    """Ask the cluster for each disjunction; return the best ids."""
    lines: list[dict[str, Any]] = []  # Any: JSON objects
    for any_of in clauses:
        lines += [{"index": INDEX}, {"query": {"bool": {"should": any_of}}, "size": 150, "_source": False}]
    found = client.msearch(body=lines, params={"max_concurrent_searches": 2, "request_timeout": 300})["responses"]
    return [best({hit["_id"]: hit["_score"] for hit in answer["hits"]["hits"]}) for answer in found]


def match(text: str) -> list[dict[str, Any]]:  # Any: query clauses
    return [{"match": {"text": text}}]


def features(text: str) -> list[dict[str, Any]]:  # Any: query clauses
    return [
        {"rank_feature": {"field": f"csplade_terms.{word}", "linear": {}, "boost": weight}}
        for word, weight in word_vector(text)
    ]


def require_best(found: list[str], query: SparseVector, documents: dict[str, SparseVector]) -> None:
    """Have the best hundred by exact scores: weights are numbers of letters, which the cluster stores unrounded.

    Many documents have the same whole number for a score: which of the last one's equals are found is the cluster's.
    """
    scores = {name: query.dot(vector) for name, vector in documents.items()}
    assert len(set(found)) == len(found)
    assert [scores[name] for name in found] == sorted((score for score in scores.values() if score), reverse=True)[:100]


@pytest.mark.cluster
def test_the_numbers_are_those_of_the_definitions(
    run: Run, opensearch: str, client: OpenSearch, corpus: tuple[Entry, ...]
) -> None:
    result = run("demo", "--url", opensearch, "--json", "--examples", 3)
    assert result.code == 0, result.err
    found = orjson.loads(result.out)
    assert result.out.count("\n") == 1
    # The encoder of the tests has no table.
    assert list(found["measures"]) == ["bm25", "sparse", "hybrid"]
    assert "in 3 modes." in result.err

    questions = read_questions({entry.id for entry in corpus})
    texts = [question.text for question in questions.asked]
    vectors = {entry.id: word_vector(entry.searchable) for entry in corpus}
    rankings = {
        "bm25": dict(zip(texts, answers(client, [match(text) for text in texts]), strict=True)),
        "sparse": dict(zip(texts, answers(client, [features(text) for text in texts]), strict=True)),
        "hybrid": dict(zip(texts, answers(client, [match(text) + features(text) for text in texts]), strict=True)),
    }
    for text, names in rankings["sparse"].items():
        require_best(names, word_vector(text), vectors)
    for mode, ranking in rankings.items():
        assert found["measures"][mode] == pytest.approx(plain_measures(questions.judgments(), ranking))
        for words in ("other", "same"):
            part = questions.judgments(words)
            assert found["by_words"][words]["questions"] == len(part)
            assert found["by_words"][words]["measures"][mode] == pytest.approx(plain_measures(part, ranking))
    for example, question in zip(found["examples"], spread(questions.asked, 3), strict=True):
        assert example["question"] == question.text
        for mode in ("bm25", "sparse"):
            hits = [{"id": name, "grade": question.grades.get(name, 0)} for name in rankings[mode][question.text][:3]]
            assert example["hits"][mode] == hits

    assert (found["index"], found["url"], found["encoder"]) == (INDEX, opensearch, "words")
    assert found["documents"] == found["encoded"] == len(corpus) == client.count(index=INDEX)["count"]
    assert found["questions"] == len(questions.asked)
    assert found["documents_per_second"] == pytest.approx(found["encoded"] / found["encode_seconds"])
    assert found["encode_seconds"] < found["seconds"]


@pytest.fixture
def run_tiny(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    encoder_folder: Path,
    corpus: tuple[Entry, ...],
) -> Run:
    """Run `csplade` with a copy of the tiny encoder, `encoder`, and every tenth entry."""
    monkeypatch.setattr(standard_library, "read_standard_library", lambda: corpus[::10])
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "120")
    shutil.copytree(encoder_folder, tmp_path / "encoder")
    monkeypatch.setenv("CSPLADE_ENCODER", str(tmp_path / "encoder"))
    return runner(monkeypatch, capsys)


@pytest.mark.cluster
def test_queries_by_table_have_a_row_of_their_own(
    run_tiny: Run, tmp_path: Path, opensearch: str, client: OpenSearch, corpus: tuple[Entry, ...]
) -> None:
    """It is what `csplade evaluate` measures of the same questions."""
    result = run_tiny("demo", "--url", opensearch, "--json")
    assert result.code == 0, result.err
    assert "in 3 modes, and by table." in result.err
    answer = orjson.loads(result.out)
    found = answer["measures"]
    assert list(found) == list(answer["by_words"]["other"]["measures"]) == ["bm25", "sparse", "hybrid", "table"]
    (row,) = (line for line in run_tiny("demo", "--url", opensearch).out.splitlines() if "by table" in line)
    assert row.split()[:5] == ["sparse,", "queries", "by", "table", f"{found['table']['nDCG@10']:.4f}"]

    questions = read_questions({entry.id for entry in corpus[::10]}).asked
    grades = {question.text: dict(question.grades) for question in questions}
    Judged({}, {text: text for text in grades}, grades).write(tmp_path / "judged")
    asked = ("--index", INDEX, "--collection", tmp_path / "judged", "--mode", "sparse", "--url", opensearch, "--json")
    by_table = orjson.loads(run_tiny("evaluate", *asked, "--query-path", "table").out)["sparse"]
    assert found["table"] == pytest.approx(by_table)
    assert found["sparse"] == pytest.approx(orjson.loads(run_tiny("evaluate", *asked).out)["sparse"])
    assert found["sparse"]["nDCG@10"] != found["table"]["nDCG@10"]


@pytest.mark.cluster
def test_an_encoder_whose_queries_are_weighed_by_table_has_no_second_row_of_them(
    run_tiny: Run, tmp_path: Path, opensearch: str, client: OpenSearch
) -> None:
    replace(read_contract(tmp_path / "encoder"), query_path="table").write(tmp_path / "encoder")
    result = run_tiny("demo", "--url", opensearch, "--json")
    assert result.code == 0, result.err
    assert "in 3 modes." in result.err
    assert list(orjson.loads(result.out)["measures"]) == ["bm25", "sparse", "hybrid"]


@pytest.mark.cluster
def test_the_second_run_encodes_nothing_and_shows_the_same(
    run: Run, opensearch: str, client: OpenSearch, small: tuple[Entry, ...]
) -> None:
    first = orjson.loads(run("demo", "--url", opensearch, "--json").out)
    assert first["encoded"] == len(small)
    made = client.indices.get(index=INDEX)[INDEX]["settings"]["index"]["uuid"]

    result = run("demo", "--url", opensearch, "--json")
    second = orjson.loads(result.out)
    assert f"Encoding 0 documentation strings of Python {second['python']}; {len(small)} are kept." in result.err
    assert (second["encoded"], second["documents_per_second"]) == (0, None)
    assert client.indices.get(index=INDEX)[INDEX]["settings"]["index"]["uuid"] == made
    for name in ("measures", "by_words", "examples", "documents", "missing_documents"):
        assert second[name] == first[name]


@pytest.mark.cluster
def test_tables_for_people(run: Run, opensearch: str, client: OpenSearch, small: tuple[Entry, ...]) -> None:
    result = run("demo", "--url", opensearch.replace("//", "//user:geheim@"), "--examples", 4)
    assert result.code == 0, result.err
    lines = [line.split() for line in result.out.splitlines()]
    questions = read_questions({entry.id for entry in small})
    assert result.out.startswith(f"4 of {len(questions.asked)} questions, at even distances. ✓ answers the question")
    for question in spread(questions.asked, 4):
        begin = lines.index(question.text.split())
        assert ["BM25", "CSPLADE"] in lines[begin : begin + 4]
    assert [line[0] for line in lines if line and line[0] in ("bm25", "sparse", "hybrid")] == [
        "bm25",
        "sparse",
        "hybrid",
    ]
    assert f"{len(small)} documents, {len(small)} encoded in" in result.out
    assert f"lacks {len(questions.missing)} of the judged entries; {questions.unanswerable} questions" in result.out
    assert f"--index {INDEX} --explain --url {opensearch}" in result.out
    assert "node stop" not in result.out
    assert "geheim" not in result.out + result.err
    # What it says to do next works.
    assert run("query", "open a file lazily", "--index", INDEX, "--explain", "--url", opensearch).code == 0


@pytest.mark.cluster
@pytest.mark.parametrize("kind", ["foreign", "ours but not the demo's", "alias"])
def test_what_the_demo_did_not_make_is_refused_and_left_alone(
    run: Run, opensearch: str, client: OpenSearch, index_name: str, kind: str, small: tuple[Entry, ...], tmp_path: Path
) -> None:
    if kind == "ours but not the demo's":
        (tmp_path / "a.jsonl").write_bytes(b'{"_id": "1", "text": "mine"}\n')
        assert run("ingest", tmp_path / "a.jsonl", "--index", INDEX, "--url", opensearch).code == 0
    else:
        name = index_name if kind == "alias" else INDEX
        client.index(index=name, id="1", body={"theirs": 1}, params={"refresh": "true"})
        if kind == "alias":
            client.indices.put_alias(index=index_name, name=INDEX)
    result = run("demo", "--url", opensearch)
    assert f"index or alias '{INDEX}' that the demo did not make" in one_sentence(result)
    assert "Encoding" not in result.err
    assert client.count(index=INDEX)["count"] == 1


def change(client: OpenSearch, encoder: Path, how: str) -> None:
    if how == "another encoder":
        word_contract(opset=2).write(encoder)
    elif how == "a document more":
        client.index(index=INDEX, body={"text": "more"})
    else:
        client.delete(index=INDEX, id="str.partition")


@pytest.mark.cluster
@pytest.mark.parametrize("how", ["another encoder", "a document more", "a document less"])
def test_the_demos_own_index_is_made_anew_when_it_does_not_fit(
    run: Run,
    opensearch: str,
    client: OpenSearch,
    small: tuple[Entry, ...],
    how: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    corpus: tuple[Entry, ...],
) -> None:
    part = (*small, *(entry for entry in corpus if entry.id == "str.partition" and entry not in small))
    monkeypatch.setattr(standard_library, "read_standard_library", lambda: part)
    before = orjson.loads(run("demo", "--url", opensearch, "--json").out)
    change(client, tmp_path / "encoder", how)
    result = run("demo", "--url", opensearch, "--json")
    assert result.code == 0, result.err
    assert client.count(index=INDEX)["count"] == len(part)
    assert orjson.loads(result.out)["measures"] == before["measures"]
    meta = client.indices.get_mapping(index=INDEX)[INDEX]["mappings"]["_meta"]
    expected = word_contract(opset=2 if how == "another encoder" else 1).fingerprint
    assert meta["csplade"]["fingerprint"] == meta["csplade_demo"]["fingerprint"] == expected


@pytest.mark.cluster
def test_a_damaged_cache_is_told_and_made_again(
    run: Run, opensearch: str, client: OpenSearch, small: tuple[Entry, ...], tmp_path: Path
) -> None:
    run("demo", "--url", opensearch, "--json")
    (kept,) = (tmp_path / "cache" / "csplade" / "vectors").iterdir()
    kept.write_bytes(kept.read_bytes()[:1000])
    result = run("demo", "--url", opensearch, "--json")
    assert f"The kept vectors {kept} are damaged (" in result.err
    assert orjson.loads(result.out)["encoded"] == len(small)
    assert orjson.loads(run("demo", "--url", opensearch, "--json").out)["encoded"] == 0


SLOW_PROGRAM = """
import sys, time
from types import ModuleType
from csplade.cli import main
from csplade.tests.word_encoder import WordEncoder

class Slow(WordEncoder):
    @classmethod
    def open(cls, folder, options=None):
        return cls()
    def documents(self, texts):
        for number, vector in enumerate(super().documents(texts)):
            if number == 100:
                print("a hundred", flush=True)
            time.sleep(0.002)
            yield vector

module = sys.modules["csplade.pipelines.encode"] = ModuleType("csplade.pipelines.encode")
module.Encoder = Slow
main()
"""


@pytest.mark.cluster
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_it_keeps_what_it_encoded(
    run: Run, opensearch: str, client: OpenSearch, small: tuple[Entry, ...], number: signal.Signals
) -> None:
    program = [sys.executable, "-c", SLOW_PROGRAM, "demo", "--url", opensearch]
    process = subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "a hundred\n"
    os.kill(process.pid, number)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (1, "")
    assert "What is encoded is kept: the same command continues from there." in err
    assert err.rstrip().endswith("Stopped.")
    assert "Traceback" not in err
    assert not client.indices.exists(index=INDEX)

    encoded = orjson.loads(run("demo", "--url", opensearch, "--json").out)["encoded"]
    # A tenth of the hundred is among the small corpus.
    assert 0 < encoded <= len(small) - 10


def test_no_cluster_there_is_one_sentence_before_anything_is_encoded(run: Run, tmp_path: Path) -> None:
    result = run("demo", "--url", NOWHERE)
    assert f"no cluster answers at {NOWHERE}" in one_sentence(result)
    assert "Encoding" not in result.err
    assert not (tmp_path / "cache").exists()


def test_a_missing_encoder_is_told_before_a_server_is_looked_for(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = run("demo", "--url", NOWHERE, "--encoder", tmp_path)
    assert f"{tmp_path} is not an encoder folder" in one_sentence(result)


def test_without_the_program_for_measures_nothing_is_begun(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    # None in sys.modules makes the import fail, as if it were not installed.
    modules: dict[str, Any] = sys.modules  # Any: modules, and None
    monkeypatch.setitem(modules, "ir_measures", None)
    assert "pip install 'csplade[eval]'" in one_sentence(run("demo", "--url", NOWHERE))


@pytest.mark.parametrize("arguments", [("--examples", "-1"), ("--url", "ftp://x"), ("something",)])
def test_wrong_usage_has_exit_code_2(run: Run, arguments: tuple[str, ...]) -> None:
    result = run("demo", *arguments)
    assert (result.code, result.out) == (2, "")
