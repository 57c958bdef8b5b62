"""Rankings that an unchanged program gets of the demo's judged questions: from the cluster, and through the gateway.

`CSPLADE_WHOLE_CORPUS=1 pytest -s tests/test_gateway_ranking.py` searches all of the demo's documents and prints the
numbers of docs/gateway.md; without it, of those that answer no question only every third is there. With
`CSPLADE_JUDGED_FOLDER=FOLDER` the same is asked of the judged collection in a BEIR folder.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import orjson
import pytest
from csplade.commands.demo_index import INDEX, documents_of, make_anew, settle
from csplade.commands.demo_questions import JudgedQuestions, read_questions
from csplade.commands.options import SHIPPED_ENCODER
from csplade.integration.calibrate import calibrate_words
from csplade.integration.client import connect
from csplade.integration.ingest import IngestOptions, ingest
from csplade.integration.places import find_places
from csplade.pipelines.encode import Encoder
from csplade.pipelines.evaluate import means, measure_each, read_collection
from csplade.pipelines.significance import randomization
from csplade.pipelines.standard_library import read_standard_library
from csplade.pipelines.vector_cache import CachedEncoder, VectorCache
from csplade.tests.demo_cluster import without_demo_index
from csplade.tests.gateway_installs import javascript_packages
from csplade.tests.gateway_process import serving
from csplade.tests.gateway_programs import Program
from opensearchpy import OpenSearch

pytestmark = [pytest.mark.cluster, pytest.mark.model]

MODES = ("replace", "hybrid", "anchored")
WHOLE = bool(os.environ.get("CSPLADE_WHOLE_CORPUS"))
FOLDER = os.environ.get("CSPLADE_JUDGED_FOLDER", "")
CACHE = find_places(os.environ, None).root / "vectors"
EQUAL_SCORES = 0.0015
"""What of nDCG@10 hits with equal scores make, which come in any order."""
BY_CHANCE = 0.05
LEAST_GAIN = 0.005
"""Of nDCG@10, in every mode."""
ASKING = Program("questions.py", "opensearch-3.8")
MEASURING = Program("ranking.mjs", "opensearch-3.8", javascript_packages, ("@opensearch-project/opensearch@3",))
ANOTHER = "nDCG@10 in JavaScript"
Each = dict[str, dict[str, list[float]]]


@dataclass
class Judged:
    """What the program is told to search, and what is known of it."""

    questions: JudgedQuestions
    each: Mapping[str, Mapping[str, Sequence[float]]]
    """Measures of every question, by where the program was pointed: `direct`, or the mode of the gateway's rules."""

    def mean(self, where: str, measure: str) -> float:
        return means(self.each[where])[measure]

    def told(self) -> Iterator[str]:
        """Give the table for docs/gateway.md, with the probability that chance alone makes such a difference."""
        for where, found in self.each.items():
            chance = randomization(self.each["direct"]["nDCG@10"], found["nDCG@10"])
            gain, first = self.mean(where, "nDCG@10"), self.mean(where, "RR@10")
            yield f"| {where} | {gain:.3f} | {first:.3f} | {chance:.2f} | {self.mean(where, ANOTHER):.3f} |"


@pytest.fixture(scope="module")
def judged(opensearch: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Judged]:
    if not (SHIPPED_ENCODER / "encoder.json").is_file():
        pytest.skip(f"there is no shipped encoder: {SHIPPED_ENCODER} is made by the export")
    folder = tmp_path_factory.mktemp("ranking")
    with without_demo_index(opensearch) as client:
        questions, count = fill(client, folder)
        judged = Judged(questions, measured(client, opensearch, questions, folder))
        lines = (f"{count} documents, {len(questions.asked)} questions", *judged.told())
        sys.stdout.write("\n".join(["", *lines, ""]))
        yield judged


def fill(client: OpenSearch, folder: Path) -> tuple[JudgedQuestions, int]:
    """Index documents as the demo does, with its memory of vectors; return what can be asked of how many."""
    entries = read_standard_library()
    wanted = {name for question in read_questions({entry.id for entry in entries}).asked for name in question.grades}
    kept = [entry for place, entry in enumerate(entries) if WHOLE or place % 3 == 0 or entry.id in wanted]
    encoder = Encoder.open(SHIPPED_ENCODER)
    cached = CachedEncoder(encoder, VectorCache.open(CACHE, encoder.contract.fingerprint))
    documents = documents_of(kept)
    make_anew(client, encoder.contract, documents, "english")
    report = ingest(client, cached, documents, IngestOptions(INDEX, folder / "failed.jsonl"))
    assert (report.read, report.failed) == (len(kept), 0)
    calibrate_words(client, INDEX, encoder.calibration)
    settle(client)
    return read_questions({entry.id for entry in kept}), len(kept)


def measured(client: OpenSearch, url: str, questions: JudgedQuestions, folder: Path) -> Each:
    """Run both programs against the cluster, and through a gateway."""
    judgments = questions.judgments()
    asked = "\n".join(judgments)
    grades = orjson.dumps(judgments).decode()

    def measure(address: str, name: str) -> dict[str, list[float]]:
        """Return the measures of two programs; the second makes its own."""
        other = MEASURING.run(address, name, grades)
        assert other["questions"] == len(judgments)
        return {**measure_each(judgments, ASKING.run(address, name, asked)), ANOTHER: [other["nDCG@10"]]}

    return in_all_modes(client, url, INDEX, folder, measure, 2 * len(judgments))


def in_all_modes(
    client: OpenSearch,
    url: str,
    index: str,
    folder: Path,
    measure: Callable[[str, str], dict[str, list[float]]],
    searches: int,
) -> Each:
    """Measure an index at the cluster, and through a gateway by an alias for each mode, with so many searches each."""
    weights = [{"field": "csplade_terms", "covers": ["title", "text"]}]
    rules = [{"pattern": f"{index}-{mode}", "mode": mode, "weights": weights} for mode in MODES]
    for mode in MODES:
        client.indices.put_alias(index=index, name=f"{index}-{mode}")
    config = folder / "rewrite.json"
    config.write_bytes(orjson.dumps({"index": rules, "gateway": {"deadline_ms": 60_000}}))
    found: Each = {"direct": measure(url, index)}
    with serving(url, "--config", str(config)) as gateway:
        for mode in MODES:
            found[mode] = measure(gateway.url, f"{index}-{mode}")
        assert gateway.counts()['rewriting_total{outcome="rewritten",reason=""}'] == len(MODES) * searches
    return found


@pytest.mark.parametrize("mode", MODES)
def test_an_unchanged_program_gets_better_rankings_through_the_gateway(judged: Judged, mode: str) -> None:
    assert len(judged.questions.asked) >= 170
    assert judged.mean(mode, "nDCG@10") > judged.mean("direct", "nDCG@10") + LEAST_GAIN
    assert judged.mean(mode, "RR@10") > judged.mean("direct", "RR@10")


@pytest.mark.parametrize("where", ["direct", *MODES])
def test_a_client_of_another_language_measures_the_same_rankings_itself(judged: Judged, where: str) -> None:
    assert judged.mean(where, ANOTHER) == pytest.approx(judged.mean(where, "nDCG@10"), abs=EQUAL_SCORES)


@pytest.mark.parametrize("mode", MODES)
def test_that_client_gets_better_rankings_too(judged: Judged, mode: str) -> None:
    assert judged.mean(mode, ANOTHER) > judged.mean("direct", ANOTHER) + LEAST_GAIN


@pytest.fixture(scope="module")
def collection(opensearch: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Each]:
    """Give measures of the user's own collection, which is indexed as `csplade ingest` does."""
    found, index, folder = read_collection(Path(FOLDER)), f"test-{uuid4().hex}", tmp_path_factory.mktemp("collection")
    judgments = {" ".join(text.split()): found.judgments[query] for query, text in found.queries.items()}
    command = [sys.executable, "-m", "csplade.cli", "ingest", str(Path(FOLDER).resolve()), "--index", index]
    subprocess.run([*command, "--url", opensearch], cwd=folder, check=True, capture_output=True)

    def measure(address: str, name: str) -> dict[str, list[float]]:
        return measure_each(judgments, ASKING.run(address, name, "\n".join(judgments)))

    client = connect(opensearch)
    each = in_all_modes(client, opensearch, index, folder, measure, len(judgments))
    for where, measures in each.items():
        mean, first = means(measures)["nDCG@10"], means(measures)["RR@10"]
        sys.stdout.write(f"\n| {where} | {mean:.4f} | {first:.4f} | {chance_of(each, where):.5f} |")
    yield each
    client.indices.delete(index=index)


def chance_of(each: Each, where: str) -> float:
    """Return how often chance alone makes such a difference in nDCG@10 to the cluster's own ranking."""
    return randomization(each["direct"]["nDCG@10"], each[where]["nDCG@10"])


@pytest.mark.skipif(not FOLDER, reason="CSPLADE_JUDGED_FOLDER names no BEIR folder")
@pytest.mark.parametrize("mode", MODES)
def test_rankings_of_a_judged_collection_are_better_by_more_than_chance(collection: Each, mode: str) -> None:
    assert means(collection[mode])["nDCG@10"] > means(collection["direct"])["nDCG@10"]
    assert chance_of(collection, mode) < BY_CHANCE
