"""A module of our own for an Elasticsearch whose archive lacks one, compiled by the JDK that the server runs on."""

import subprocess
import zipfile
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from csplade.integration.node_launch import Ground

_DESCRIPTOR = """\
description={name}
version=9.2.0
name={name}
java.version=21
elasticsearch.version=9.2.0
classname=csplade.tests.{classname}
"""


@dataclass(frozen=True)
class Module:
    """One file of Java beside the tests, and what the server calls the module."""

    name: str
    classname: str
    extends: str = ""
    """A module of the server whose classes it uses."""


def compiler_of(ground: Ground) -> Path:
    """Return where the compiler is; without one the test is skipped."""
    compiler = ground.java.home / "bin" / "javac"
    if not compiler.exists():
        pytest.skip("a module of Elasticsearch is compiled by a JDK: set ES_JAVA_HOME to one from 21 on")
    return compiler


def add_module(ground: Ground, home: Path, module: Module) -> None:
    """Compile a module into the server's folder."""
    folder = home / "modules" / module.name
    folder.mkdir()
    extended = f"extended.plugins={module.extends}\n" if module.extends else ""
    (folder / "plugin-descriptor.properties").write_text(
        _DESCRIPTOR.format(name=module.name, classname=module.classname) + extended
    )
    classes = f"{home / 'lib'}/*" + (f":{home / 'modules' / module.extends}/*" if module.extends else "")
    with TemporaryDirectory() as compiled:
        compiler = [str(compiler_of(ground)), "-J-XX:TieredStopAtLevel=1", "--release", "21", "-proc:none"]
        source = Path(__file__).with_name(f"{module.classname}.java")
        command = [*compiler, "-cp", classes, "-d", compiled, str(source)]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        with zipfile.ZipFile(folder / f"{module.name}.jar", "w") as archive:
            for path in Path(compiled).rglob("*.class"):
                archive.write(path, path.relative_to(compiled))
