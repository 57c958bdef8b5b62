"""Clients that cannot be fetched: a test less, or a failure where they are known to be there."""

import pytest
from csplade.tests.gateway_installs import java_packages, javascript_packages


@pytest.mark.parametrize(("fetch", "named"), [(javascript_packages, "npm"), (java_packages, "mvn")])
def test_without_its_tools_a_client_is_skipped_unless_it_is_required(
    fetch: object, named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CSPLADE_REQUIRE_CLIENTS", raising=False)
    assert callable(fetch)
    with pytest.raises(pytest.skip.Exception, match=f"there is no .*{named} on this machine"):
        fetch("a:b:1")
    monkeypatch.setenv("CSPLADE_REQUIRE_CLIENTS", "1")
    with pytest.raises(pytest.fail.Exception, match=f"no {named} on this machine; unset CSPLADE_REQUIRE_CLIENTS"):
        fetch("a:b:1")
