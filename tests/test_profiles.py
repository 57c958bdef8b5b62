"""Profiles: where the file is, which profile is used, and what is wrong with a file."""

import logging
from pathlib import Path

import pytest
from csplade.integration.profiles import config_path, read_profile, settle
from csplade.integration.settings import Settings, access_of
from csplade.pipelines.errors import UsageError

FILE = """
[profiles.default]
url = ["https://a:9200", "https://b:9200"]
user = "reader"
password_env = "READER_PASSWORD"
ca_certs = "ca.pem"

[profiles.cloud]
url = "https://x.eu-central-1.aoss.amazonaws.com"
aws_service = "aoss"
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(FILE)
    path.chmod(0o600)
    return path


def settled(config: Path, options: Settings | None = None, profile: str | None = None, **environ: str) -> Settings:
    return settle(options or Settings(), profile, {"CSPLADE_CONFIG": str(config), **environ})


def test_a_profile_has_the_settings_of_a_cluster(config: Path) -> None:
    found = settled(config)
    assert (found.url, found.ca_certs) == ("https://a:9200,https://b:9200", config.parent / "ca.pem")
    access = access_of(found, {"READER_PASSWORD": "x"})
    assert (access.user, access.password) == ("reader", "x")


def test_which_profile_is_used(config: Path) -> None:
    assert settled(config, None, "cloud").aws_service == "aoss"
    assert settled(config, CSPLADE_PROFILE="cloud").aws_service == "aoss"
    assert settled(config, None, "default", CSPLADE_PROFILE="cloud").user == "reader"
    assert settled(config, CSPLADE_PROFILE="").user == "reader"


def test_the_environment_comes_before_the_profile_and_options_before_both(config: Path) -> None:
    assert settled(config, CSPLADE_USER="other").user == "other"
    assert settled(config, CSPLADE_USER="other").password is None
    assert settled(config, Settings(user="third"), CSPLADE_USER="other").user == "third"
    assert settled(config, None, "cloud", CSPLADE_API_KEY="k").aws_service is None


def test_a_profile_goes_to_no_cluster_but_its_own(config: Path, caplog: pytest.LogCaptureFixture) -> None:
    elsewhere = Settings("https://elsewhere")
    assert settled(config, elsewhere) == elsewhere
    assert settled(config, CSPLADE_URL="https://elsewhere") == elsewhere
    assert caplog.records == []
    assert settled(config, elsewhere, CSPLADE_PROFILE="default") == elsewhere
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "The profile default is left out" in record.getMessage()
    # Who names both at the same place, or the profile above, means both.
    for both in (
        settled(config, elsewhere, "default"),
        settled(config, None, "default", CSPLADE_URL="https://elsewhere"),
        settled(config, CSPLADE_PROFILE="default", CSPLADE_URL="https://elsewhere"),
    ):
        assert (both.url, both.user) == ("https://elsewhere", "reader")


def test_a_file_that_is_not_needed_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("[")
    assert settled(tmp_path / "config.toml", Settings("https://h")).url == "https://h"
    assert settled(tmp_path / "config.toml", CSPLADE_URL="https://h").url == "https://h"


def test_where_the_file_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert config_path({}) == tmp_path / ".config" / "csplade" / "config.toml"
    assert config_path({"XDG_CONFIG_HOME": "/x"}) == Path("/x/csplade/config.toml")
    assert config_path({"XDG_CONFIG_HOME": "relative"}) == config_path({})
    assert config_path({"XDG_CONFIG_HOME": "/x", "CSPLADE_CONFIG": "~/c.toml"}) == tmp_path / "c.toml"
    assert settle(Settings(), None, {}) == Settings()
    with pytest.raises(UsageError, match=r"no file .*c\.toml: correct CSPLADE_CONFIG"):
        settle(Settings(), None, {"CSPLADE_CONFIG": "~/c.toml"})


def test_a_profile_that_is_not_there_is_told_with_those_that_are(config: Path) -> None:
    with pytest.raises(UsageError, match=r"no profile 'clod' in .*config\.toml \(there: cloud, default\)"):
        settled(config, None, "clod")
    with pytest.raises(UsageError, match=r"no profile 'x' in .* \(there: none\)"):
        settle(Settings(), "x", {})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[", "is no TOML"),
        ("url = 'https://h'", "holds something else than profiles"),
        ("[profiles]\nx = 1", "holds something else than profiles"),
        ("[profiles.x]\npasword = 'geheim'", r"no setting pasword of the profile 'x' in .*: the settings are url, "),
        ("[profiles.x]\nuser_file = 'geheim'", "no setting user_file"),
        ("[profiles.x]\npassword = 123", "password of the profile 'x' in .* must be a text"),
        ("[profiles.x]\nuser = ''", "user of the profile 'x' in .* must be a text"),
        ("[profiles.x]\nurl = []", "url of the profile 'x' in .* must be a text"),
        ("[profiles.x]\npassword = 'geheim'\npassword_file = 'f'", "are both given: keep one"),
    ],
)
def test_what_is_wrong_with_a_file_is_told_without_secrets(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "config.toml"
    path.write_text(text)
    with pytest.raises(UsageError, match=said) as caught:
        settled(path, None, "x")
    assert "geheim" not in f"{caught.value!r}{caught.value.__cause__!r}"


def test_a_file_that_is_not_utf8_or_cannot_be_read_is_told(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(b"[profiles.x]\npassword = '\xe4geheim'")
    with pytest.raises(UsageError, match="it is not UTF-8") as caught:
        settled(path, None, "x")
    assert caught.value.__cause__ is None
    with pytest.raises(UsageError, match="cannot be read"):
        settled(tmp_path, None, "x")


@pytest.mark.parametrize(
    ("content", "told"),
    [("password = 'x'", 1), ("url = 'https://u:x@h'", 1), ("password_env = 'X'", 0), ("user = 'u'", 0)],
)
def test_secrets_that_everybody_can_read_are_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, content: str, told: int
) -> None:
    path = tmp_path / "config.toml"
    path.write_text(f"[profiles.x]\n{content}\n")
    for mode, count in ((0o600, 0), (0o644, told)):
        path.chmod(mode)
        caplog.clear()
        assert read_profile(path, "x") is not None
        assert [str(path) in record.getMessage() for record in caplog.records] == [True] * count
