"""TLS: whom we trust, and the certificate that we show. Files come in, a context for connections goes out."""

import logging
import ssl
from pathlib import Path

from csplade.integration.access import Access
from csplade.pipelines.errors import UsageError

_logger = logging.getLogger(__name__)


def tls_context(access: Access) -> ssl.SSLContext:
    """Return how to connect with TLS: the authorities in the file, else the system's (or SSL_CERT_FILE's).

    Raises:
        UsageError: a file is missing, or does not hold what it should.
    """
    context = _authorities(access.ca_certs)
    if not access.verify:
        _logger.warning("Certificates are not verified: whoever is on the way can read and change everything.")
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if access.client_cert is not None:
        _show(context, access.client_cert, access.client_key, access.client_key_password)
    return context


def check_certificate(access: Access, secure: bool) -> None:
    """Check that what is said about the asker's own certificate can be of use.

    Raises:
        UsageError: it cannot.
    """
    if access.client_key is not None and access.client_cert is None:
        raise UsageError(f"there is a key {access.client_key} without a certificate: name it with --client-cert")
    if access.client_cert is not None and not secure:
        raise UsageError(f"the certificate {access.client_cert} can be shown over TLS only: write https:// in --url")


def _authorities(ca_certs: Path | None) -> ssl.SSLContext:
    if ca_certs is not None and not ca_certs.is_file():
        raise UsageError(f"there is no file of certificate authorities {ca_certs}: correct --ca-certs")
    try:
        return ssl.create_default_context(cafile=ca_certs)
    except OSError as error:
        raise UsageError(
            f"{ca_certs} gives no certificate authorities ({error.strerror or error}): name a PEM file with --ca-certs"
        ) from error


def _show(context: ssl.SSLContext, certificate: Path, key: Path | None, password: str | None) -> None:
    """Let connections show the certificate; nobody is asked for the password of its key."""
    for path, option in ((certificate, "--client-cert"), (key, "--client-key")):
        if path is not None and not path.is_file():
            raise UsageError(f"there is no file {path}: correct {option}")

    def secret() -> str:
        # Only asked for a key that is encrypted; without this, OpenSSL would ask at the terminal.
        if not password:
            raise UsageError(f"the key in {key or certificate} is encrypted: set CSPLADE_CLIENT_KEY_PASSWORD")
        return password

    try:
        context.load_cert_chain(certificate, key, secret)
    except OSError as error:
        files = f"{certificate} and {key}" if key else str(certificate)
        raise UsageError(
            f"{files} cannot be used as certificate and key ({_why(error)}): name PEM files that belong together with "
            "--client-cert and --client-key, and check the password of the key"
        ) from error


def _why(error: OSError) -> str:
    reason = error.reason if isinstance(error, ssl.SSLError) else error.strerror
    return (reason or str(error)).replace("_", " ").lower()
