"""`benchmarks/start.py` times commands that answer from a real cluster."""

from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner
from csplade.benchmarks.start import commands, main
from csplade.tests.command_run import Run, runner
from csplade.tests.tiny_encoder import write_tiny_encoder

pytestmark = [pytest.mark.cluster, pytest.mark.model]

EXAMPLE = Path(__file__).parent.parent / "docs" / "example"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    return runner(monkeypatch, capsys)


def test_every_command_is_timed_from_its_start_to_its_answer(
    run: Run, opensearch: str, index_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_tiny_encoder(tmp_path / "encoder")
    monkeypatch.setenv("CSPLADE_URL", opensearch)
    monkeypatch.setenv("CSPLADE_ENCODER", str(tmp_path / "encoder"))
    made = run("ingest", EXAMPLE, "--index", index_name)
    assert made.code == 0, made.err
    done = CliRunner().invoke(main, ["--index", index_name, "--times", "1", "--json"], catch_exceptions=False)
    found = orjson.loads(done.stdout)
    assert found.keys() == commands(index_name).keys()
    assert all(len(seconds) == 1 and seconds[0] > 0 for seconds in found.values())
