"""Ingest and queries on a live cluster: documents per second, latencies, recall and nDCG of each query plan, sizes.

    csplade encode FOLDER --output vectors.jsonl
    csplade encode FOLDER/queries.jsonl --role query --output queries.jsonl
    python benchmarks/cluster.py FOLDER --vectors vectors.jsonl --query-vectors queries.jsonl --documents 50000

FOLDER is a judged BEIR collection; its documents are indexed for nDCG, and synthetic ones like them
(`cluster_material`) for all else. Rows of a table were measured in turns in one run, so that their ratios mean
something on a busy machine.
"""

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click
from csplade.benchmarks.cluster_command import command_rows
from csplade.benchmarks.cluster_ingest import Precomputed, encoding_speed, ingest_rows, load
from csplade.benchmarks.cluster_material import Exact, Material, Weighted, calibrated, read_material
from csplade.benchmarks.cluster_plans import DEFAULT_PLAN, EVERY_TERM, FIELDS, Place, document, plans
from csplade.benchmarks.cluster_queries import (
    Contestant,
    Result,
    contestants,
    load_test,
    longest,
    mean_terms,
    measure,
    usual,
)
from csplade.benchmarks.cluster_seismic import contestants as seismic_contestants
from csplade.benchmarks.cluster_seismic import make as make_seismic
from csplade.benchmarks.cluster_sizes import sizes
from csplade.commands.options import SHIPPED_ENCODER
from csplade.commands.output import notice, print_table
from csplade.integration.calibrate import SAMPLE, calibrate_scores
from csplade.integration.client import connect
from csplade.integration.detect import read_dialect
from csplade.integration.dialect import Feature
from csplade.integration.index import create_index
from csplade.integration.load_settings import LoadSettings
from csplade.integration.query import QueryOptions, Question
from csplade.integration.search import search_many
from csplade.integration.segment_files import store_bytes
from csplade.integration.servers import title
from csplade.integration.templates import IndexOptions
from csplade.pipelines.calibration import Calibration, counter
from csplade.pipelines.encode_many import open_for_many
from csplade.pipelines.evaluate import measure as judge
from csplade.pipelines.evaluate import order

_INDEX, _JUDGED, _SEISMIC = "benchmark-documents", "benchmark-judged", "benchmark-seismic"
_FILE = click.Path(exists=True, path_type=Path)
_AT_ONCE = 10_000
_INGESTED, _ENCODED = 50_000, 400
_PROGRAMS = 2
"""Rounds of whole programs, at the most."""
_CLIENTS = (1, 4, 16)


class Bench:
    """A cluster, the material, and what all parts of a run share."""

    def __init__(self, url: str, material: Material) -> None:
        # As `csplade ingest` opens it.
        self.url, self.encoder = url, open_for_many(SHIPPED_ENCODER)
        self.contract = self.encoder.contract
        self.client = connect(url)
        self.dialect = read_dialect(self.client)
        self.calibration = _calibration(material)
        self.material = calibrated(material, self.calibration)
        self.exact = Exact(self.material.queries)
        self.documents = 0

    def clean(self) -> None:
        """Delete what a run makes."""
        self.client.indices.delete(index=f"{_INDEX},{_JUDGED},{_SEISMIC}", params={"ignore_unavailable": "true"})

    def grow(self, size: int) -> None:
        """Bring the index to so many documents."""
        if not self.documents:
            self._create(_INDEX)
        while self.documents < size:
            part = [self.material.synthetic(number) for number in range(self.documents, size)[:_AT_ONCE]]
            self._load(_INDEX, part)
            for one in part:
                self.exact.add(one.vector)
            self.documents += len(part)
            notice(f"{self.documents} documents are indexed.")
        # Otherwise searches would share the processors with what is still merged.
        while self.client.indices.stats(index=_INDEX, metric="merge")["_all"]["total"]["merges"]["current"]:
            time.sleep(0.5)
        self.client.indices.refresh(index=_INDEX)

    def grown(self, bm25: Result, sparse: Result) -> tuple[str, ...]:
        """Return what the index takes at its size."""
        ratios = [sparse.percentile(part) / bm25.percentile(part) for part in (50, 95)]
        times = [result.percentile(50) for result in (bm25, sparse)]
        each = store_bytes(self.client, _INDEX) / self.documents
        return str(self.documents), f"{each:.0f}", *(f"{one:.1f}" for one in times), *(f"{one:.2f}" for one in ratios)

    def judge(self) -> tuple[Place, dict[str, float]]:
        """Return what plans need to know, and nDCG@10 of each on the judged documents."""
        self._create(_JUDGED)
        self._load(_JUDGED, self.material.documents)
        scales = calibrate_scores(self.client, _JUDGED, self.encoder, self.dialect, self.calibration)
        place = Place(self.dialect, longest(self.material.queries), scales)
        # What a filter keeps out is missed by no fault of a plan.
        judged = {name: options for name, options in plans(place).items() if not options.filters}
        return place, {name: self._ndcg(options) for name, options in judged.items()}

    def _create(self, index: str) -> None:
        create_index(self.client, index, self.contract, IndexOptions())
        self.client.indices.put_mapping(index=index, body={"properties": FIELDS})

    def _load(self, index: str, documents: Sequence[Weighted]) -> None:
        asked = (document(number, one) for number, one in enumerate(documents))
        load(self.client, Precomputed(self.contract, documents), index, asked)

    def _ndcg(self, options: QueryOptions) -> float:
        queries = self.material.queries
        questions = [Question(one.text, one.vector) for one in queries]
        asked = replace(options, dialect=self.dialect)
        found = search_many(self.client, _JUDGED, questions, asked, 10)
        rankings = {
            query.id: order((hit.id, hit.score) for hit in hits) for query, hits in zip(queries, found, strict=True)
        }
        judgments = {query.id: self.material.collection.judgments[query.id] for query in queries}
        return judge(judgments, rankings)["nDCG@10"]


def _calibration(material: Material) -> Calibration:
    """Return what `csplade ingest` would measure of such documents."""
    count = counter(SHIPPED_ENCODER)
    if count is None:
        raise SystemExit("the shipped encoder has terms that are no words, so the default plan is another")
    return count(material.synthetic(number).text for number in range(SAMPLE))


def ingest_table(bench: Bench, size: int, rounds: int) -> None:
    """Print documents per second of each way to ingest, with usual settings of an index and with those for loading."""
    documents = [bench.material.synthetic(number) for number in range(size)]
    client, real = bench.client, bench.material.documents[:_ENCODED]
    encoded = encoding_speed(client, bench.dialect, bench.encoder, real)
    notice(f"csplade's ingest() with encoding, {len(real)} real documents: {encoded:.1f} documents/s")
    for settings in (LoadSettings.KEEP, LoadSettings.FAST):
        rows = ingest_rows(client, bench.dialect, bench.contract, documents, rounds, settings)
        title = f"Ingest of {size} documents with vectors that are there, in turns, load settings {settings}"
        _print_speeds(title, rows)
    rows = command_rows(client, bench.url, bench.dialect, bench.contract, documents, min(rounds, _PROGRAMS))
    _print_speeds(f"The same {size} documents from a file, whole programs, in turns", rows)


def _print_speeds(title: str, rows: Sequence[tuple[str, float]]) -> None:
    best = max(speed for name, speed in rows if name.startswith("parallel_bulk"))
    columns = ("way", "documents/s", "of the best parallel_bulk")
    print_table(title, columns, [(name, f"{speed:.0f}", f"{speed / best:.2f}") for name, speed in rows])


def size_table(bench: Bench, size: int) -> None:
    """Print bytes per document of each part of an index."""
    if bench.dialect.hides_weights:
        notice("This cluster keeps no weights in `_source`, so that parts cannot be told apart by leaving them out.")
        return
    found = sizes(bench.client, bench.dialect, bench.contract, map(bench.material.synthetic, range(size)))
    parts = {
        "postings of the weights": found.weights,
        "postings of the text, for BM25": found.text,
        "weights in `_source`": found.weights_in_source,
        "text in `_source`, ids, marks": found.rest,
        "all": found.whole,
    }
    rows = [(name, f"{part / size:.0f}", f"{part / found.whole:.0%}") for name, part in parts.items()]
    print_table(f"Size of {size} documents in one segment", ("part", "bytes a document", "share"), rows)


def query_table(
    bench: Bench, ways: Sequence[Contestant], ndcg: dict[str, float], rounds: int, seconds: float
) -> tuple[str, ...]:
    """Print what each way takes and finds; return a row of growth."""
    results = measure(bench.url, ways, bench.material, bench.exact, rounds)
    load_test(bench.url, ways, bench.material.queries, results, _CLIENTS, seconds)
    first = results[ways[0].name]
    rows = [_row(name, result, first, ndcg) for name, result in results.items()]
    columns = ("way", "p50 ms", "p95", "p99", "p50/bm25", "p95/bm25", "recall@10", "nDCG@10", "loss")
    busy = [f"/s, {number} clients" for number in _CLIENTS]
    print_table(f"{bench.documents} documents, {len(bench.material.queries)} queries", (*columns, *busy), rows)
    several = [number for number in _CLIENTS if number > 1]
    names = [f"{number} clients {part}" for number in several for part in ("p50 ms", "p95", "p99")]
    busy_rows = [
        (name, *(f"{one.busy_percentile(number, part):.1f}" for number in several for part in (50, 95, 99)))
        for name, one in results.items()
        if one.busy
    ]
    print_table("The same, clients asking as fast as they can", ("way", *names), busy_rows)
    return bench.grown(first, results[DEFAULT_PLAN])


def _row(name: str, result: Result, first: Result, ndcg: dict[str, float]) -> tuple[str, ...]:
    parts = [result.percentile(part) for part in (50, 95, 99)]
    ratios = [f"{result.percentile(part) / first.percentile(part):.2f}" for part in (50, 95)]
    whole, own = ndcg[EVERY_TERM], ndcg.get(name)
    judged = ("", "") if own is None else (f"{own:.4f}", f"{1 - own / whole:+.1%}")
    recall = sum(result.recalls) / len(result.recalls)
    busy = [f"{result.per_second[number]:.0f}" if number in result.per_second else "" for number in _CLIENTS]
    return name, *(f"{part:.1f}" for part in parts), *ratios, f"{recall:.3f}", *judged, *busy


@click.command(epilog="Example:  python benchmarks/cluster.py scifact --vectors v.jsonl --query-vectors q.jsonl")
@click.argument("folder", type=_FILE)
@click.option("--vectors", required=True, type=_FILE, help="Of its documents, by `csplade encode`.")
@click.option("--query-vectors", required=True, type=_FILE, help="Of its queries, by `csplade encode --role query`.")
@click.option("--documents", "counts", multiple=True, default=(50_000,), type=int, help="May be given several times.")
@click.option("--queries", default=100, show_default=True, type=int, help="Judged queries to ask.")
@click.option("--rounds", default=5, show_default=True, type=int, help="How often all is done in each way.")
@click.option("--seconds", default=6.0, show_default=True, help="Of each way under load, by each number of clients.")
@click.option("--seismic", default=0, help="Documents of a SEISMIC field, where the cluster has it; 0: none.")
@click.option("--only-queries", is_flag=True, help="Leave ingest and sizes out.")
@click.option("--only-sizes", is_flag=True, help="Measure sizes and nothing else.")
@click.option("--usual", "few", is_flag=True, help="Of the plans only the default ones, beside what the cluster has.")
@click.option("--url", default="http://127.0.0.1:9200", show_default=True, help="A cluster without other work.")
def main(
    folder: Path,
    vectors: Path,
    query_vectors: Path,
    counts: tuple[int, ...],
    queries: int,
    rounds: int,
    seconds: float,
    seismic: int,
    only_queries: bool,
    only_sizes: bool,
    few: bool,
    url: str,
) -> None:
    """Measure a cluster with documents like those of FOLDER."""
    bench = Bench(url, read_material(folder, vectors, query_vectors, queries))
    material = bench.material
    terms = [mean_terms([one.vector for one in side]) for side in (material.documents, material.queries)]
    notice(f"{title(bench.dialect.distribution, bench.dialect.version)}; terms: {terms[0]:.0f} and {terms[1]:.0f}")
    bench.clean()
    try:
        if not only_sizes and not only_queries:
            ingest_table(bench, min(_INGESTED, *counts), rounds)
        if not only_queries:
            for count in sorted(counts):
                size_table(bench, count)
        if only_sizes:
            return
        (place, judged), growth = bench.judge(), []
        for count in sorted(counts):
            bench.grow(count)
            found = _ways(bench, place, min(seismic, count))
            ways = [way for way in found if usual(way.name)] if few else found
            growth.append(query_table(bench, ways, judged, rounds, seconds))
        columns = ("documents", "bytes a document", "bm25 p50 ms", "sparse p50 ms", "p50/bm25", "p95/bm25")
        print_table("How it grows", columns, growth)
    finally:
        bench.clean()


def _ways(bench: Bench, place: Place, seismic: int) -> list[Contestant]:
    found = contestants(bench.client, _INDEX, place)
    if not seismic or Feature.SEISMIC not in bench.dialect.features:
        return found
    bench.client.indices.delete(index=_SEISMIC, params={"ignore_unavailable": "true"})
    documents = [bench.material.synthetic(number) for number in range(seismic)]
    began = time.perf_counter()
    made = make_seismic(bench.client, bench.contract, bench.material, documents, _SEISMIC)
    notice(
        f"SEISMIC: {seismic} documents indexed and merged in {time.perf_counter() - began:.0f} s; without a number "
        f"{made.loss.terms:.2%} of terms, {made.loss.mass:.2%} of weight; the field's own scores change by "
        f"{made.loss.score:.2%}"
    )
    return [*found, *seismic_contestants(_SEISMIC, made.remap, QueryOptions(dialect=bench.dialect))]


if __name__ == "__main__":
    main()
