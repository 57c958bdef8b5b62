"""Speed and memory of encoding: csplade's precisions beside other ways to run the same weights.

    python benchmarks/encode.py TRAINED --work FOLDER
    python benchmarks/encode.py TRAINED --work FOLDER --collection BEIR_FOLDER --lengths 64,128 --rounds 3 --json

TRAINED is a folder `model/` that `csplade train` wrote. In FOLDER it is exported and quantized, once. Each way runs in
a process of its own, one after the other, and in as many rounds as asked for; speeds are the best of the rounds,
latencies of all. All ways read the same texts, from text to weights; csplade's also give the literal path, which
the others do not have. sentence-transformers pools the logits of the same weights (a module of its own reads texts,
SpladePooling does the rest), once with PyTorch and once with an ONNX graph that stops at logits.
"""

import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import click
import orjson
from csplade.benchmarks import encode_one
from csplade.benchmarks.encode_limit import Limit, measure_limit
from csplade.benchmarks.encode_material import make
from csplade.benchmarks.encode_one import Row
from csplade.benchmarks.encode_plot import plot
from csplade.benchmarks.encode_systems import EAGER, LIBRARY, LIBRARY_ONNX, Material, disk, names
from csplade.commands.output import notice, print_json, print_table
from csplade.pipelines.development import read_development
from csplade.pipelines.quantize_kinds import Precision
from csplade.pipelines.quantize_measure import Measured, compared


def measure_apart(name: str, material: Material, lengths: Sequence[int], asked: int) -> Row:
    """Measure one way in a process of its own."""
    command = [sys.executable, encode_one.__file__, encode_one.order_of(name, material, lengths, asked)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return Row(**orjson.loads(done.stdout.splitlines()[-1]))


def together(rounds: Sequence[Row]) -> Row:
    """Return the best speeds of some rounds, all latencies, and the median of the rest."""
    first = rounds[0]
    return Row(
        {tokens: max(each.documents[tokens] for each in rounds) for tokens in first.documents},
        {tokens: [ms for each in rounds for ms in each.queries[tokens]] for tokens in first.queries},
        statistics.median(each.open_seconds for each in rounds),
        statistics.median(each.peak_mb for each in rounds),
    )


def _size_mb(path: Path) -> float:
    files = [path] if path.is_file() else [each for each in path.rglob("*") if each.is_file()]
    return sum(each.stat().st_size for each in files) / 1e6


def _print(rows: Mapping[str, Row], material: Material, ndcg: Mapping[str, Measured], limit: Limit) -> None:
    lengths = list(next(iter(rows.values())).documents)
    eager, best = rows[EAGER], [rows[name] for name in (LIBRARY, LIBRARY_ONNX)]
    table = []
    for name, row in rows.items():
        speeds = [f"{row.documents[tokens]:.1f}" for tokens in lengths]
        ratios = [
            f"{row.documents[tokens] / eager.documents[tokens]:.2f} / "
            f"{row.documents[tokens] / max(each.documents[tokens] for each in best):.2f}"
            for tokens in lengths
        ]
        table.append((name, *(f"{speed} ({ratio})" for speed, ratio in zip(speeds, ratios, strict=True))))
    title = "Documents/s by tokens (times torch eager / times the better sentence-transformers)"
    print_table(title, ("way", *lengths), table)
    table = []
    for name, row in rows.items():
        waits = [f"{statistics.median(ms):.1f} / {_p99(ms):.1f}" for ms in row.queries.values()]
        size = _size_mb(disk(name, material))
        measured = ndcg.get(name.removeprefix("csplade "))
        quality = ("", "") if measured is None else (f"{measured.ndcg:.4f}", f"{measured.loss:+.2%}")
        table.append((name, *waits, f"{row.open_seconds:.1f}", f"{row.peak_mb:.0f}", f"{size:.0f}", *quality))
    queries = [f"query {tokens}" for tokens in next(iter(rows.values())).queries]
    columns = ("way", *queries, "open s", "peak MB", "disk MB", "nDCG@10", "lost")
    print_table("Milliseconds of one query by tokens (p50 / p99), start, memory", columns, table)
    print_table("Integer products", ("", "GOP/s"), limit.rows({name: row.documents for name, row in rows.items()}))


def _p99(values: Sequence[float]) -> float:
    return sorted(values)[round(0.99 * (len(values) - 1))]


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("trained", type=click.Path(path_type=Path, exists=True))
@click.option("--work", required=True, type=click.Path(path_type=Path), help="Where forms of the model are kept.")
@click.option("--collection", type=click.Path(path_type=Path, exists=True), help="Judged BEIR folder, for nDCG@10.")
@click.option("--most", default=2000, show_default=True, help="Documents of it, at most; the judged ones always.")
@click.option("--lengths", default="64,128,256,512", show_default=True, help="Tokens of documents.")
@click.option("--queries", "asked", default=200, show_default=True, help="Queries of each length.")
@click.option("--precisions", default="int8,int8-weights,int4", show_default=True)
@click.option("--rounds", default=2, show_default=True)
@click.option("--plot", "picture", type=click.Path(path_type=Path), help="A .png that shows all but the limit.")
@click.option("--json", "as_json", is_flag=True)
def main(
    trained: Path,
    work: Path,
    collection: Path | None,
    most: int,
    lengths: str,
    asked: int,
    precisions: str,
    rounds: int,
    picture: Path | None,
    as_json: bool,
) -> None:
    """Print the tables."""
    work.mkdir(parents=True, exist_ok=True)
    material = make(trained, work, [Precision(each) for each in precisions.split(",")])
    sizes = [int(each) for each in lengths.split(",")]
    found: dict[str, list[Row]] = {name: [] for name in names(material.folders)}
    for number in range(rounds):
        for name, measured in found.items():
            notice(f"round {number + 1}: {name}")
            measured.append(measure_apart(name, material, sizes, asked))
    rows = {name: together(measured) for name, measured in found.items()}
    ndcg = {}
    if collection is not None:
        notice("measuring nDCG@10")
        ndcg = {each.precision: each for each in compared(material.folders, read_development(collection, most))}
    if picture is not None:
        sizes_mb = {name: _size_mb(disk(name, material)) for name in rows}
        plot(rows, sizes_mb, {f"csplade {name}": each.ndcg for name, each in ndcg.items()}, picture)
    limit = measure_limit(material.folders["fp32"])
    if as_json:
        quality = {name: asdict(each) for name, each in ndcg.items()}
        print_json({"rows": {name: asdict(row) for name, row in rows.items()}, "ndcg": quality, "limit": asdict(limit)})
    else:
        _print(rows, material, ndcg, limit)


if __name__ == "__main__":
    main()
