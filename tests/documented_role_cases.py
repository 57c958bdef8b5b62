"""The tests of the documented roles that are the same on every cluster that asks who is there.

Whoever takes them over gives the fixtures `node`, a running cluster, and `roles`, the roles with a user of each, and
what `DocumentedRoles` does not know.
"""

import copy
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import pytest
from csplade.tests.command_run import Run, runner, use_word_encoder
from csplade.tests.documented_roles import (
    FORBIDDEN,
    INDEX,
    LIVE,
    NEEDED,
    OTHER,
    OTHER_HALF,
    PAGE,
    ROLES,
    as_user,
    copy_an_index,
    enrich_and_calibrate,
    ingest_and_query,
    ingest_without_measuring,
    make_version,
    refuse,
    refuse_deleting,
    swap_versions,
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

    PATH: ClassVar[str]
    """Where roles are made."""
    NOT_NEEDED: ClassVar[frozenset[str]]
    """Permissions without which every task is done all the same here."""
    SIZES: ClassVar[tuple[tuple[str, ...], tuple[str, ...]]]
    """What `index status --sizes-of-sample` needs beside `csplade_lifecycle`: of the cluster, and of indexes."""

    @staticmethod
    def left_open(_node: SecureNode) -> int:
        """Return how many points in time nobody has given back, where that is a right of its own."""
        return 0

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

    def test_one_swaps_versions_and_changes_no_document(self, node: SecureNode, run: Run, profile: None) -> None:
        begin_anew(node)
        swap_versions(node, run)

    def test_estimating_sizes_needs_what_the_page_says(
        self, node: SecureNode, roles: dict[str, Any], run: Run, profile: None
    ) -> None:
        begin_anew(node)
        name, role = "csplade_lifecycle", copy.deepcopy(roles["csplade_lifecycle"])
        make_version(node, run)
        asked = ("index", "status", LIVE, "--sizes-of-sample", "--profile", name)
        refused = run(*asked)
        assert (refused.code, "what docs/connecting.md says of --sizes-of-sample" in refused.err) == (1, True), refused
        for permissions, more in zip(lists_of(role), self.SIZES, strict=True):
            assert all(f"`{one}`" in PAGE.read_text(encoding="utf-8") for one in more)
            permissions += more
        node.admin.transport.perform_request("PUT", f"{self.PATH}/{name}", body=role)
        try:
            assert run(*asked).code == 0
            for permission in (one for more in self.SIZES for one in more):
                (permissions,) = (some for some in lists_of(role) if permission in some)
                permissions.remove(permission)
                node.admin.transport.perform_request("PUT", f"{self.PATH}/{name}", body=role)
                assert run(*asked).code == 1, permission
                permissions.append(permission)
        finally:
            node.admin.transport.perform_request("PUT", f"{self.PATH}/{name}", body=roles[name])
        assert "sizes" not in str(node.admin.indices.get_alias(index="*", params={"expand_wildcards": "all"}))

    @pytest.mark.parametrize("role", ROLES)
    def test_none_deletes_a_document(self, node: SecureNode, articles: str, role: str) -> None:
        refuse_deleting(node, role, "9")

    @pytest.mark.parametrize(("role", "what"), sorted({(role, what) for role in ROLES for what in FORBIDDEN} - NEEDED))
    def test_they_do_nothing_else(self, node: SecureNode, articles: str, role: str, what: str) -> None:
        refuse(partial(FORBIDDEN[what], as_user(node, role)))
        assert node.admin.count(index=OTHER)["count"] == 1
        assert node.admin.indices.exists(index=articles)

    def test_each_lacks_the_other_half(self, node: SecureNode, articles: str) -> None:
        for role, action in OTHER_HALF:
            refuse(partial(action, as_user(node, role)))

    @pytest.mark.cluster_line
    @pytest.mark.parametrize("name", ROLES)
    def test_no_permission_is_too_much(
        self, node: SecureNode, roles: dict[str, Any], run: Run, profile: None, tmp_path: Path, name: str
    ) -> None:
        task = task_of(name, node, run, tmp_path)
        needless = set()
        for permission, role in lacking(copy.deepcopy(roles[name])):
            begin_anew(node)
            node.admin.transport.perform_request("PUT", f"{self.PATH}/{name}", body=role)
            before = self.left_open(node)
            with suppress(AssertionError):
                task()
                if self.left_open(node) == before:
                    needless.add(permission)
        begin_anew(node)
        node.admin.transport.perform_request("PUT", f"{self.PATH}/{name}", body=roles[name])
        task()
        assert needless <= self.NOT_NEEDED, needless


def task_of(name: str, node: SecureNode, run: Run, folder: Path) -> Callable[[], None]:
    """Return what a role is for."""
    tasks = {
        "csplade_reindex": partial(copy_an_index, node, run),
        "csplade_enrich": partial(enrich_and_calibrate, node, run),
        "csplade_lifecycle": partial(swap_versions, node, run),
    }
    return tasks.get(name, partial(ingest_and_query, run, folder))


def lacking(role: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give the role without each of its permissions in turn."""
    for permissions in lists_of(role):
        for permission in list(permissions):
            permissions.remove(permission)
            yield permission, role
            permissions.append(permission)


def lists_of(role: dict[str, Any]) -> list[list[str]]:
    """Return the lists of permissions that a role has, as Elasticsearch or OpenSearch has them."""
    if "cluster" in role:
        return [role["cluster"], *(part["privileges"] for part in role["indices"])]
    return [role["cluster_permissions"], *(part["allowed_actions"] for part in role["index_permissions"])]


def begin_anew(node: SecureNode) -> None:
    """Leave nothing of an earlier task."""
    names = ["articles-1", "articles-2", "articles-3", f"{LIVE}-v1", f"{LIVE}-v2"]
    node.admin.indices.delete(index=",".join(names), params={"ignore_unavailable": "true"})
    for checkpoint in Path().glob("*.checkpoint"):
        checkpoint.unlink()
