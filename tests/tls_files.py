"""Certificates for tests, made by openssl: an authority, a server at 127.0.0.1, and somebody who asks."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

KEY_PASSWORD = "a key's own"
_NEW_KEY = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"

needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="makes its certificates with openssl")


@dataclass(frozen=True)
class TlsFiles:
    """The files, all PEM."""

    authority: Path
    server: Path
    server_key: Path
    client: Path
    client_key: Path
    encrypted_key: Path
    """The client's key, encrypted with KEY_PASSWORD."""


def make_tls_files(folder: Path) -> TlsFiles:
    """Make them in a folder."""
    files = f"-keyout {folder}/ca.key -out {folder}/ca.pem"
    _openssl(f"req -x509 {_NEW_KEY} -days 2 -subj /CN=authority {files}")
    server, server_key = _signed(folder, "server", "subjectAltName=IP:127.0.0.1")
    client, client_key = _signed(folder, "client", "extendedKeyUsage=clientAuth")
    encrypted = folder / "client-encrypted.key"
    _openssl(f"pkey -aes256 -in {client_key} -out {encrypted} -passout stdin", KEY_PASSWORD)
    return TlsFiles(folder / "ca.pem", server, server_key, client, client_key, encrypted)


def _signed(folder: Path, name: str, extension: str) -> tuple[Path, Path]:
    certificate, key, request, extensions = (folder / f"{name}.{end}" for end in ("pem", "key", "csr", "ext"))
    extensions.write_text(f"{extension}\n")
    _openssl(f"req {_NEW_KEY} -subj /CN={name} -keyout {key} -out {request}")
    authority = f"-CA {folder}/ca.pem -CAkey {folder}/ca.key -CAcreateserial"
    _openssl(f"x509 -req -in {request} {authority} -days 2 -extfile {extensions} -out {certificate}")
    return certificate, key


def _openssl(arguments: str, typed: str = "") -> None:
    subprocess.run(["openssl", *arguments.split()], input=typed, text=True, check=True, capture_output=True)
