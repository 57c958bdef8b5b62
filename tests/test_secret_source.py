"""Secrets by reference: a file, a variable, a program; what goes wrong is told without them."""

import logging
import os
import sys
from pathlib import Path

import pytest
from csplade.integration.secret_source import Form, SecretSource
from csplade.pipelines.errors import UsageError

SECRET = "hünter 2"
PRINT = f"{sys.executable} -c \"import sys; sys.stdout.buffer.write({SECRET!r}.encode() + b'\\n')\""


def source(form: Form, given: str, folder: Path = Path(), private: bool = False) -> SecretSource:
    return SecretSource("password_x of the profile 'p'", form, given, folder, private)


def test_every_form_gives_the_secret_without_the_line_break_behind_it(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(f"{SECRET}\n", encoding="utf-8")
    environ = {**os.environ, "OTHER": SECRET}
    for form, given in (
        (Form.VALUE, SECRET),
        (Form.FILE, str(tmp_path / "secret")),
        (Form.FILE, "secret"),
        (Form.VARIABLE, "OTHER"),
        (Form.COMMAND, PRINT),
    ):
        assert source(form, given, tmp_path).read(environ) == SECRET, form


@pytest.mark.parametrize(
    ("form", "given", "said"),
    [
        (Form.FILE, "missing", "missing cannot be read"),
        (Form.FILE, "latin1", "latin1 cannot be read .it is not UTF-8"),
        (Form.FILE, "empty", "gives an empty secret"),
        (Form.VARIABLE, "NOT_SET", "gives an empty secret"),
        (Form.COMMAND, "true", "gives an empty secret"),
        (Form.COMMAND, "not-a-program-of-ours geheim", "not-a-program-of-ours cannot be run"),
        (Form.COMMAND, f"{sys.executable} -c 'print(\"geheim\"); raise SystemExit(3)'", "ended with exit code 3"),
        (Form.COMMAND, "echo 'geheim", "is no command"),
        (Form.COMMAND, " ", "is empty"),
        (Form.COMMAND, "printf '\\377geheim'", "is not UTF-8"),
    ],
)
def test_what_goes_wrong_names_the_setting_and_no_secret(tmp_path: Path, form: Form, given: str, said: str) -> None:
    (tmp_path / "latin1").write_bytes(b"\xe4geheim")
    (tmp_path / "empty").write_bytes(b"\n")
    with pytest.raises(UsageError, match=said) as caught:
        source(form, given, tmp_path).read(os.environ)
    assert "password_x of the profile 'p'" in str(caught.value)
    assert "geheim" not in f"{caught.value!r}{caught.value.__cause__!r}"


def test_a_program_gets_none_of_our_input() -> None:
    reader = f"{sys.executable} -c \"import sys; print(sys.stdin.read() + 'end')\""
    assert source(Form.COMMAND, reader).read(os.environ) == "end"


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps who may read elsewhere")
@pytest.mark.parametrize(("mode", "private", "told"), [(0o604, True, 1), (0o640, True, 0), (0o604, False, 0)])
def test_a_file_that_everybody_can_read_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, mode: int, private: bool, told: int
) -> None:
    path = tmp_path / "secret"
    path.write_text(SECRET, encoding="utf-8")
    path.chmod(mode)
    source(Form.FILE, str(path), private=private).read({})
    assert [(record.levelno, str(path) in record.getMessage()) for record in caplog.records] == [
        (logging.WARNING, True)
    ] * told
    assert SECRET not in caplog.text


def test_its_repr_shows_no_secret() -> None:
    assert SECRET not in repr(source(Form.VALUE, SECRET))
