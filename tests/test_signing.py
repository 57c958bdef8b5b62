"""Signatures for AWS: what arrives is what was signed, for botocore and for AWS's own rules written out here."""

import hashlib
import hmac
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, unquote

import opensearchpy
import pytest
from csplade.integration.access import Access
from csplade.integration.client import connect
from csplade.integration.errors import CredentialsError
from csplade.pipelines.errors import MissingExtraError, UsageError
from csplade.tests.one_answer import Request, Server, running

KEY, SECRET, TOKEN = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG", "session//token=="
REGION = "eu-central-1"
SIGNED = {"host", "x-amz-content-sha256", "x-amz-date", "x-amz-security-token"}


def without_credentials(patch: pytest.MonkeyPatch, folder: Path) -> None:
    """Let AWS's files be in this folder, and credentials nowhere else."""
    pytest.importorskip("botocore", reason="needs csplade[aws]")
    for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID"):
        patch.delenv(name, raising=False)
    patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    patch.setenv("AWS_CONFIG_FILE", str(folder / "config"))
    patch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(folder / "credentials"))


def with_keys(patch: pytest.MonkeyPatch) -> None:
    """Put keys into the environment."""
    for name, value in (("ACCESS_KEY_ID", KEY), ("SECRET_ACCESS_KEY", SECRET), ("SESSION_TOKEN", TOKEN)):
        patch.setenv(f"AWS_{name}", value)


@pytest.fixture
def aws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a folder for AWS's files and no credentials from anywhere else."""
    without_credentials(monkeypatch, tmp_path)
    return tmp_path


@pytest.fixture
def keys(aws: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put keys where botocore looks first."""
    with_keys(monkeypatch)


@pytest.fixture
def server() -> Iterator[Server]:
    with running(Server(200, b"{}")) as server:
        yield server


def signature_of(request: Request, service: str, secret: str = SECRET) -> str:
    """Return the signature that AWS computes for what arrived, written after its description of version 4."""
    path, _, query = request.target.partition("?")
    # Every service but S3 encodes the path once more.
    segments = "/".join(quote(segment, safe="-_.~") for segment in path.split("/"))
    pairs = sorted(
        tuple(quote(unquote(part), safe="-_.~") for part in (pair.partition("=")[0], pair.partition("=")[2]))
        for pair in query.split("&")
        if pair
    )
    fields = dict(part.split("=", 1) for part in request.headers["authorization"].partition(" ")[2].split(", "))
    names = fields["SignedHeaders"].split(";")
    assert set(names) == SIGNED
    headers = "".join(f"{name}:{request.headers[name].strip()}\n" for name in names)
    digest = hashlib.sha256(request.body).hexdigest()
    assert request.headers["x-amz-content-sha256"] == digest
    canonical = "\n".join(
        (request.method, segments, "&".join("=".join(pair) for pair in pairs), headers, ";".join(names), digest)
    )
    date = request.headers["x-amz-date"]
    scope = f"{date[:8]}/{REGION}/{service}/aws4_request"
    assert fields["Credential"] == f"{KEY}/{scope}"
    text = "\n".join(("AWS4-HMAC-SHA256", date, scope, hashlib.sha256(canonical.encode()).hexdigest()))
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.new(key, text.encode(), "sha256").hexdigest()


def botocores(request: Request, service: str) -> str:
    """Return the signature that botocore computes for what arrived."""
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    auth = SigV4Auth(Credentials(KEY, SECRET, TOKEN), service, REGION)
    url = f"http://{request.headers['host']}{request.target}"
    arrived = AWSRequest(request.method, url, data=request.body)
    for name in SIGNED - {"host"}:
        arrived.headers[name] = request.headers[name]
    arrived.context["timestamp"] = request.headers["x-amz-date"]
    canonical = auth.canonical_request(arrived)
    signature: str = auth.signature(auth.string_to_sign(arrived, canonical), arrived)
    return signature


def signed_client(server: Server, service: str = "es", prefix: str = "") -> opensearchpy.OpenSearch:
    return connect(f"{server.url}{prefix}", Access(aws_service=service, aws_region=REGION))


@pytest.mark.parametrize("service", ["es", "aoss"])
def test_every_request_is_signed_as_it_arrives(keys: None, server: Server, service: str) -> None:
    client = signed_client(server, service)
    client.info()
    client.index(index="artikel", id="a b/ü:%2F+@,*~=&?#", body={"text": "Brötchen"}, params={"routing": "x y+z/&="})
    client.get(index="artikel", id="..a")
    client.bulk(body=b'{"index": {}}\n{"text": "\xc3\xbc"}\n', index="a", params={"filter_path": "items.*.status,x"})
    client.search(index="a,b*", body={"query": {"match_all": {}}}, params={"b": "2", "a": "", "A": "1"})
    client.indices.exists(index="a")
    client.indices.delete(index="<a-{now/d}>")
    assert [request.method for request in server.requests] == ["GET", "PUT", "GET", "POST", "POST", "HEAD", "DELETE"]
    for request in server.requests:
        arrived = request.headers["authorization"].rpartition("Signature=")[2]
        assert arrived == signature_of(request, service), request.target
        assert arrived == botocores(request, service), request.target
        assert request.headers["x-amz-security-token"] == TOKEN
        assert arrived != signature_of(request, service, "another secret")


def test_a_prefix_of_the_address_is_signed_too(keys: None, server: Server) -> None:
    signed_client(server, prefix="/pre fix").search(index="a", body={})
    (request,) = server.requests
    assert request.target.startswith("/pre%20fix/a/_search")
    assert request.headers["authorization"].endswith(signature_of(request, "es"))


def test_another_body_has_another_signature(keys: None, server: Server) -> None:
    # What is sent again of a bulk request is signed again.
    client = signed_client(server)
    for body in (b'{"index": {}}\n{"n": 1}\n', b'{"index": {}}\n{"n": 2}\n'):
        client.bulk(body=body, index="a")
        assert server.requests[-1].headers["authorization"].endswith(signature_of(server.requests[-1], "es"))
    assert len({request.headers["authorization"] for request in server.requests}) == 2


def test_credentials_come_from_aws_files_of_the_profile(aws: Path, server: Server) -> None:
    (aws / "credentials").write_text(
        f"[ours]\naws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\naws_session_token = {TOKEN}\n"
    )
    (aws / "config").write_text(f"[profile ours]\nregion = {REGION}\n")
    connect(server.url, Access(aws_service="es", aws_profile="ours")).info()
    (request,) = server.requests
    assert request.headers["authorization"].endswith(signature_of(request, "es"))
    with pytest.raises(UsageError, match=r"theirs.*correct AWS_PROFILE"):
        connect(server.url, Access(aws_service="es", aws_profile="theirs"))


@pytest.mark.parametrize(
    "host",
    [
        f"search-x-abc123.{REGION}.es.amazonaws.com",
        f"abc.{REGION}.aoss.amazonaws.com",
        "vpc-x.us-gov-west-1.es.amazonaws.com",
        "x.cn-north-1.es.amazonaws.com.cn",
    ],
)
def test_the_region_is_in_the_hosts_name(keys: None, host: str) -> None:
    assert (
        host.split(".")[1]
        in vars(connect(f"https://{host}", Access(aws_service="es")).transport.kwargs["http_auth"]).values()
    )


def test_a_region_that_nothing_says_is_asked_for(keys: None) -> None:
    with pytest.raises(UsageError, match=r"in which region search\.example is: name it with --aws-region"):
        connect("https://search.example", Access(aws_service="es"))
    with pytest.raises(UsageError, match="AWS has no search service 's3'"):
        connect("https://search.example", Access(aws_service="s3"))


def test_without_credentials_nothing_is_sent(aws: Path, server: Server) -> None:
    with pytest.raises(CredentialsError, match="there are no credentials for AWS: see that `aws sts"):
        signed_client(server).info()
    (aws / "config").write_text("[default]\ncredential_process = false\n")
    with pytest.raises(CredentialsError, match="AWS gives no credentials"):
        signed_client(server).info()
    assert server.requests == []


def test_a_missing_botocore_is_told_with_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "botocore", None)
    for name in ("botocore.exceptions", "botocore.session"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingExtraError, match=r"pip install 'csplade\[aws\]'"):
        connect("https://search.example", Access(aws_service="es", aws_region=REGION))


def test_no_log_or_repr_shows_the_keys(keys: None, server: Server, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    client = signed_client(server)
    client.info()
    shown = f"{client!r} {client.transport.hosts} {client.transport.kwargs} {caplog.text}"
    assert KEY not in f"{client!r} {client.transport.hosts}"
    assert SECRET not in shown
    assert TOKEN not in shown
