"""`csplade mine`: a real index, real teachers, runs that stop and go on, and what is wrong usage."""

import dataclasses
import functools
import shutil
from pathlib import Path
from typing import Any

import orjson
import pytest
from csplade.integration.client import connect
from csplade.integration.index import create_index
from csplade.integration.templates import IndexOptions
from csplade.pipelines.batches import check_negatives
from csplade.pipelines.contract import Literal
from csplade.pipelines.errors import UsageError
from csplade.pipelines.folder import Tables, write_tables
from csplade.pipelines.teacher import open_teacher
from csplade.pipelines.training_data import Example, read_examples
from csplade.tests.command_run import Result, Run, runner, use_word_encoder
from csplade.tests.faulty_proxy import FaultyProxy, running
from csplade.tests.tiny_teachers import write_dense
from csplade.tests.word_encoder import word_contract

NOWHERE = "http://127.0.0.1:9"
WORDS = ["rye", "oven", "butter", "salt", "loaf", "stale", "fresh", "cloth", "warm", "cold"]
TEXTS = [f"{'bread ' * number}{' '.join(WORDS[number:])}" for number in range(1, 10)]
PAIRS = [(f"{word} bread", TEXTS[number]) for number, word in enumerate(WORDS[:6])]
IDF = {"bread": 1.0, "rye": 3.0}
EIGHT = ("--negatives", 8)
"""As many as the index holds beside the positive."""


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Run `csplade` in a folder with pairs and documents, and with the encoder of the tests."""
    use_word_encoder(monkeypatch, tmp_path / "encoder")
    monkeypatch.chdir(tmp_path)
    write_lines("pairs.jsonl", *({"query": query, "positive": positive} for query, positive in PAIRS))
    write_lines("documents.jsonl", *({"_id": str(number), "text": text} for number, text in enumerate(TEXTS)))
    return runner(monkeypatch, capsys)


@pytest.fixture
def mine(run: Run, opensearch: str, index_name: str) -> Run:
    """Run `csplade mine pairs.jsonl` on an index that holds the documents."""
    assert run("ingest", "documents.jsonl", "--index", index_name, "--url", opensearch).code == 0
    return functools.partial(run, "mine", "pairs.jsonl", "--index", index_name, "--url", opensearch, "--output")


def write_lines(name: str, *records: dict[str, Any]) -> None:  # Any: JSON values
    Path(name).write_bytes(b"".join(orjson.dumps(record) + b"\n" for record in records))


def lines(name: str) -> list[dict[str, Any]]:  # Any: JSON values
    return [orjson.loads(line) for line in Path(name).read_bytes().splitlines()]


def one_sentence(result: Result) -> str:
    assert result.out == ""
    assert result.err.startswith("Error: ")
    assert result.err.count("\n") == 1
    return result.err


def mined_examples(name: str) -> list[Example]:
    return list(read_examples([Path(name)]))


@pytest.mark.cluster
def test_pairs_become_triples_that_training_can_read(mine: Run) -> None:
    result = mine("out.jsonl", "--negatives", 3, "--json")
    assert (result.code, result.err) == (0, "")
    assert orjson.loads(result.out) == {
        "output": "out.jsonl",
        "kept": 0,
        "pairs": 6,
        "negatives_per_pair": 3.0,
        "false_negatives": 0,
        "without_negatives": 0,
        "short": 0,
        "dropped": 0,
        "repeated": 0,
    }
    assert [list(line) for line in lines("out.jsonl")] == [["query", "positive", "negatives"]] * 6
    for example, (query, positive) in zip(mined_examples("out.jsonl"), PAIRS, strict=True):
        assert (example.query, example.documents[0], example.scores) == (query, positive, None)
        assert len(set(example.documents)) == 4
        assert set(example.documents) <= set(TEXTS)


@pytest.mark.cluster
def test_a_table_tells_the_same(mine: Run) -> None:
    result = mine("out.jsonl", "--negatives", 3)
    assert result.code == 0
    header, row = (line for line in result.out.splitlines() if line.strip(" ─"))
    named = "output pairs negatives each false negatives left out pairs with fewer pairs dropped"
    assert header.split() == named.split()
    assert row.split() == ["out.jsonl", "6", "3.0000", "0", "0", "0"]


@pytest.mark.cluster
def test_each_mode_asks_the_index_in_its_own_way(mine: Run) -> None:
    for mode in ("bm25", "sparse", "hybrid"):
        assert mine(f"{mode}.jsonl", "--mode", mode, "--negatives", 2, "--depth", 3).code == 0
    found = {mode: [line["negatives"] for line in lines(f"{mode}.jsonl")] for mode in ("bm25", "sparse", "hybrid")}
    # For the tests' encoder letters count, so the text with the most breads wins; for BM25 the rarer word does.
    assert found["sparse"][5] == found["hybrid"][5] == [TEXTS[8], TEXTS[7]]
    assert all("stale" in text for text in found["bm25"][5])


@pytest.mark.cluster
def test_skip_top_leaves_the_best_out(mine: Run) -> None:
    mine("all.jsonl")
    mine("skipped.jsonl", "--skip-top", 2)
    for one, other in zip(lines("all.jsonl"), lines("skipped.jsonl"), strict=True):
        assert len(one["negatives"]) == 8
        assert other["negatives"] == one["negatives"][2:]


@pytest.mark.cluster
def test_teachers_score_every_line_and_leave_false_negatives_out(mine: Run, tmp_path: Path) -> None:
    write_dense(tmp_path / "dense")
    teacher = open_teacher([f"dense:{tmp_path / 'dense'}"])
    assert mine("all.jsonl").code == 0
    result = mine("scored.jsonl", "--teacher", "dense:dense", "--margin", 1.02, "--json")
    assert result.code == 0
    expected, false_negatives = [], 0
    for example in mined_examples("all.jsonl"):
        scores = teacher.lists([example.query], [example.documents])[0].tolist()
        limit = scores[0] + 0.02 * abs(scores[0])
        kept = [place for place, score in enumerate(scores) if place == 0 or score < limit]
        expected.append((example.query, [example.documents[place] for place in kept], [scores[p] for p in kept]))
        false_negatives += len(scores) - len(kept)
    assert 0 < false_negatives < 48
    found = mined_examples("scored.jsonl")
    assert [(each.query, list(each.documents)) for each in found] == [(query, texts) for query, texts, _ in expected]
    for each, (_, _, scores) in zip(found, expected, strict=True):
        assert each.scores == pytest.approx(scores, abs=1e-6)
    summary = orjson.loads(result.out)
    assert summary["false_negatives"] == false_negatives
    assert summary["negatives_per_pair"] == pytest.approx((48 - false_negatives) / 6)


@pytest.mark.cluster
def test_bm25_teaches_with_the_idf_of_the_encoder(mine: Run, tmp_path: Path) -> None:
    literal = Literal(k1=0.1, b=0.1, average_words=7.0, default_idf=2.5, analysis="plain")
    (tmp_path / "idf").mkdir()
    write_tables(tmp_path / "idf", Tables([], IDF))
    dataclasses.replace(word_contract(), literal=literal).write(tmp_path / "idf")
    assert mine("out.jsonl", "--teacher", "bm25", "--encoder", "idf", "--margin", 9).code == 0
    teacher = open_teacher(["bm25"], IDF, 2.5)
    for example in mined_examples("out.jsonl"):
        (scores,) = teacher.lists([example.query], [example.documents])
        assert example.scores == pytest.approx(scores.tolist(), rel=1e-6)
        assert len(example.documents) > 1
    result = mine("other.jsonl", "--teacher", "bm25")
    assert result.code == 2
    assert "the teacher bm25 needs idf of words, and " in one_sentence(result)
    assert not Path("other.jsonl").exists()


@pytest.mark.cluster
def test_a_stopped_run_goes_on_where_it_stopped(mine: Run) -> None:
    assert mine("whole.jsonl", *EIGHT).code == 0
    whole = Path("whole.jsonl").read_bytes()
    # Killed in the midst of its third line.
    Path("out.jsonl").write_bytes(b"\n".join(whole.split(b"\n")[:3])[:-20])
    shutil.copy("whole.jsonl.job", "out.jsonl.job")
    result = mine("out.jsonl", *EIGHT, "--resume", "--json")
    assert result.code == 0
    assert result.err == "2 pairs were written by an earlier run.\n"
    summary = orjson.loads(result.out)
    assert (summary["kept"], summary["pairs"]) == (2, 4)
    assert Path("out.jsonl").read_bytes() == whole
    again = orjson.loads(mine("out.jsonl", *EIGHT, "--resume", "--json").out)
    assert (again["kept"], again["pairs"], again["negatives_per_pair"]) == (6, 0, 0.0)
    assert Path("out.jsonl").read_bytes() == whole


@pytest.mark.cluster
def test_a_run_goes_on_only_in_lines_of_the_same_options(mine: Run, run: Run, tmp_path: Path) -> None:
    assert mine("out.jsonl", *EIGHT).code == 0
    before = Path("out.jsonl").read_bytes()
    for options, said in (
        (("--negatives", 3), "negatives is 8 there and 3 here"),
        ((*EIGHT, "--skip-top", 1), "skip_top is 0 there and 1 here"),
        ((*EIGHT, "--mode", "sparse"), "mode is 'bm25' there and 'sparse' here"),
        ((*EIGHT, "--index", "other"), "there and 'other' here"),
    ):
        result = mine("out.jsonl", "--resume", *options)
        assert result.code == 2
        assert "out.jsonl was mined otherwise" in one_sentence(result) and said in result.err
    assert Path("out.jsonl").read_bytes() == before
    # A deeper look changes no line that has all its negatives, nor do more pairs.
    write_lines("pairs.jsonl", *lines("pairs.jsonl"), {"query": "cold bread", "positive": TEXTS[8]})
    deeper = mine("out.jsonl", *EIGHT, "--resume", "--depth", 200, "--json")
    assert (deeper.code, orjson.loads(deeper.out)["pairs"]) == (0, 1)
    # Queries are vectors of one encoder.
    assert mine("sparse.jsonl", *EIGHT, "--mode", "sparse").code == 0
    word_contract(opset=2).write(tmp_path / "encoder")
    result = mine("sparse.jsonl", *EIGHT, "--mode", "sparse", "--resume")
    assert result.code == 2 and "encoder is '" in one_sentence(result)


@pytest.mark.cluster
def test_a_run_that_fails_keeps_its_lines_and_says_how_to_go_on(mine: Run, run: Run) -> None:
    pairs = [{"query": f"bread {number}", "positive": "p"} for number in range(70)]
    write_lines("long.jsonl", *pairs, {"query": " ".join(f"w{number}" for number in range(1100)), "positive": "p"})
    arguments = mine.args[2:]  # type: ignore[attr-defined]
    result = run("mine", "long.jsonl", *arguments, "out.jsonl")
    assert result.code == 2
    assert "50 pairs are written. The same command with --resume goes on there.\nError: " in result.err
    assert [line["query"] for line in lines("out.jsonl")] == [pair["query"] for pair in pairs[:50]]
    write_lines("long.jsonl", *pairs)
    assert run("mine", "long.jsonl", *arguments, "out.jsonl", "--resume").code == 0
    assert [line["query"] for line in lines("out.jsonl")] == [pair["query"] for pair in pairs]


@pytest.mark.cluster
def test_pairs_without_negatives_and_repeated_ones_are_told(mine: Run) -> None:
    write_lines(
        "pairs.jsonl",
        {"query": "rye bread", "positive": TEXTS[0]},
        {"query": "zzz", "positive": "nothing like it"},
        {"query": "rye bread", "positive": TEXTS[0], "negative": "butter"},
    )
    result = mine("out.jsonl", "--json")
    assert result.code == 0
    assert "1 pair came more than once; each is written once.\n" in result.err
    assert "2 pairs have fewer than 15 negatives, 1 of them none; a training that takes 15 refuses" in result.err
    first, second = lines("out.jsonl")
    assert (len(first["negatives"]), first["negatives"].count("butter")) == (8, 0)
    assert second == {"query": "zzz", "positive": "nothing like it"}


@pytest.mark.cluster
def test_short_pairs_are_dropped_so_that_a_training_takes_the_rest(mine: Run) -> None:
    write_lines(
        "pairs.jsonl",
        {"query": "zzz", "positive": "nothing like it"},
        {"query": "rye bread", "positive": TEXTS[0]},
        {"query": "oven", "positive": "only a hot oven"},
    )
    result = mine("all.jsonl", *EIGHT, "--json")
    counted = ("pairs", "without_negatives", "short", "dropped")
    assert [orjson.loads(result.out)[name] for name in counted] == [3, 1, 2, 0]
    with pytest.raises(UsageError, match="has 0 hard negatives"):
        check_negatives(mined_examples("all.jsonl"), 8)
    result = mine("out.jsonl", *EIGHT, "--drop-short", "--json")
    assert result.code == 0
    assert [orjson.loads(result.out)[name] for name in counted] == [1, 0, 0, 2]
    assert result.err.startswith("2 pairs with fewer than 8 negatives are left out: look deeper with --depth")
    (only,) = mined_examples("out.jsonl")
    assert only.query == "rye bread"
    check_negatives([only], 8)
    # What was left out is asked for again, as a deeper look may find enough.
    again = orjson.loads(mine("out.jsonl", *EIGHT, "--drop-short", "--resume", "--json").out)
    assert [again[name] for name in ("kept", *counted)] == [1, 0, 0, 0, 2]
    result = mine("all.jsonl", *EIGHT, "--drop-short", "--resume")
    assert result.code == 2
    assert "all.jsonl line 1 has 0 negatives, this run would leave it out" in one_sentence(result)


@pytest.mark.cluster
def test_a_judged_collection_gives_a_line_for_each_positive(mine: Run, run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "beir"
    (folder / "qrels").mkdir(parents=True)
    write_lines("beir/corpus.jsonl", *({"_id": str(n), "title": "", "text": text} for n, text in enumerate(TEXTS)))
    write_lines("beir/queries.jsonl", {"_id": "q", "text": "stale bread"})
    (folder / "qrels" / "dev.tsv").write_text("query-id\tcorpus-id\tscore\nq\t2\t1\nq\t4\t2\nq\t5\t0\n")
    assert run("mine", "beir", "--split", "dev", *mine.args[2:], "out.jsonl").code == 0  # type: ignore[attr-defined]
    found = lines("out.jsonl")
    assert [line["positive"] for line in found] == [TEXTS[2], TEXTS[4]]
    for line in found:
        assert set(line["negatives"]) == set(TEXTS) - {TEXTS[2], TEXTS[4]}


@pytest.mark.cluster
def test_an_index_that_is_missing_or_of_another_encoder_is_refused_and_leaves_no_file(
    run: Run, opensearch: str, index_name: str
) -> None:
    arguments = ("mine", "pairs.jsonl", "--output", "out.jsonl", "--index", index_name, "--url", opensearch)
    result = run(*arguments)
    assert result.code == 1
    assert f"there is no index {index_name!r}" in one_sentence(result)
    create_index(connect(opensearch), index_name, word_contract("other", opset=2), IndexOptions())
    result = run(*arguments, "--mode", "sparse")
    assert result.code == 1
    assert "was made with the encoder 'other'" in one_sentence(result)
    assert not Path("out.jsonl").exists()
    # BM25 needs no encoder.
    assert run(*arguments, "--encoder", "nothing").code == 0


@pytest.mark.cluster
def test_no_cluster_and_wrong_credentials_are_one_sentence(run: Run, opensearch: str) -> None:
    arguments = ("mine", "pairs.jsonl", "--output", "out.jsonl", "--index", "bakery", "--url")
    result = run(*arguments, "http://user:geheim@127.0.0.1:9")
    assert result.code == 1
    assert "no cluster answers at http://127.0.0.1:9" in one_sentence(result)
    with running(FaultyProxy(opensearch)) as proxy:
        proxy.locked = 401
        result = run(*arguments, proxy.url.replace("//", "//user:geheim@"))
    assert result.code == 1
    assert "does not accept these credentials" in one_sentence(result)
    assert "geheim" not in result.err


def test_an_output_that_exists_is_refused_before_anything_is_read(run: Run) -> None:
    Path("out.jsonl").write_text("mine\n")
    arguments = ("--index", "bakery", "--url", NOWHERE, "--output")
    write_lines("broken.jsonl", {"query": "bread"})
    result = run("mine", "broken.jsonl", *arguments, "out.jsonl")
    assert result.code == 2
    assert "the file out.jsonl exists, and nothing is overwritten" in one_sentence(result)
    assert Path("out.jsonl").read_text() == "mine\n"
    before = Path("pairs.jsonl").read_bytes()
    result = run("mine", "pairs.jsonl", *arguments, "./pairs.jsonl", "--resume")
    assert result.code == 2
    assert "pairs.jsonl cannot be read and written at once" in one_sentence(result)
    assert Path("pairs.jsonl").read_bytes() == before


def test_a_broken_line_of_the_pairs_is_told_before_anybody_looks_for_the_cluster(run: Run) -> None:
    write_lines("pairs.jsonl", {"query": "bread", "positive": "p"}, {"query": "bread"})
    result = run("mine", "pairs.jsonl", "--index", "bakery", "--url", NOWHERE, "--output", "out.jsonl")
    assert result.code == 1
    assert "line 2 of pairs.jsonl has no positive" in one_sentence(result)
    assert not Path("out.jsonl").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("none.jsonl",), 2, "there is no file none.jsonl: correct the path"),
        (("--teacher", "dense"), 2, "'dense' is no teacher"),
        (("--teacher", "bm25@0"), 2, "has the weight '0'"),
        (("--teacher", "dense:some/model"), 2, "'dense:some/model' needs a folder some/model, and there is none"),
        (("--margin", "0.9"), 2, "--margin is a share of a teacher's score: name a --teacher"),
        (("--depth", "10"), 2, "15 negatives behind the 0 best hits cannot come from 10 hits"),
        (("--skip-top", "90"), 2, "15 negatives behind the 90 best hits"),
        (("--index", "a,b"), 2, "cannot be the name of an index"),
        (("--url", "ftp://x"), 2, "ftp"),
        (("--output", "nowhere/out.jsonl"), 2, "there is no folder nowhere for the output"),
    ],
)
def test_what_cannot_be_asked_is_one_sentence(run: Run, arguments: tuple[str, ...], code: int, said: str) -> None:
    usual = ("--index", "bakery", "--url", NOWHERE, "--output", "out.jsonl")
    result = run("mine", "pairs.jsonl", *usual, *arguments)
    assert result.code == code
    assert said in one_sentence(result)


@pytest.mark.parametrize(
    "arguments", [("--mode", "dense"), ("--negatives", "0"), ("--depth", "0"), ("--margin", "0"), ("--skip-top", "-1")]
)
def test_wrong_usage_has_exit_code_2(run: Run, arguments: tuple[str, ...]) -> None:
    result = run("mine", "pairs.jsonl", "--index", "bakery", "--url", NOWHERE, "--output", "out.jsonl", *arguments)
    assert (result.code, result.out) == (2, "")
    assert "Error: " in result.err
