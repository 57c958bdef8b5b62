"""Runs a command of the program inside the tests' process, as a terminal would, with the tests' encoder."""

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pytest
from csplade.cli import main
from csplade.pipelines.contract import read_contract
from csplade.pipelines.encode_options import DEFAULT, EncodeOptions
from csplade.tests.word_encoder import WordEncoder, word_contract


class Result(NamedTuple):
    """What a command did."""

    code: int
    out: str
    err: str


Run = Callable[..., Result]


def use_word_encoder(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Make `folder` an encoder folder, and the default one, that opens as the tests' encoder."""

    class Encoder:
        @staticmethod
        def open(folder: Path, options: EncodeOptions = DEFAULT) -> WordEncoder:
            assert replace(options, lanes=1, threads=None) == DEFAULT
            return WordEncoder(read_contract(folder))

    module = ModuleType("csplade.pipelines.encode")
    module.Encoder = Encoder  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    folder.mkdir()
    word_contract().write(folder)
    monkeypatch.setenv("CSPLADE_ENCODER", str(folder))


def runner(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Return a function that runs `csplade ARGUMENTS`."""

    def run(*arguments: object) -> Result:
        monkeypatch.setattr(sys, "argv", ["csplade", *map(str, arguments)])
        # From it click would take that `python -m pytest` was called, and name the program after that.
        monkeypatch.setattr(sys.modules["__main__"], "__package__", None)
        code: Any = 0
        try:
            main()
        except SystemExit as ended:
            code = ended.code
        out, err = capsys.readouterr()
        return Result(code or 0, out, err)

    return run


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Run `csplade` in a folder that holds nothing but the encoder of the tests."""
    use_word_encoder(monkeypatch, tmp_path / "encoder")
    monkeypatch.chdir(tmp_path)
    return runner(monkeypatch, capsys)
