"""Addresses: several of one cluster, with one user for all of them."""

import pytest
from csplade.integration.addresses import Address, parse_addresses
from csplade.integration.client import address, connect
from csplade.pipelines.errors import UsageError


def test_an_address_has_parts() -> None:
    assert parse_addresses("https://us%2Cer:p%40ss@h:9243/x/, other") == (
        Address("https", "h", 9243, "/x", "us,er", "p@ss"),
        Address(None, "other", None, ""),
    )
    assert "p@ss" not in repr(parse_addresses("https://user:p%40ss@h"))


def test_several_addresses_are_one_cluster_in_their_order() -> None:
    client = connect("https://a,http://b:9201/x,[::1]")
    assert address(client) == "https://a:443,http://b:9201/x,http://[::1]:9200"


@pytest.mark.parametrize(
    "url",
    ["http://a,", ",", "a,,b", "http://a,ftp://b", "https://user:gehei,m@h", "https://user:ge,heim@a,https://b"],
)
def test_one_address_that_is_none_spoils_all_and_shows_no_password(url: str) -> None:
    with pytest.raises(UsageError, match="is not the address of a cluster") as caught:
        parse_addresses(url)
    assert "ge" not in str(caught.value).partition("is not")[0]


def test_different_users_in_addresses_are_wrong_usage() -> None:
    assert address(connect("https://u:x@a,https://u:x@b,https://c")) == "https://a:443,https://b:443,https://c:443"
    with pytest.raises(UsageError, match="the addresses name different users") as caught:
        connect("https://u:geheim@a,https://u:other@b")
    assert "geheim" not in str(caught.value)
