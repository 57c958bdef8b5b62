"""TLS: who is trusted, which certificate is shown, and what is said when either cannot be."""

import logging
import ssl
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from csplade.integration.access import Access
from csplade.integration.client import connect
from csplade.integration.errors import UnreachableError
from csplade.integration.trust import tls_context
from csplade.pipelines.errors import UsageError
from csplade.tests.one_answer import Server, running
from csplade.tests.tls_files import KEY_PASSWORD, TlsFiles, make_tls_files, needs_openssl

pytestmark = needs_openssl


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> TlsFiles:
    return make_tls_files(tmp_path_factory.mktemp("tls"))


def context_of(files: TlsFiles, ask_client: bool) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.server, files.server_key)
    if ask_client:
        context.load_verify_locations(files.authority)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


@pytest.fixture
def server(files: TlsFiles) -> Iterator[Server]:
    with running(Server(200, b'{"ok": true}', context=context_of(files, ask_client=False))) as server:
        yield server


@pytest.fixture
def asking_server(files: TlsFiles) -> Iterator[Server]:
    """Give a server that answers only who shows a certificate of the authority."""
    with running(Server(200, b'{"ok": true}', context=context_of(files, ask_client=True))) as server:
        yield server


def ask(url: str, access: Access) -> object:
    return connect(url, access).info()


def test_a_certificate_is_verified_by_authority_and_name(
    server: Server, files: TlsFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    trusting = Access(ca_certs=files.authority)
    assert ask(server.url, trusting) == {"ok": True}
    for url, access in ((server.url, Access()), (server.url.replace("127.0.0.1", "localhost"), trusting)):
        with pytest.raises(UnreachableError, match=r"no trusted connection .*--ca-certs"):
            ask(url, access)
    with monkeypatch.context() as patch:  # The system's authorities, as this variable names them to OpenSSL.
        patch.setenv("SSL_CERT_FILE", str(files.authority))
        assert ask(server.url, Access()) == {"ok": True}
    assert len(server.requests) == 2


def test_not_to_verify_has_to_be_asked_for_and_is_told(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    client = connect(server.url, Access(verify=False))
    with warnings.catch_warnings():  # urllib3's own, with each request.
        warnings.simplefilter("ignore")
        assert client.info() == {"ok": True}
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "Certificates are not verified" in record.getMessage()


def test_the_client_shows_its_certificate(asking_server: Server, files: TlsFiles, tmp_path: Path) -> None:
    both = tmp_path / "both.pem"
    both.write_bytes(files.client.read_bytes() + files.client_key.read_bytes())
    trusting = Access(ca_certs=files.authority)
    for shown in (
        Access(ca_certs=files.authority, client_cert=files.client, client_key=files.client_key),
        Access(ca_certs=files.authority, client_cert=both),
        Access(
            ca_certs=files.authority,
            client_cert=files.client,
            client_key=files.encrypted_key,
            client_key_password=KEY_PASSWORD,
        ),
    ):
        assert ask(asking_server.url, shown) == {"ok": True}
    with pytest.raises(UnreachableError):
        ask(asking_server.url, trusting)
    assert len(asking_server.requests) == 3


def test_an_encrypted_key_without_its_password_asks_nobody(files: TlsFiles) -> None:
    with pytest.raises(UsageError, match="is encrypted: set CSPLADE_CLIENT_KEY_PASSWORD"):
        tls_context(Access(client_cert=files.client, client_key=files.encrypted_key))
    with pytest.raises(UsageError, match="check the password of the key") as caught:
        tls_context(Access(client_cert=files.client, client_key=files.encrypted_key, client_key_password="wrong one"))
    assert "wrong one" not in str(caught.value)


def test_files_that_do_not_fit_are_named(files: TlsFiles, tmp_path: Path) -> None:
    missing = tmp_path / "none.pem"
    for access, said in (
        (Access(ca_certs=missing), rf"no file of certificate authorities {missing}: correct --ca-certs"),
        (Access(ca_certs=files.server_key), r"server\.key gives no certificate authorities"),
        (Access(client_cert=missing), rf"no file {missing}: correct --client-cert"),
        (Access(client_cert=files.client, client_key=missing), rf"no file {missing}: correct --client-key"),
        (Access(client_cert=files.client, client_key=files.server_key), r"server\.key cannot be used .*mismatch"),
        (Access(client_cert=files.client), r"client\.pem cannot be used as certificate and key"),
        (Access(client_key=files.client_key), r"without a certificate: name it with --client-cert"),
    ):
        with pytest.raises(UsageError, match=said):
            connect("https://search.example", access)


def test_a_certificate_is_of_no_use_without_tls(files: TlsFiles) -> None:
    with pytest.raises(UsageError, match="can be shown over TLS only: write https://"):
        connect("http://search.example", Access(client_cert=files.client, client_key=files.client_key))
