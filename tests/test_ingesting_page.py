"""docs/ingesting.md: its commands run as they stand there, and do what the page says."""

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from csplade.integration.client import connect
from csplade.integration.index import create_index
from csplade.integration.load_settings import LoadSettings, loading
from csplade.integration.templates import IndexOptions
from csplade.tests.command_run import Run, runner, use_word_encoder
from csplade.tests.ingest_process import start
from csplade.tests.load_settings_kept import settings
from csplade.tests.word_encoder import word_contract, word_vector

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "ingesting.md").read_text(encoding="utf-8")
OLD, NEW, ARTICLES = "products", "products-sparse", "articles"


@pytest.fixture
def tidy(opensearch: str) -> Iterator[str]:
    yield opensearch
    connect(opensearch).indices.delete(index=f"{OLD},{NEW},{ARTICLES}", params={"ignore_unavailable": "true"})


def block(kind: str) -> str:
    """Return the commands of one block of the page, which are there for one test each."""
    found: list[tuple[str, str]] = re.findall(r"^```bash *(\w*)\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    assert sorted(name for name, _ in found) == ["", "enrich", "reindex", "restore"]
    return dict(found)[kind]


def plain(text: str) -> list[list[str]]:
    """Return the cells of a table, without lines and with one number for all that has a point in it."""
    lines = (re.sub(r"\d+\.\d+", "1.0", line).split() for line in text.splitlines() if "─" not in line)
    return [cells for cells in lines if cells]


@pytest.mark.cluster
@pytest.mark.model
def test_the_look_before_a_copy_prints_what_the_page_says_and_makes_nothing(tidy: str, tmp_path: Path) -> None:
    (shown,) = re.findall(r"^```text\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    commands = block("")
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "CSPLADE_URL": tidy, "PATH": path}
    done = subprocess.run(
        ["bash", "-euc", commands], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert plain(done.stdout) == plain(shown)
    assert done.stderr == "Nothing was created or indexed.\n"
    assert connect(tidy).indices.exists(index=OLD)
    assert not connect(tidy).indices.exists(index=NEW)
    assert not list(tmp_path.iterdir())


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, tidy: str) -> Run:
    use_word_encoder(monkeypatch, tmp_path / "encoder")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CSPLADE_URL", tidy)
    return runner(monkeypatch, capsys)


def commands_of(kind: str) -> list[list[str]]:
    return [shlex.split(command)[1:] for command in block(kind).splitlines()]


@pytest.mark.cluster
def test_an_index_is_copied_with_its_text_fields_encoded(run: Run, tidy: str) -> None:
    client = connect(tidy)
    source = {"name": "Rye", "description": "keeps", "price": 4.5}
    client.index(index=OLD, id="1", body=source, params={"refresh": "true", "routing": "eu"})
    (command,) = commands_of("reindex")
    assert run(*command).code == 0
    copy = client.get(index=NEW, id="1", params={"routing": "eu"})["_source"]
    assert {name: copy[name] for name in (*source, "text")} == {**source, "text": "Rye\nkeeps"}
    assert copy["csplade_terms"] == word_vector("Rye keeps").weights


@pytest.mark.cluster
def test_what_an_application_wrote_is_encoded_once_and_as_long_as_it_is_watched(
    run: Run, tidy: str, tmp_path: Path
) -> None:
    client = connect(tidy)
    create_index(client, ARTICLES, word_contract(), IndexOptions())
    once, watching = commands_of("enrich")
    client.index(index=ARTICLES, id="1", body={"text": "rye"}, params={"refresh": "true"})
    assert run(*once).code == 0
    assert client.get(index=ARTICLES, id="1")["_source"]["csplade_terms"] == {"rye": 3.0}
    client.index(index=ARTICLES, id="2", body={"text": "oats"}, params={"refresh": "true"})
    command, *arguments = watching
    process = start(tmp_path, arguments, command)
    try:
        deadline = time.monotonic() + 60
        while "csplade_terms" not in client.get(index=ARTICLES, id="2")["_source"]:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        account, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0, err
    assert account.strip()


@pytest.mark.cluster
def test_settings_that_a_killed_load_left_are_put_back(run: Run, tidy: str) -> None:
    client = connect(tidy)
    create_index(client, ARTICLES, word_contract(), IndexOptions())
    before = settings(client, ARTICLES)
    load = loading(client, ARTICLES, LoadSettings.FAST)
    # As after `kill -9`, it is never left.
    load.__enter__()
    assert settings(client, ARTICLES) != before
    (command,) = commands_of("restore")
    assert run(*command).code == 0
    assert settings(client, ARTICLES) == before
