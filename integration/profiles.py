"""Profiles: a TOML file with the settings of clusters by name, and which of them is used.

    [profiles.default]
    url = "https://search.example:9200"
    user = "reader"
    password_command = "pass show search/reader"

A profile describes one cluster. So where an address is given above it (with --url, or in CSPLADE_URL), it is another
cluster, and the profile is left out, credentials and all, unless it was named at the same place or above.
"""

import logging
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from csplade.integration.secret_source import Form, warn_if_open
from csplade.integration.settings import Settings, merge, read_environment, read_layer, setting_names
from csplade.pipelines.errors import UsageError

DEFAULT = "default"
"""The profile that is used where none is named."""

_TABLE = "profiles"
_KNOWN = tuple(setting_names(tuple(Form)))

_logger = logging.getLogger(__name__)


def settle(options: Settings, profile: str | None, environ: Mapping[str, str]) -> Settings:
    """Return what the options, the environment and the profile say together.

    Raises:
        UsageError: a profile is named that is not there, or the file of profiles cannot be used.
    """
    environment = read_environment(environ)
    chosen = _chosen(options, environment, profile, environ)
    return merge([options, environment, *([] if chosen is None else [chosen])])


def config_path(environ: Mapping[str, str]) -> Path:
    """Return where the file of profiles is: CSPLADE_CONFIG, else csplade/config.toml among the user's settings."""
    named = environ.get("CSPLADE_CONFIG")
    if named:
        return Path(named).expanduser()
    standard = Path(environ.get("APPDATA", "") if os.name == "nt" else environ.get("XDG_CONFIG_HOME", ""))
    return (standard if standard.is_absolute() else Path.home() / ".config") / "csplade" / "config.toml"


def read_profile(path: Path, name: str) -> Settings | None:
    """Return what the file says about a profile, None if there is no such file or profile.

    Raises:
        UsageError: the file or the profile cannot be used.
    """
    profiles = _profiles(path)
    if name not in profiles:
        return None

    def tell(setting: str) -> str:
        return f"{setting} of the profile {name!r} in {path}"

    table = {setting: _text(setting, value, tell(setting)) for setting, value in profiles[name].items()}
    found = read_layer(table, tell, path.absolute().parent, private=True)
    if _holds_secret(found):
        warn_if_open(path)
    return found


def _chosen(
    options: Settings, environment: Settings, profile: str | None, environ: Mapping[str, str]
) -> Settings | None:
    """Return the profile that is to be used, if one is."""
    path = config_path(environ)
    if profile:
        return _required(path, profile)
    named = environ.get("CSPLADE_PROFILE")
    if options.url is not None:
        if named:
            _logger.warning("The profile %s is left out, as --url names a cluster: name both with --profile.", named)
        return None
    if named:
        return _required(path, named)
    if environ.get("CSPLADE_CONFIG") and not path.is_file():
        raise UsageError(f"there is no file {path}: correct CSPLADE_CONFIG")
    return read_profile(path, DEFAULT) if environment.url is None else None


def _required(path: Path, name: str) -> Settings:
    found = read_profile(path, name)
    if found is None:
        known = ", ".join(sorted(_profiles(path))) or "none"
        raise UsageError(
            f"there is no profile {name!r} in {path} (there: {known}): correct its name, or write it there"
        )
    return found


def _profiles(path: Path) -> Mapping[str, Mapping[str, Any]]:  # Any: TOML values
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({error.strerror}): correct it, or CSPLADE_CONFIG") from error
    except ValueError as error:
        # Without the cause, which may hold the file.
        raise UsageError(f"{path} is no TOML ({_place(error)}): correct it") from None
    profiles = content.pop(_TABLE, {})
    if content or not isinstance(profiles, dict) or not all(isinstance(one, dict) for one in profiles.values()):
        raise UsageError(f"{path} holds something else than profiles: write them as [{_TABLE}.NAME]")
    return profiles


def _place(error: ValueError) -> str:
    return "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)


def _text(setting: str, value: object, told: str) -> str:
    if setting not in _KNOWN:
        raise UsageError(f"there is no setting {told}: the settings are {', '.join(_KNOWN)}")
    if setting == "url" and isinstance(value, list) and value and all(isinstance(one, str) for one in value):
        return ",".join(value)
    if not isinstance(value, str) or not value:
        raise UsageError(f"{told} must be a text in quotes that is not empty")
    return value


def _holds_secret(settings: Settings) -> bool:
    """Return whether a secret is written in the file itself."""
    secrets = (settings.password, settings.api_key, settings.bearer_token, settings.client_key_password)
    written = any(secret is not None and secret.form is Form.VALUE for secret in secrets)
    return written or "@" in (settings.url or "")
