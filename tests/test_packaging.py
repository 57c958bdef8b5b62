"""What a wheel holds: the packages, the data that they read, and nothing else of the repository."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path, PurePosixPath

import pytest
from csplade.tests.fetching import run_fetching

ROOT = Path(__file__).resolve().parent.parent
_PACKAGES = {"adapters", "commands", "integration", "mappings", "models", "pipelines"}
_DATA = {
    "csplade/py.typed",
    "csplade/commands/demo_questions.json",
    *(f"csplade/integration/playground/{file.name}" for file in (ROOT / "integration" / "playground").iterdir()),
    "csplade/mappings/rank_features.json",
    *(
        f"csplade/models/csplade-mini/{name}"
        for name in ("encoder.json", "golden.jsonl", "idf.json.gz", "model.onnx", "README.md")
    ),
    *(f"csplade/models/csplade-mini/{name}" for name in ("terms.json.gz", "tokenizer.json")),
    *(f"csplade/pipelines/recipes/{file.name}" for file in (ROOT / "pipelines" / "recipes").glob("*.toml")),
}


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Build a wheel from what git knows and return the files in it."""
    tree, output = tmp_path_factory.mktemp("tree"), tmp_path_factory.mktemp("wheel")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    for name in filter(None, listed.decode().split("\0")):
        if (ROOT / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, tree / name)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(output), str(tree)]
    done = run_fetching(command)
    assert done.returncode == 0, done.stderr
    (wheel,) = output.glob("csplade-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_all_data_is_in_it(names: set[str]) -> None:
    assert names >= _DATA


def test_every_module_of_the_packages_is_in_it(names: set[str]) -> None:
    for package in _PACKAGES:
        modules = {f"csplade/{package}/{module.name}" for module in (ROOT / package).glob("*.py")}
        assert modules <= names


def test_nothing_lands_outside_the_package_and_neither_tests_nor_recipes_inside(names: set[str]) -> None:
    for name in names:
        first, *rest = PurePosixPath(name).parts
        assert first == "csplade" or first.endswith(".dist-info"), name
        if first == "csplade":
            assert len(rest) == 1 or rest[0] in _PACKAGES, name
            assert "recipe" not in rest, name
