"""The steps of csplade-mini's recipe as commands, and what they make of pairs and words."""

import gzip
import random
from pathlib import Path

import numpy as np
import orjson
import pytest
import torch
from click.testing import CliRunner
from csplade.models.recipe import corpus, pairs, published, train
from csplade.models.recipe.corpus import read_corpus, read_texts
from csplade.models.recipe.idf import count
from csplade.models.recipe.overlap import overlap
from csplade.models.recipe.train import draw
from csplade.pipelines.broad_text import inverse
from csplade.tests.tiny_encoder import TEXTS
from csplade.tests.tiny_recipe import STAGE, tiny_corpus, tiny_pupil

PAIRS = [("what is bread", "bread is baked"), ("who bakes bread", "bread is baked"), ("what is light", "light is fast")]


class Embedder:
    """Embeds a text as the number of its words, and counts how often it was asked."""

    asked = 0

    def __init__(self, folder: Path) -> None:
        assert folder.name == "minilm"

    def embed(self, texts: list[str], progress: str = "") -> torch.Tensor:
        type(self).asked += 1
        return torch.tensor([[float(len(text.split())), 1.0] for text in texts])


def write_pairs(work: Path, found: list[tuple[str, str]]) -> None:
    lines = [orjson.dumps({"query": query, "positive": positive}) for query, positive in found]
    (work / "pairs.jsonl").write_bytes(b"\n".join(lines))


def test_no_more_pairs_are_drawn_than_a_source_may_give(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairs, "SHARES", {"one": 3, "two": 10})
    for source in ("one", "two"):
        lines = [orjson.dumps({"query": f"{source} {n}", "positive": "p"}) for n in range(5)]
        (tmp_path / f"{source}.jsonl.gz").write_bytes(gzip.compress(b"\n".join(lines)))
    drawn = pairs.draw(tmp_path)
    assert sorted(pair["source"] for pair in drawn) == ["one"] * 3 + ["two"] * 5
    assert len({pair["query"] for pair in drawn}) == 8


def test_words_are_counted_once_a_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("csplade.models.recipe.idf.SHARES", {"one": 3})
    texts = ["Bread bread makes people quite happy", "Bread keeps fresh in clean cloth", "too short"]
    lines = [orjson.dumps({"positive": text}) for text in [*texts, texts[0]]]
    (tmp_path / "one.jsonl.gz").write_bytes(gzip.compress(b"\n".join(lines)))
    number, frequencies = count(tmp_path)
    assert number == 2
    assert frequencies["bread"] == 2
    assert frequencies["cloth"] == 1
    assert inverse(number, frequencies["bread"]) < inverse(number, frequencies["cloth"])


def test_queries_answer_for_the_documents_that_they_came_with(tmp_path: Path) -> None:
    write_pairs(tmp_path, PAIRS)
    texts = read_texts(tmp_path)
    assert texts.documents == ["bread is baked", "light is fast"]
    assert [[texts.queries[n] for n in each] for each in texts.answered] == [
        ["what is bread", "who bakes bread"],
        ["what is light"],
    ]


def test_embeddings_are_kept_for_these_pairs_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpus, "Teacher", Embedder)
    monkeypatch.setattr(corpus, "_NEIGHBOURS", 2)
    monkeypatch.setattr(Embedder, "asked", 0)
    write_pairs(tmp_path, PAIRS)
    first, again = (read_corpus(tmp_path, tmp_path / "minilm") for _ in range(2))
    assert Embedder.asked == 2
    assert torch.equal(first.document_vectors, again.document_vectors)
    assert np.array_equal(first.neighbours, again.neighbours)
    # Two others in their places: the embeddings that are there would fit by number.
    write_pairs(tmp_path, [("why", "a much longer text than those before"), ("how", "light is fast")])
    other = read_corpus(tmp_path, tmp_path / "minilm")
    assert Embedder.asked == 4
    assert other.document_vectors[0, 0] == 7


def test_the_teacher_embeds_the_runs_that_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = STAGE.__class__(1, 2, 32, (2, 3), ranking=1.0, contrastive=0.0, rate=1e-3, head_rate=1e-3, warm_up=1)
    pupil, seen = tiny_pupil(), list[str]()

    class Told(Embedder):
        def embed(self, texts: list[str], progress: str = "") -> torch.Tensor:
            seen.extend(texts)
            return torch.ones(len(texts), 8)

    lesson = draw(tiny_corpus(), pupil.reader.collator(32), stage, Told(Path("minilm")), random.Random(0))  # type: ignore[arg-type]
    assert seen
    assert all(len(text.split()) <= 3 for text in seen)
    assert all(any(text in whole for whole in TEXTS) for text in seen)
    assert lesson.answering.eq(1).all()
    assert len(lesson.documents.mask) == len(seen) == len(lesson.queries.mask)


def test_what_training_shares_with_a_collection_is_counted(tmp_path: Path) -> None:
    row = " ".join(f"w{n}" for n in range(13))
    write_pairs(tmp_path, [("What is it?", f"before, {row.upper()}! after"), ("q", "w0 w1 w2"), ("r", f"x {row}")])
    documents = {"a": row, "b": f"{row} more", "c": " ".join(row.split()[:12]), "d": "other"}
    assert overlap(read_texts(tmp_path), documents, ["what is it", "what is that"]) == (2, 2, 1)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nowhere.gguf", ".", "."], "File 'nowhere.gguf' does not exist"),
        (["model.gguf", ".", ".", "hole"], "'hole' is not one of 'mini', 'whole'"),
        ([], "Missing argument 'GGUF_FILE'"),
    ],
)
def test_wrong_arguments_are_named(
    arguments: list[str], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("model.gguf").touch()
    answer = CliRunner().invoke(train.main, arguments)
    assert answer.exit_code == 2
    assert told in answer.output


def test_float_weights_are_not_replaced_by_rounded_ones(tmp_path: Path) -> None:
    (gguf := tmp_path / "model.gguf").touch()
    (tmp_path / "stage-4.pt").write_bytes(b"float weights")
    answer = CliRunner().invoke(published.main, [str(gguf), str(tmp_path), str(tmp_path), "4"])
    assert answer.exit_code == 1
    assert "stage-4.pt is there, and may hold float weights" in answer.output
    assert (tmp_path / "stage-4.pt").read_bytes() == b"float weights"
