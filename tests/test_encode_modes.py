"""An encoder's choices, on a real small graph: several batches at once, bits that stay, long texts, kept queries."""

import random
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from csplade.commands.serve import open_encoder
from csplade.pipelines.encode import Device, EncodeOptions, Encoder, LongTexts
from csplade.pipelines.errors import EncoderError, SourceError, UsageError
from csplade.pipelines.folder import MODEL_FILE, TOKENIZER_FILE, read_tables
from csplade.pipelines.graph import GraphOutput, Role
from csplade.pipelines.sparse import SparseVector
from csplade.tests.tiny_encoder import TEXTS, write_tiny_encoder

pytestmark = pytest.mark.model

ROOM = 40
"""Tokens that the tiny encoder reads of a document, one of them BOS."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny")
    write_tiny_encoder(folder)
    return folder


@pytest.fixture(scope="module")
def encoder(folder: Path) -> Encoder:
    return Encoder.open(folder)


def many_texts() -> list[str]:
    chance = random.Random(3)
    words = " ".join(TEXTS).split()
    return [" ".join(chance.choices(words, k=chance.randint(1, 30))) for _ in range(60)]


def test_several_batches_at_once_give_the_vectors_of_one_in_order(folder: Path, encoder: Encoder) -> None:
    texts = many_texts()
    options = EncodeOptions(window=16, batch_tokens=60, lanes=3, threads=1)
    for vector, wanted in zip(Encoder.open(folder, options).documents(texts), encoder.documents(texts), strict=True):
        assert dict(vector.weights) == pytest.approx(dict(wanted.weights), rel=1e-4)


def test_a_deterministic_encoder_gives_the_same_bits_however_texts_are_grouped(folder: Path) -> None:
    texts = many_texts()
    alone = Encoder.open(folder, EncodeOptions(deterministic=True, threads=1))
    wanted = {text: next(alone.documents([text])).weights for text in texts}
    for options in (
        EncodeOptions(deterministic=True, threads=1),
        EncodeOptions(deterministic=True, threads=1, window=7, batch_tokens=4096),
        EncodeOptions(deterministic=True, threads=1, window=100, lanes=2),
    ):
        shuffled = random.Random(options.window).sample(texts, len(texts))
        for text, vector in zip(shuffled, Encoder.open(folder, options).documents(shuffled), strict=True):
            assert list(vector.weights.items()) == list(wanted[text].items())


class Recording:
    """A graph that notes the sizes of batches."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def run(self, token_ids: Sequence[Sequence[int]], role: Role) -> GraphOutput:
        self.sizes.append(len(token_ids))
        raise InterruptedError


def test_a_deterministic_encoder_pads_nothing(encoder: Encoder, folder: Path) -> None:
    tokenizer = (folder / TOKENIZER_FILE).read_text(encoding="utf-8")
    for deterministic, size in ((True, 1), (False, 3)):
        graph = Recording()
        options = EncodeOptions(deterministic=deterministic)
        with pytest.raises(InterruptedError):
            next(Encoder(encoder.contract, tokenizer, graph, read_tables(folder), options).documents(["bread"] * 3))
        assert graph.sizes == [size]


def test_long_texts_are_cut_and_counted_unless_they_are_read_in_passages(folder: Path, encoder: Encoder) -> None:
    begin, end = "bread and salt " * 30, "the valve stuck half open"
    before = encoder.counts
    list(encoder.documents([begin + end, "bread", ""]))
    after = encoder.counts
    assert (after.texts - before.texts, after.cut - before.cut, after.passages - before.passages) == (3, 1, 2)
    whole = Encoder.open(folder, EncodeOptions(long_texts=LongTexts(stride=20, most=50)))
    cut, long = next(encoder.documents([begin + end])), next(whole.documents([begin + end]))
    assert (whole.counts.texts, whole.counts.cut) == (1, 0)
    assert whole.counts.passages > 3
    # What the end alone is expanded to is there, too.
    (of_end,) = encoder.documents([end])
    own = {"valv", "stuck", "half", "open"}
    assert own <= cut.weights.keys()
    assert (long.weights.keys() - cut.weights.keys()) & (of_end.weights.keys() - own)
    few = Encoder.open(folder, EncodeOptions(long_texts=LongTexts(stride=20, most=2)))
    list(few.documents([begin + end]))
    assert (few.counts.passages, few.counts.cut) == (2, 1)


def test_a_text_that_is_not_long_has_the_same_bits_in_passages(folder: Path) -> None:
    options = EncodeOptions(deterministic=True, threads=1)
    in_passages = EncodeOptions(deterministic=True, threads=1, long_texts=LongTexts(stride=10))
    texts = [text for text in TEXTS if text]
    first, second = (list(Encoder.open(folder, each).documents(texts)) for each in (options, in_passages))
    assert first == second


def test_the_weight_of_a_term_is_the_largest_of_the_passages(folder: Path, encoder: Encoder) -> None:
    """A stride as long as the room gives the passages that are texts of their own."""
    tokenizer_room = ROOM - 1
    text = " ".join(["bread"] * tokenizer_room + ["pump"] * tokenizer_room)
    options = EncodeOptions(long_texts=LongTexts(stride=tokenizer_room))
    (whole,) = Encoder.open(folder, options).documents([text])
    parts = list(encoder.documents([" ".join(["bread"] * tokenizer_room), " ".join(["pump"] * tokenizer_room)]))
    expanded = {term for part in parts for term in part.weights} - {"bread", "pump"}
    assert len(expanded) > 5
    for term in expanded:
        assert whole.weights[term] == pytest.approx(max(part.weights.get(term, 0.0) for part in parts), rel=1e-4)


@pytest.mark.parametrize("wrong", [LongTexts(0), LongTexts(ROOM), LongTexts(10, most=0)])
def test_passages_that_would_leave_gaps_are_refused(folder: Path, wrong: LongTexts) -> None:
    with pytest.raises(UsageError, match="give at least 1 passage and 1 to"):
        Encoder.open(folder, EncodeOptions(long_texts=wrong))


@pytest.mark.parametrize(
    ("name", "wrong", "least"),
    [
        ("window", 0, 1),
        ("lanes", 0, 1),
        ("window_characters", -1, 1),
        ("batch_tokens", 0, 1),
        ("threads", -3, 1),
        ("kept_queries", -1, 0),
        ("kept_bytes", -1, 0),
    ],
)
def test_sizes_of_nothing_are_refused(name: str, wrong: int, least: int) -> None:
    with pytest.raises(UsageError, match=f"cannot have {name} {wrong}: give it {least} or more"):
        EncodeOptions(**{name: wrong})  # type: ignore[arg-type]
    EncodeOptions(**{name: least})  # type: ignore[arg-type]


def test_a_query_is_encoded_once_and_the_same_in_many_threads(folder: Path) -> None:
    encoder = Encoder.open(folder, EncodeOptions(kept_queries=4))
    encoder.warm_up()
    texts = [f"bread number{number % 8}" for number in range(64)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(encoder.query, texts))
    for vector, wanted in zip(found, encoder.queries(texts), strict=True):
        assert dict(vector.weights) == pytest.approx(dict(wanted.weights), rel=1e-4)
    before = encoder.counts.texts
    assert encoder.query("salt") is encoder.query("salt")
    assert encoder.counts.texts == before + 1


def test_queries_are_kept_in_so_many_bytes_and_huge_ones_not_at_all(folder: Path) -> None:
    encoder = Encoder.open(folder, EncodeOptions(kept_bytes=40_000))
    texts = [f"bread number{number} " + "x" * 1000 for number in range(20)]
    for text in texts:
        encoder.query(text)

    def encoded(text: str) -> int:
        before = encoder.counts.texts
        encoder.query(text)
        return encoder.counts.texts - before

    # Each takes more than 4,000 bytes, and less than 20,000.
    assert (encoded(texts[-1]), encoded(texts[-2])) == (0, 0)
    assert sum(encoded(text) for text in texts[:10]) == 10
    huge = "bread " * 30_000
    roomy = Encoder.open(folder)
    assert roomy.query(huge) is not roomy.query(huge) and roomy.query("bread") is roomy.query("bread")


def test_a_worker_of_the_gateway_runs_its_encoder_once_unless_forks_share_it(folder: Path) -> None:
    """A run starts threads, which a fork would lose."""
    own, shared = open_encoder(folder), open_encoder(folder, shared=True)
    assert (own.counts.texts, own.counts.passages) == (2, 2)
    assert shared.counts.texts == 0


def test_one_query_needs_no_thread(encoder: Encoder) -> None:
    before = set(threading.enumerate())
    assert next(encoder.queries(["bread"]))
    # Those of earlier tests may have ended.
    assert set(threading.enumerate()) <= before


@pytest.mark.parametrize(("value", "said"), [(None, "null"), (5, "a number"), (["x"], "a list")])
def test_what_is_no_text_is_told(encoder: Encoder, value: object, said: str) -> None:
    with pytest.raises(SourceError, match=f"there is {said} where a text belongs"):
        list(encoder.documents(["bread", value]))  # type: ignore[list-item]


def test_a_text_of_ten_megabytes_is_a_window_of_its_own_and_the_model_reads_its_beginning(encoder: Encoder) -> None:
    taken, before = 0, encoder.counts

    def texts() -> Iterator[str]:
        nonlocal taken
        for text in ["bread", "xj4400b " + "x" * 10_000_000, *["salt"] * 300]:
            taken += 1
            yield text

    vectors = encoder.documents(texts())
    first = next(vectors)
    # It does not wait with 126 others: behind it only the text that ends its window was taken.
    assert "bread" in first.weights and taken == 3
    huge = next(vectors)
    assert "xj4400b" in huge.weights and taken == 2 + 128
    assert sum("salt" in vector.weights for vector in vectors) == 300
    after = encoder.counts
    assert (after.cut - before.cut, after.texts - before.texts) == (1, 302)
    # Of ten million characters the model reads no more tokens than of any text; the others have few.
    assert after.tokens - before.tokens < ROOM + 301 * 5


def test_a_gpu_that_is_not_there_is_told(folder: Path, encoder: Encoder) -> None:
    assert encoder.runs_on[-1] == "CPUExecutionProvider"
    if len(encoder.runs_on) > 1:
        pytest.skip("there is a GPU")
    with pytest.raises(UsageError, match=r"the onnxruntime here has only .*csplade\[gpu\]"):
        Encoder.open(folder, EncodeOptions(device=Device.CUDA))


def test_queries_by_table_never_load_the_graph(tmp_path: Path, encoder: Encoder) -> None:
    write_tiny_encoder(tmp_path)
    options = EncodeOptions(table_queries=True)
    by_table = Encoder.open(tmp_path, options)
    assert next(by_table.documents([TEXTS[0]])).weights == next(encoder.documents([TEXTS[0]])).weights
    unloaded = Encoder.open(tmp_path, options)
    (tmp_path / MODEL_FILE).unlink()
    assert unloaded.query("bread").weights == by_table.query("bread").weights != {}
    with pytest.raises(EncoderError, match=MODEL_FILE):
        next(unloaded.documents(["bread"]))


def test_texts_without_words_count_and_are_empty(folder: Path) -> None:
    encoder = Encoder.open(folder)
    assert list(encoder.documents(["", "...", "what is it"])) == [SparseVector()] * 3
    assert (encoder.counts.texts, encoder.counts.passages, encoder.counts.tokens) == (3, 0, 0)
