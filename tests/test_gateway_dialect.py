"""The kind of cluster, asked for unless it is named; what live ones say of themselves is in `test_gateway_stock`."""

from pathlib import Path

import orjson
import pytest
from csplade.integration.access import Access
from csplade.integration.errors import CredentialsError
from csplade.integration.gateway_dialect import ask_dialect
from csplade.tests.command_run import runner, use_word_encoder
from csplade.tests.gateway_searches import rules
from csplade.tests.one_answer import Server, running

_NOBODY = "http://127.0.0.1:9"


def test_a_cluster_that_tells_only_those_it_knows_has_to_be_named() -> None:
    with (
        running(Server(401, b'{"error": "no"}')) as server,
        pytest.raises(CredentialsError, match="--dialect") as error,
    ):
        ask_dialect(server.url, Access())
    assert "credentials of its own" in str(error.value)
    assert not any(b"authorization" in str(request).lower().encode() for request in server.requests)


@pytest.fixture
def config(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    use_word_encoder(monkeypatch, tmp_path / "encoder")
    path = tmp_path / "rewrite.json"
    path.write_bytes(orjson.dumps({"index": [rules("articles")]}))
    return path


def test_a_cluster_that_is_not_there_cannot_be_asked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], config: Path
) -> None:
    done = runner(monkeypatch, capsys)("serve", "--url", _NOBODY, "--config", config, "--port", 0)
    assert (done.code, done.out) == (1, "")
    assert "name the kind of cluster with --dialect" in done.err


def test_what_is_wrong_with_the_rules_is_told_before_the_cluster_is_asked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], config: Path
) -> None:
    config.write_bytes(orjson.dumps({"index": [rules("articles")], "gateway": {"rolout": 1}}))
    done = runner(monkeypatch, capsys)("serve", "--url", _NOBODY, "--config", config, "--port", 0)
    assert done.code == 2
    assert "did you mean rollout?" in done.err


def test_a_named_kind_is_not_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], config: Path
) -> None:
    options = ("--dialect", "opensearch", "--host", "no.such.name.invalid")
    done = runner(monkeypatch, capsys)("serve", "--url", _NOBODY, "--config", config, *options)
    assert done.code == 2
    assert "cannot be listened on" in done.err
