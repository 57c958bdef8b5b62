"""`--query-path table`: queries without the model, on the index that the encoder's documents are in."""

import math
from pathlib import Path

import orjson
import pytest
from csplade.integration.client import connect
from csplade.tests.command_run import Run, runner
from csplade.tests.tiny_encoder import IDF, TEXTS

pytestmark = [pytest.mark.model, pytest.mark.cluster]


@pytest.fixture
def run(
    encoder_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Run:
    monkeypatch.setenv("CSPLADE_ENCODER", str(encoder_folder))
    monkeypatch.chdir(tmp_path)
    return runner(monkeypatch, capsys)


def test_words_of_a_query_weigh_the_roots_of_their_idf(run: Run, opensearch: str, index_name: str) -> None:
    lines = [orjson.dumps({"_id": str(n), "text": text}) for n, text in enumerate(TEXTS)]
    Path("texts.jsonl").write_bytes(b"\n".join(lines))
    where = ("--index", index_name, "--url", opensearch)
    assert run("ingest", "texts.jsonl", *where).code == 0
    asked = ("query", "bread and bread", *where, "--show-terms", "--json")
    by_table, by_model = (orjson.loads(run(*asked, *more).out) for more in (("--query-path", "table"), ()))
    terms = {each["term"]: each["weight"] for each in by_table["terms"]}
    assert terms == pytest.approx({"bread": 2 * math.sqrt(IDF["bread"])})
    assert len(by_model["terms"]) > 1

    # The documents are those of the encoder: their weights are scored as they are.
    stored = connect(opensearch).search(index=index_name, body={"query": {"match_all": {}}, "size": 50})["hits"]["hits"]
    weights = {hit["_id"]: hit["_source"]["csplade_terms"].get("bread", 0.0) for hit in stored}
    for hit in by_table["hits"]:
        assert hit["score"] == pytest.approx(terms["bread"] * weights[hit["id"]], rel=0.005)
    assert {hit["id"] for hit in by_table["hits"]} == {identity for identity, weight in weights.items() if weight}
