"""Layers of settings: the higher one wins, setting by setting; credentials of different kinds are never mixed."""

from pathlib import Path

import pytest
from csplade.integration.access import Access
from csplade.integration.secret_source import Form, SecretSource
from csplade.integration.settings import NAMES, Settings, access_of, merge, read_environment, read_layer, setting_names
from csplade.pipelines.errors import UsageError

SECRETS = ("password", "api_key", "bearer_token", "client_key_password")
CREDENTIALS = {"user", "password", "api_key", "bearer_token", "aws_service"}


def layer(**values: str) -> Settings:
    return read_layer(values, str)


def access(*layers: Settings) -> Access:
    return access_of(merge(layers), {})


@pytest.mark.parametrize("name", NAMES)
def test_of_three_layers_the_first_that_says_something_is_heard(name: str) -> None:
    layers = [layer(**{name: text}) for text in ("options", "environment", "profile")]
    for start in range(3):
        assert getattr(merge([Settings()] * start + layers[start:]), name) == getattr(layers[start], name)
    assert getattr(merge([Settings()] * 3), name) is None


def test_settings_of_different_layers_come_together() -> None:
    merged = merge([layer(url="https://h"), layer(password="x"), layer(user="reader", ca_certs="ca.pem")])
    assert (merged.url, merged.user, merged.ca_certs) == ("https://h", "reader", Path("ca.pem"))
    assert access_of(merged, {}).password == "x"


def test_a_higher_kind_of_credentials_hides_the_lower_ones() -> None:
    everything = layer(user="lower", password="lower")
    assert access(layer(api_key="k"), everything) == Access(api_key="k")
    assert access(layer(bearer_token="t"), everything) == Access(bearer_token="t")
    assert access(layer(aws_service="es"), everything) == Access(aws_service="es")
    assert access(layer(user="u"), layer(api_key="k")) == Access("u")
    assert access(Settings(), layer(password="p"), layer(api_key="k")) == Access(password="p")
    # What is of one layer is left for the client to refuse.
    assert access(layer(user="u", api_key="k")) == Access("u", api_key="k")


def test_a_password_stays_with_the_user_beside_it() -> None:
    assert access(layer(user="other"), layer(user="reader", password="x")) == Access("other")
    assert access(layer(user="reader"), layer(user="reader", password="x")) == Access("reader", "x")
    assert access(layer(user="other"), layer(password="x")) == Access("other", "x")
    assert access(layer(user="other"), layer(user="reader", password="x"), layer(password="y")) == Access("other", "y")


def test_a_secret_that_a_higher_layer_gives_is_not_fetched(tmp_path: Path) -> None:
    program = layer(password_command=f"touch {tmp_path / 'ran'}")
    assert access(layer(user="u", password="x"), program).password == "x"
    assert access(layer(api_key="k"), program) == Access(api_key="k")
    assert not (tmp_path / "ran").exists()


def test_the_environment_gives_every_setting_and_secrets_by_file_too(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s\n")
    for name in NAMES:
        found = getattr(read_environment({f"CSPLADE_{name.upper()}": "given"}), name)
        expected = {"password": found} if name in SECRETS else {"text": found}
        assert found == (Path("given") if name.endswith(("certs", "cert", "client_key")) else found), expected
        assert found is not None
    for name in SECRETS:
        found = getattr(read_environment({f"CSPLADE_{name.upper()}_FILE": str(tmp_path / "secret")}), name)
        assert found.read({}) == "s"


def test_empty_and_unknown_variables_say_nothing() -> None:
    empty = {f"CSPLADE_{name.upper()}": "" for name in NAMES}
    assert read_environment({**empty, "CSPLADE_ENCODER": "x", "PASSWORD": "x", "CSPLADE_PASSWORD_COMMAND": "x"}) == (
        Settings()
    )


def test_a_secret_given_twice_is_wrong_usage() -> None:
    environ = {"CSPLADE_PASSWORD": "geheim", "CSPLADE_PASSWORD_FILE": "geheim"}
    with pytest.raises(UsageError, match="CSPLADE_PASSWORD and CSPLADE_PASSWORD_FILE are both given") as caught:
        read_environment(environ)
    assert "geheim" not in str(caught.value)


def test_every_secret_has_every_form() -> None:
    names = set(setting_names(tuple(Form)))
    assert {f"{secret}{form.value}" for secret in SECRETS for form in Form} <= names
    for form in Form:
        found = layer(**{f"api_key{form.value}": "x"}).api_key
        assert found == SecretSource(f"api_key{form.value}", form, "x")
    with pytest.raises(UsageError, match="no setting user_file"):
        layer(user_file="x")


def test_paths_begin_at_the_folder(tmp_path: Path) -> None:
    found = read_layer({"ca_certs": "ca.pem", "client_cert": "/abs.pem", "client_key": "~/key.pem"}, str, tmp_path)
    assert (found.ca_certs, found.client_cert) == (tmp_path / "ca.pem", Path("/abs.pem"))
    assert found.client_key == Path.home() / "key.pem"


def test_the_access_holds_every_setting() -> None:
    values = {name: name for name in NAMES if name != "url"}
    found = access_of(read_layer(values, str), {}, verify=False)
    assert all(str(getattr(found, name)) == name for name in values)
    assert not found.verify
