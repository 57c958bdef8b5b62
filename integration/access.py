"""Who asks a cluster, and whom the asker trusts: options come in, the header that names the asker goes out."""

from base64 import b64encode
from dataclasses import dataclass, field, replace
from pathlib import Path

from csplade.integration.addresses import Address
from csplade.pipelines.errors import UsageError

AWS_SERVICES = ("es", "aoss")
"""What AWS calls its managed domains, and its serverless collections."""


@dataclass(frozen=True)
class Access:
    """Who asks, and whom the asker trusts; of user, key, token and signature at most one is given."""

    user: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_certs: Path | None = None
    """File of certificate authorities (PEM); none: those of the system."""
    api_key: str | None = field(default=None, repr=False)
    """As Elasticsearch gave it: the encoded key, or id:key."""
    bearer_token: str | None = field(default=None, repr=False)
    client_cert: Path | None = None
    """File of the asker's own certificate (PEM), with those between it and its authority."""
    client_key: Path | None = None
    """File of its key (PEM); none: the key is in the file of the certificate."""
    client_key_password: str | None = field(default=None, repr=False)
    aws_service: str | None = None
    """es or aoss: requests are signed for AWS, with the credentials that botocore finds; none: they are not."""
    aws_region: str | None = None
    """None: that of the address, else botocore's."""
    aws_profile: str | None = None
    """The profile in AWS's own files; none: botocore's choice."""
    verify: bool = True
    """False: anybody may be the cluster, and read and change everything. For trying only."""


def of_address(access: Access, addresses: tuple[Address, ...]) -> Access:
    """Return the access with the user that the addresses name, if they do: that one wins over any other.

    Raises:
        UsageError: they name different ones.
    """
    pairs = {(address.user, address.password) for address in addresses if address.user is not None}
    if not pairs:
        return access
    if len(pairs) > 1:
        raise UsageError("the addresses name different users: name the user once, in the environment or in a profile")
    ((user, password),) = pairs
    return replace(access, user=user, password=password, api_key=None, bearer_token=None, aws_service=None)


def kinds_of(access: Access) -> list[str]:
    """Return what kinds of credentials are given, as a person calls them."""
    given = {
        "user and password": access.user or access.password,
        "an API key": access.api_key,
        "a bearer token": access.bearer_token,
        "AWS signatures": access.aws_service,
    }
    return [kind for kind, value in given.items() if value]


def authorization(access: Access) -> str | None:
    """Return the header that names the asker; None: nobody does, or each request is signed.

    Raises:
        UsageError: the credentials contradict each other, or cannot be sent.
    """
    kinds = kinds_of(access)
    if len(kinds) > 1:
        raise UsageError(f"the credentials are of more than one kind ({', '.join(kinds)}): give one of them")
    if access.password and not access.user:
        raise UsageError("there is a password without a user: set CSPLADE_USER beside CSPLADE_PASSWORD, or unset both")
    if access.user:
        pair = f"{access.user}:{access.password or ''}"
        return f"Basic {_base64(pair)}"
    if access.api_key:
        # Base64 has no colon.
        key = _base64(access.api_key) if ":" in access.api_key else access.api_key
        return f"ApiKey {_token(key, 'API key')}"
    if access.bearer_token:
        return f"Bearer {_token(access.bearer_token, 'bearer token')}"
    return None


def _base64(text: str) -> str:
    # Written here because urllib3's helper knows only Latin-1, and passwords need not be.
    return b64encode(text.encode()).decode()


def _token(text: str, name: str) -> str:
    # A header with such a letter would be refused further down, with the whole header in the message.
    if not (text.isascii() and text.isprintable()) or " " in text:
        raise UsageError(f"the {name} has a space, a line break or a letter that no {name} has: copy it again")
    return text
