"""What tests share: a real OpenSearch for the whole run, an index name for each test, no settings of the user's."""

import functools
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from csplade.integration.client import connect
from csplade.integration.node import NodeOptions
from csplade.tests.cluster_lines import OPTION, Worker, leave_out_lines, line, line_servers, take_over, told_reason
from csplade.tests.command_run import Run, runner
from csplade.tests.local_node import reachable_folder, running
from csplade.tests.ray_workers import ray_with
from hypothesis import settings

# A run in the background of a shell ignores SIGINT, and so would the programs that tests start and stop by it.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Where it is set, programs that tests start keep nothing in memory to write at exit, as they do for most users.
os.environ.pop("PYTHONUNBUFFERED", None)

# Tiny models are slower on several threads than on one, and much slower beside other work. Programs that tests start
# inherit it; torch reads it when it is first imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# How long an example takes tells about the machine, not about the code. Examples are the same each time, as any change
# could be refused for an old fault that chance finds; who says how many, see `test_gateway_fuzz`, gets others.
ANEW = not {"CSPLADE_FUZZ_CASES", "CSPLADE_SCHEMA_CASES"}.isdisjoint(os.environ)
settings.register_profile("csplade", deadline=None, derandomize=not ANEW)
settings.load_profile("csplade")

_TEST_URL = "CSPLADE_TEST_URL"

__all__ = ["line", "line_servers"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the lines of servers be chosen, see `cluster_lines`."""
    parser.addoption(OPTION, action="store_true", help="run the tests of lines of servers, on every line")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what needs other servers than the usual ones."""
    leave_out_lines(config, items)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Worker) -> None:
    """Take over what a worker of pytest-xdist knows of the tests that were left out."""
    take_over(node)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say what was left out, and how it is run."""
    if reason := told_reason(config):
        terminalreporter.write_line(reason)


def pytest_sessionstart() -> None:
    """Take SIGTERM (from `timeout`, say) for Ctrl-C, so that fixtures still stop their servers."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@pytest.fixture(autouse=True, scope="session")
def no_settings_of_the_user() -> Iterator[None]:
    """Keep CSPLADE_URL and profiles, which would send tests to somebody's cluster, away from every test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", os.devnull)
        for name in [name for name in os.environ if name.startswith("CSPLADE_") and name != _TEST_URL]:
            patch.delenv(name)
        yield


@pytest.fixture(autouse=True)
def tables_as_in_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the width of the terminal that tests run in, which pytest-xdist hands on, out of the tables they read."""
    monkeypatch.delenv("COLUMNS", raising=False)


@pytest.fixture(scope="session")
def opensearch() -> Iterator[str]:
    """Give the URL of a real OpenSearch 3.8 with no data, or of the cluster that CSPLADE_TEST_URL names."""
    given = os.environ.get(_TEST_URL)
    if given:
        yield given
        return
    with running(NodeOptions(port=0, heap_mb=512)) as node:
        yield node.url


@pytest.fixture(scope="session")
def encoder_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder of a tiny encoder, which no test changes."""
    # Imports torch, which most tests do without.
    from csplade.tests.tiny_encoder import write_tiny_encoder

    folder = tmp_path_factory.mktemp("tiny") / "encoder"
    write_tiny_encoder(folder)
    return folder


@pytest.fixture
def encode_here(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, encoder_folder: Path
) -> Run:
    """Run `csplade encode` with the tiny encoder in an empty folder."""
    monkeypatch.setenv("CSPLADE_ENCODER", str(encoder_folder))
    monkeypatch.chdir(tmp_path)
    return functools.partial(runner(monkeypatch, capsys), "encode")


@pytest.fixture(scope="module")
def one_gpu() -> Iterator[None]:
    """Connect the tests of a module to a Ray cluster that says that it has two processors and one GPU."""
    with ray_with(gpus=1):
        yield


@pytest.fixture
def index_name(request: pytest.FixtureRequest) -> Iterator[str]:
    """Give the name of an index that is not there yet; afterwards it is deleted."""
    name = f"test-{uuid4().hex}"
    yield name
    if "opensearch" in request.fixturenames:
        connect(request.getfixturevalue("opensearch")).indices.delete(index=name, params={"ignore_unavailable": "true"})


@pytest.fixture
def reachable_path() -> Iterator[Path]:
    """Give a temporary folder that every user can enter."""
    with reachable_folder() as folder:
        yield folder
