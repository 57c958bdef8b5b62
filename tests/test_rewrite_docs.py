"""docs/rewriting.md: its table is that of the tests, its configuration is read, its example prints what is below."""

import dataclasses
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from csplade.integration.field_map import Coverage, FieldMap
from csplade.integration.rewrite_config import load_config
from csplade.integration.rewrite_policy import Policies, Policy, RewriteMode, ScorePolicy
from csplade.tests.rewriting_page import PAGE, page

TEXT = PAGE.read_text(encoding="utf-8")


def block(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)
    return str(found)


def test_the_table_is_that_of_the_tests() -> None:
    assert page(TEXT) == TEXT, "write it again: python -m csplade.tests.rewriting_page"


def test_the_configuration_is_read_as_its_comments_say(tmp_path: Path) -> None:
    path = tmp_path / "rewrite.toml"
    path.write_text(block("toml"), encoding="utf-8")
    (rules,) = load_config(path).rules
    assert rules.pattern == "articles*"
    assert rules.options.mode is RewriteMode.ANCHORED
    assert rules.field_map == FieldMap(
        (
            Coverage("csplade_terms", {"title": 1.0, "text": 1.0, "text.english": 1.0}),
            Coverage("passages.terms", {"passages.text": 1.0}, "passages"),
        ),
        ("title", "text"),
    )
    chosen = Policies(phrase=Policy.REQUIRED, fuzziness=Policy.PASS, min_score=ScorePolicy.DROP)
    assert rules.options.policies == chosen


def test_every_policy_is_described_with_its_default() -> None:
    for entry in dataclasses.fields(Policies):
        assert re.search(rf"^\| `{entry.name}` \| .* \| `{entry.default}` \|$", TEXT, re.MULTILINE), entry.name


@pytest.mark.model
def test_the_example_prints_what_stands_below_it() -> None:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-ec", block("bash")],
        cwd=PAGE.parent.parent,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert rows(done.stdout) == rows(block("text"))


def rows(table: str) -> list[list[str]]:
    return [line.split() for line in table.splitlines() if line.strip(" ─")]
