"""The other parts of the benchmarks of encoding: each runs on something small and measures what it says."""

import math
from pathlib import Path

import numpy as np
import onnx
import orjson
import pytest
from click.testing import CliRunner
from csplade.benchmarks import encode, encode_head, encode_limit, encode_literal
from csplade.benchmarks.encode import measure_apart, together
from csplade.benchmarks.encode_limit import Limit, measure_limit
from csplade.benchmarks.encode_literal import Share
from csplade.benchmarks.encode_material import make
from csplade.benchmarks.encode_memory import growth, lines, measure
from csplade.benchmarks.encode_one import Row
from csplade.benchmarks.encode_plot import plot
from csplade.benchmarks.encode_systems import EAGER, LIBRARY, LIBRARY_ONNX
from csplade.benchmarks.encode_texts import texts_of
from csplade.pipelines.folder import MODEL_FILE
from csplade.pipelines.quantize_kinds import Precision
from csplade.pipelines.trained_folder import write_trained
from csplade.tests.tiny_encoder import tiny_tokenizer, write_tiny_encoder
from csplade.tests.tiny_trained import tiny_trained

pytestmark = pytest.mark.model


def row(speed: float, milliseconds: float) -> Row:
    return Row({"64": speed, "128": speed / 2}, {"8": [milliseconds] * 3}, 0.5, 100.0)


def test_a_way_is_measured_in_a_process_of_its_own(tmp_path: Path) -> None:
    write_trained(tmp_path / "model", tiny_trained())
    material = make(tmp_path / "model", tmp_path / "work", [Precision.INT8])
    first = measure_apart("csplade int8", material, [64], 3)
    assert first.documents.keys() == {"64"} and first.documents["64"] > 0
    assert {tokens: len(waits) for tokens, waits in first.queries.items()} == {"8": 3, "16": 3, "32": 3}
    assert 0 < first.open_seconds < 60 and 20 < first.peak_mb < 4000


def test_rounds_give_their_best_speeds_all_latencies_and_the_median_of_the_rest() -> None:
    found = together([row(4.0, 1.0), row(8.0, 3.0), row(2.0, 2.0)])
    assert found.documents == {"64": 8.0, "128": 4.0}
    assert sorted(found.queries["8"]) == [1.0] * 3 + [2.0] * 3 + [3.0] * 3


def test_texts_have_so_many_tokens() -> None:
    tokenizer = tiny_tokenizer()
    texts = texts_of(tokenizer, 64, 5)
    assert len(set(texts)) == 5
    assert all(60 <= len(tokenizer.encode(text).ids) <= 66 for text in texts)


def test_the_limit_counts_every_product_with_weights_once(tmp_path: Path) -> None:
    write_tiny_encoder(tmp_path)
    limit = measure_limit(tmp_path)
    weights = {each.name: each for each in onnx.load(tmp_path / MODEL_FILE).graph.initializer}
    used = [node.input[1] for node in onnx.load(tmp_path / MODEL_FILE).graph.node if node.op_type == "MatMul"]
    wide = [math.prod(weights[name].dims) for name in used if name in weights and weights[name].dims[1] >= 16]
    # Seven products for each of the two layers, and the head.
    assert len(wide) == 15 and limit.operations == 2 * sum(wide)
    assert 0 < limit.seconds < 1


@pytest.mark.parametrize(("taken", "best"), [({1: 1.0, 4: 2.0}, 0.5), ({1: 1.0, 4: 8.0}, 1.0)])
def test_the_limit_is_the_better_of_all_threads_on_one_product_and_of_one_for_each(
    monkeypatch: pytest.MonkeyPatch, taken: dict[int, float], best: float
) -> None:
    """Four lanes do four products in the time that is measured."""
    monkeypatch.setattr(encode_limit, "cores", lambda: 4)
    monkeypatch.setattr(encode_limit, "_seconds", lambda _shape, _tokens, lanes: taken[lanes])
    assert encode_limit.least_seconds((8, 8), 1) == best


def test_products_of_several_lanes_run(tmp_path: Path) -> None:
    write_tiny_encoder(tmp_path)
    assert 0 < encode_limit._seconds((32, 48), 16, lanes=2) < 1


def test_what_a_way_reaches_is_a_share_of_the_limit_at_its_best_length() -> None:
    limit = Limit(operations=1e9, seconds=0.01)
    assert limit.rows({"slow": {"64": 0.5, "128": 0.125}}) == [
        ("products alone, all cores", "100"),
        ("slow", "32 (32%)"),
    ]


def test_a_graph_that_stops_at_logits_takes_many_times_the_memory(tmp_path: Path) -> None:
    texts, tokens, vocabulary = 4, 128, 128_256
    encode_head.export(tmp_path, vocabulary, heads=3)
    ours, logits = (
        encode_head.measure_apart(name, tmp_path, texts, tokens, vocabulary).peak_mb for name in ("csplade", "logits")
    )
    assert logits > texts * tokens * vocabulary * np.dtype(np.float32).itemsize / 2**20
    assert logits > 5 * ours


@pytest.mark.parametrize("ndcg", [{}, {"csplade fp32": 0.7}])
def test_rows_are_drawn(tmp_path: Path, ndcg: dict[str, float]) -> None:
    rows = {"csplade fp32": row(4.0, 1.0), EAGER: row(2.0, 2.0)}
    plot(rows, dict.fromkeys(rows, 10.0), ndcg, tmp_path / "plot.png")
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")


def test_memory_is_sampled_until_all_lines_are_encoded(tmp_path: Path) -> None:
    write_tiny_encoder(tmp_path)
    samples = measure(tmp_path, 8000)
    seconds, sizes = zip(*samples, strict=True)
    assert list(seconds) == sorted(seconds) and seconds[0] < 1
    # It begins as nothing or a bare Python, and has numpy and the runtime in it then.
    assert min(sizes) >= 0 and 40 < max(sizes) < 2000
    texts = [orjson.loads(line) for line in lines(50)]
    assert len({each["text"] for each in texts}) == 50 and all(3 <= len(each["text"].split()) <= 8 for each in texts)


def test_growth_is_that_after_the_first_minute_and_unknown_in_a_shorter_run() -> None:
    samples = [(0.0, 10.0), (59.0, 90.0), (60.5, 100.0), (70.0, 95.0), (80.0, 110.0)]
    assert [*growth(samples).values()] == [100.0, 95.0, 110.0, pytest.approx(0.1)]
    assert [*growth(samples[:2]).values()] == [None] * 4


def test_a_run_prints_all_ways_as_json_and_as_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What ways take in processes of their own is tested above; the tables are what counts here."""
    monkeypatch.setattr(encode, "measure_apart", lambda *_order: row(4.0, 1.0))
    write_trained(tmp_path / "model", tiny_trained())
    order = [str(tmp_path / "model"), "--work", str(tmp_path / "work"), "--rounds", "1", "--precisions", "int8,int4"]
    picture = ["--plot", str(tmp_path / "p.png")]
    done = CliRunner().invoke(encode.main, [*order, "--json", *picture], catch_exceptions=False)
    ways = ["csplade fp32", "csplade int8", "csplade int4", EAGER, "torch.compile", LIBRARY, LIBRARY_ONNX]
    assert [*orjson.loads(done.stdout)["rows"]][:-1] == ways and (tmp_path / "p.png").exists()
    shown = CliRunner().invoke(encode.main, order, catch_exceptions=False).stdout
    assert all(way in shown for way in ways) and "products alone, all cores" in shown


def test_the_share_of_own_words_is_that_of_their_times(tmp_path: Path) -> None:
    write_tiny_encoder(tmp_path)
    found = encode_literal.measure(tmp_path, 32, texts=8)
    parts = (found.words, found.expansion, found.tokenizing, found.graph)
    assert found.tokens == 32 and all(part > 0 for part in parts)
    assert Share(16, words=2, weighing=1, expansion=1, tokenizing=2, graph=24).literal == 0.1
