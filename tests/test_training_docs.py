"""docs/training.md and docs/recipes.md: their commands exist, with the options that they are shown with."""

import shlex
from pathlib import Path

import click
import pytest
from csplade.cli import COMMANDS, program

DOCS = Path(__file__).resolve().parent.parent / "docs"
_CHAIN = ("adapt", "data", "mine", "train", "export", "ingest")


def _commands(name: str) -> list[list[str]]:
    """Return the words of each command that a document shows in a block of its own."""
    text = (DOCS / name).read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line.strip() for line in text.splitlines() if line.startswith("    csplade ")]
    return [shlex.split(line)[1:] for line in lines]


@pytest.mark.parametrize("words", [*_commands("training.md"), *_commands("recipes.md")], ids=" ".join)
def test_a_command_takes_the_options_that_it_is_shown_with(words: list[str]) -> None:
    name, *arguments = words
    assert name in COMMANDS
    command = program.get_command(click.Context(program), name)
    assert command is not None
    # Reads the command line and runs nothing.
    command.make_context(name, arguments)


def test_the_chain_is_shown_in_order() -> None:
    shown = [words[0] for words in _commands("training.md")][:8]
    assert [name for name in shown if name in _CHAIN] == [
        "adapt",
        "data",
        "ingest",
        "mine",
        "train",
        "export",
        "ingest",
    ]
