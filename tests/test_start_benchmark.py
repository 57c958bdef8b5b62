"""`benchmarks/start.py` times commands that answer from a real cluster."""

from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner
from csplade.benchmarks import start
from csplade.benchmarks.start import commands, main
from csplade.tests.command_run import Run, runner

pytestmark = [pytest.mark.cluster, pytest.mark.model]

EXAMPLE = Path(__file__).parent.parent / "docs" / "example"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    return runner(monkeypatch, capsys)


def test_every_command_is_timed_from_its_start_to_its_answer(
    run: Run, opensearch: str, index_name: str, encoder_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CSPLADE_URL", opensearch)
    monkeypatch.setenv("CSPLADE_ENCODER", str(encoder_folder))
    made = run("ingest", EXAMPLE, "--index", index_name)
    assert made.code == 0, made.err
    done = CliRunner().invoke(main, ["--index", index_name, "--times", "1", "--json"], catch_exceptions=False)
    found = orjson.loads(done.stdout)
    assert found.keys() == commands(index_name).keys()
    for seconds in found.values():
        assert seconds["first"] > 0 and len(seconds["later"]) == 1 and seconds["later"][0] > 0


def test_the_first_run_has_a_column_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start, "measure", lambda asked, times: dict.fromkeys(asked, [9.0, 1.0, 2.0, 4.0][: times + 1]))
    shown = CliRunner().invoke(main, ["--index", "articles", "--times", "3"], catch_exceptions=False).stdout
    (row,) = (line for line in shown.splitlines() if "query --mode bm25" in line)
    assert row.split()[-4:] == ["9.00", "2.00", "1.00", "4.00"]
