"""The tests of the documented roles that are the same on every cluster that asks who is there.

Whoever takes them over gives the fixtures `node`, a running cluster, and `roles`, the roles with a user of each.
"""

from functools import partial
from pathlib import Path
from typing import Any

import pytest
from csplade.tests.command_run import Run, runner, use_word_encoder
from csplade.tests.documented_roles import (
    FORBIDDEN,
    INDEX,
    OTHER,
    OTHER_HALF,
    ROLES,
    as_user,
    copy_an_index,
    enrich_and_calibrate,
    ingest_and_query,
    ingest_without_measuring,
    refuse,
    write_profiles,
)
from csplade.tests.secure_server import SecureNode


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    use_word_encoder(monkeypatch, tmp_path / "encoder")
    monkeypatch.chdir(tmp_path)
    return runner(monkeypatch, capsys)


@pytest.fixture
def profile(node: SecureNode, roles: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CSPLADE_CONFIG", str(write_profiles(node, tmp_path)))


@pytest.fixture(scope="module")
def articles(node: SecureNode, roles: dict[str, Any]) -> str:
    """Give an index that the roles are for."""
    node.admin.index(index=INDEX, id="9", body={"text": "bread"}, params={"refresh": "true"})
    return INDEX


class DocumentedRoles:
    """What the documented roles are for, and what they must not do."""

    def test_one_ingests_and_one_queries(self, run: Run, profile: None, tmp_path: Path) -> None:
        ingest_and_query(run, tmp_path)

    def test_who_may_only_ingest_is_told_that_nothing_is_measured(
        self, run: Run, profile: None, tmp_path: Path
    ) -> None:
        ingest_without_measuring(run, tmp_path)

    def test_one_copies_an_index_and_cannot_touch_it(self, node: SecureNode, run: Run, profile: None) -> None:
        copy_an_index(node, run)

    def test_one_enriches_what_is_there_and_makes_nothing_new(self, node: SecureNode, run: Run, profile: None) -> None:
        enrich_and_calibrate(node, run)

    @pytest.mark.parametrize("what", FORBIDDEN)
    @pytest.mark.parametrize("role", ROLES)
    def test_they_do_nothing_else(self, node: SecureNode, articles: str, role: str, what: str) -> None:
        refuse(partial(FORBIDDEN[what], as_user(node, role)))
        assert node.admin.count(index=OTHER)["count"] == 1
        assert node.admin.indices.exists(index=articles)

    def test_each_lacks_the_other_half(self, node: SecureNode, articles: str) -> None:
        for role, action in OTHER_HALF:
            refuse(partial(action, as_user(node, role)))
