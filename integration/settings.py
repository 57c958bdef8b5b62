"""The settings of a connection, in layers: options before the environment, the environment before a profile.

Each layer is a table of named texts; what the layers say together is the connection. Secrets stay where they are until
somebody connects.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, TypeVar

from csplade.integration.access import Access
from csplade.integration.secret_source import Form, SecretSource
from csplade.pipelines.errors import UsageError

PREFIX = "CSPLADE_"
"""What the names of environment variables begin with."""

_PATHS = ("ca_certs", "client_cert", "client_key")
_SECRETS = ("password", "api_key", "bearer_token", "client_key_password")
# What says who asks. The highest layer that says it decides the kind.
_KINDS = (("user", "password"), ("api_key",), ("bearer_token",), ("aws_service",))

_Value = TypeVar("_Value")


@dataclass(frozen=True)
class Settings:
    """What one layer says, or all of them together; None: nothing. See `Access` for their meaning."""

    url: str | None = None
    """The cluster's addresses, with commas between them."""
    user: str | None = None
    password: SecretSource | None = None
    api_key: SecretSource | None = None
    bearer_token: SecretSource | None = None
    ca_certs: Path | None = None
    client_cert: Path | None = None
    client_key: Path | None = None
    client_key_password: SecretSource | None = None
    aws_service: str | None = None
    aws_region: str | None = None
    aws_profile: str | None = None


NAMES = tuple(one.name for one in fields(Settings))
"""What can be set."""


def setting_names(forms: Sequence[Form]) -> Iterator[str]:
    """Give the names of all settings, secrets in each of these forms."""
    for name in NAMES:
        yield from (f"{name}{form.value}" for form in forms) if name in _SECRETS else (name,)


def read_layer(
    table: Mapping[str, str], tell: Callable[[str], str], folder: Path = Path(), private: bool = False
) -> Settings:
    """Return what a table of `setting_names` says; `tell` names a setting in messages, paths begin at `folder`.

    Raises:
        UsageError: a secret is given twice.
    """
    found: dict[str, Any] = {}  # Any: the types of the fields
    for name, value in table.items():
        if name in _PATHS:
            found[name] = folder / Path(value).expanduser()
        elif name in NAMES and name not in _SECRETS:
            found[name] = value
        else:
            secret, form = _secret_name(name)
            if secret in found:
                raise UsageError(f"{found[secret].setting} and {tell(name)} are both given: keep one")
            found[secret] = SecretSource(tell(name), form, value, folder, private)
    return Settings(**found)


def read_environment(environ: Mapping[str, str]) -> Settings:
    """Return what the environment says; an empty variable says nothing.

    Raises:
        UsageError: a secret is given twice.
    """
    names = setting_names((Form.VALUE, Form.FILE))
    table = {name: value for name in names if (value := environ.get(_variable(name)))}
    return read_layer(table, _variable)


def merge(layers: Sequence[Settings]) -> Settings:
    """Return what layers say together, an earlier one before the later ones."""
    kept: list[Settings] = []
    kinds: list[tuple[str, ...]] = []
    for layer in layers:
        user = _first(above.user for above in kept)
        hidden = [name for kind in _KINDS if kinds and kind not in kinds for name in kind]
        if user is not None and layer.user not in (None, user):
            # A password belongs to the user beside it.
            hidden.append("password")
        kept.append(replace(layer, **dict.fromkeys(hidden)))
        kinds = kinds or [kind for kind in _KINDS if any(getattr(layer, name) for name in kind)]
    return Settings(**{name: _first(getattr(layer, name) for layer in kept) for name in NAMES})


def access_of(settings: Settings, environ: Mapping[str, str], verify: bool = True) -> Access:
    """Return the access that the settings describe, with the secrets themselves.

    Raises:
        UsageError: a secret cannot be read.
    """

    def secret(source: SecretSource | None) -> str | None:
        return None if source is None else source.read(environ)

    return Access(
        settings.user,
        secret(settings.password),
        settings.ca_certs,
        secret(settings.api_key),
        secret(settings.bearer_token),
        settings.client_cert,
        settings.client_key,
        secret(settings.client_key_password),
        settings.aws_service,
        settings.aws_region,
        settings.aws_profile,
        verify,
    )


def _first(values: Iterator[_Value | None]) -> _Value | None:
    return next((value for value in values if value is not None), None)


def _variable(name: str) -> str:
    return PREFIX + name.upper()


def _secret_name(name: str) -> tuple[str, Form]:
    """Return the secret and the form that a name is made of."""
    for form in Form:
        secret = name.removesuffix(form.value)
        if secret in _SECRETS and name == f"{secret}{form.value}":
            return secret, form
    raise UsageError(f"there is no setting {name}")
