"""Credentials: each kind becomes its header, one kind at a time, and none of them is ever shown."""

import logging
import traceback

import pytest
from csplade.integration.access import Access, authorization
from csplade.integration.client import connect
from csplade.integration.errors import CredentialsError, UnreachableError
from csplade.pipelines.errors import UsageError
from csplade.tests.one_answer import Server, running

SECRET = "geheim"


@pytest.mark.parametrize(
    ("access", "header"),
    [
        (Access("user", "hünter:2"), "Basic dXNlcjpow7xudGVyOjI="),
        (Access("user"), "Basic dXNlcjo="),
        (Access(api_key="aWQ6a2V5"), "ApiKey aWQ6a2V5"),
        (Access(api_key="id:key"), "ApiKey aWQ6a2V5"),
        (Access(bearer_token="abc.def-ghi"), "Bearer abc.def-ghi"),
        (Access(), None),
        (Access("", "", api_key="", bearer_token=""), None),
    ],
)
def test_each_kind_arrives_in_its_header(access: Access, header: str | None) -> None:
    assert authorization(access) == header
    with running(Server(200, b"{}")) as server:
        connect(server.url, access).info()
        assert server.authorization == header


@pytest.mark.parametrize(
    "access",
    [
        Access("user", SECRET, api_key=SECRET),
        Access(api_key=SECRET, bearer_token=SECRET),
        Access(password=SECRET, aws_service="es"),
    ],
)
def test_two_kinds_at_once_are_wrong_usage(access: Access) -> None:
    with pytest.raises(UsageError, match="of more than one kind") as caught:
        connect("https://h", access)
    assert SECRET not in str(caught.value)


def test_the_user_in_an_address_replaces_other_kinds() -> None:
    with running(Server(200, b"{}")) as server:
        connect(f"http://user:x@{server.address_after_scheme}", Access(api_key=SECRET)).info()
        assert server.authorization == "Basic dXNlcjp4"


@pytest.mark.parametrize("secret", [f"{SECRET}\n", f"two {SECRET}", f"ü{SECRET}", f"{SECRET}\x00"])
def test_what_no_header_can_hold_is_told_without_it(secret: str) -> None:
    for access in (Access(api_key=secret), Access(bearer_token=secret)):
        with pytest.raises(UsageError, match="copy it again") as caught:
            connect("https://h", access)
        assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "access", [Access("user", SECRET), Access(api_key=SECRET), Access(bearer_token=SECRET), Access("u", SECRET)]
)
def test_no_log_error_or_repr_shows_a_secret(access: Access, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    header = (authorization(access) or "").partition(" ")[2]
    with running(Server(401, b'{"error": "no"}')) as server:
        client = connect(server.url, access)
        with pytest.raises(CredentialsError) as caught:
            client.search(index="a", body={"query": {}})
    with pytest.raises(UnreachableError) as gone:
        connect("http://127.0.0.1:9", access).info()
    traces = "".join(line for error in (caught, gone) for line in traceback.format_exception(error.value))
    shown = f"{client!r} {client.transport.hosts} {access!r} {traces} {caplog.text}"
    assert server.requests
    assert SECRET not in shown
    assert header not in shown


def test_keys_and_tokens_without_a_scheme_go_over_tls() -> None:
    for access in (Access(api_key=SECRET), Access(bearer_token=SECRET)):
        assert connect("search.example", access).transport.hosts[0]["use_ssl"]
