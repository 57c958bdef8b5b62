"""Who may import what, read from the source itself; and what a running program has loaded."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import orjson
import pytest
from csplade.cli import COMMANDS
from csplade.commands.options import SHIPPED_ENCODER
from csplade.integration.client import connect
from csplade.integration.index import create_index
from csplade.integration.templates import IndexOptions
from csplade.tests.word_encoder import word_contract

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("adapters", "commands", "integration", "mappings", "models", "pipelines")
SOURCES = sorted([*ROOT.glob("*.py"), *(path for name in PACKAGES for path in (ROOT / name).rglob("*.py"))])
TESTS = sorted((ROOT / "tests").glob("*.py"))
MODEL_STACK = {"torch", "transformers", "onnxruntime", "optimum"}
# A server that is started needs an environment, with PATH and the place of Java in it.
READS_ENVIRONMENT = {"integration/node.py", "integration/node_launch.py"}


def place(path: Path) -> str:
    return str(path.relative_to(ROOT))


def inside(*folders: str) -> list[Path]:
    found = [path for path in SOURCES if path.relative_to(ROOT).parts[0] in folders]
    assert found
    return found


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), place(path))


def imports(path: Path) -> Iterator[str]:
    """Give every name that the file imports, wherever it does so: module.name for `from module import name`."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{place(path)} line {node.lineno} imports from a dot"
            yield from (f"{node.module}.{name.name}" for name in node.names)


def offences(paths: list[Path], forbidden: set[str]) -> list[str]:
    """Return who imports one of the modules, or what is below them."""
    return [
        f"{place(path)}: {name}"
        for path in paths
        for name in imports(path)
        if any(f"{name}.".startswith(f"{module}.") for module in forbidden)
    ]


def names(path: Path) -> Iterator[str]:
    """Give the names that the file uses, as they are written: `print`, `os.environ`."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Attribute):
            yield ast.unparse(node)
        elif isinstance(node, ast.Name):
            yield node.id


def test_the_rules_are_about_real_files() -> None:
    for name in ("cli.py", "commands/query.py", "integration/search.py", "pipelines/vocab.py"):
        assert ROOT / name in SOURCES
    assert "csplade.integration.search.search_page" in imports(ROOT / "commands" / "query.py")


def test_the_cluster_side_is_handed_an_encoder_and_imports_no_model() -> None:
    forbidden = MODEL_STACK | {"csplade.pipelines.encode", "csplade.pipelines.model", "tokenizers"}
    assert offences(inside("integration"), forbidden) == []


def test_the_model_side_knows_no_cluster() -> None:
    assert offences(inside("pipelines"), {"csplade.integration", "opensearchpy"}) == []


def test_neither_side_knows_the_commands() -> None:
    assert offences(inside("integration", "pipelines"), {"csplade.commands", "csplade.cli", "click", "rich"}) == []


def test_every_import_of_ours_begins_with_the_package() -> None:
    bare = {*PACKAGES, "cli", "tests"}
    assert offences([*SOURCES, *TESTS], bare) == []


@pytest.mark.parametrize("path", inside("integration", "pipelines"), ids=place)
def test_only_commands_print_and_read_the_environment(path: Path) -> None:
    forbidden = {"print", "input", "exit", "sys.exit", "os.getenv", "os.environb"}
    if place(path) not in READS_ENVIRONMENT:
        forbidden.add("os.environ")
    assert forbidden & {*names(path), *imports(path)} == set()


def test_mappings_hold_json_and_their_description() -> None:
    files = [path for path in (ROOT / "mappings").iterdir() if path.name != "__pycache__"]
    assert {path.name for path in files if path.suffix != ".json"} == {"README.md", "__init__.py"}
    for path in files:
        if path.suffix == ".json":
            assert isinstance(orjson.loads(path.read_bytes()), dict)
    (only,) = tree(ROOT / "mappings" / "__init__.py").body
    assert isinstance(only, ast.Expr)


LOADED = "import sys; print(*sorted({name.partition('.')[0] for name in sys.modules}))"


def loaded_after(program: str) -> set[str]:
    """Run the program in a Python of its own; return the top-level modules that it has loaded."""
    done = subprocess.run(
        [sys.executable, "-c", f"{program}\n{LOADED}"], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].split())


def run_of(*arguments: str, code: int = 0) -> str:
    """Return a program that calls csplade and goes on after it has ended with this code."""
    return f"""
import sys
from csplade.cli import main
sys.argv = ["csplade", *{arguments!r}]
try:
    main()
except SystemExit as ended:
    assert (ended.code or 0) == {code}, ended.code
"""


HEAVY = {"torch", "transformers", "optimum"}


def test_the_list_of_commands_needs_nothing_but_click() -> None:
    found = loaded_after(run_of("--help"))
    assert "click" in found
    light = {"numpy", "opensearchpy", "urllib3", "orjson", "rich", "tqdm", "onnxruntime", "tokenizers", "ir_measures"}
    assert found.isdisjoint(light | HEAVY)


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_the_help_of_a_command_needs_neither_a_model_nor_a_cluster(command: str) -> None:
    found = loaded_after(run_of(command, "--help"))
    assert found.isdisjoint({"numpy", "opensearchpy", "onnxruntime", "tokenizers", "ir_measures"} | HEAVY)


def test_what_ingest_and_query_use_loads_no_training_library() -> None:
    modules = [
        *("csplade.pipelines.encode", "csplade.pipelines.evaluate", "csplade.pipelines.sources"),
        *(f"csplade.integration.{path.stem}" for path in inside("integration") if path.stem != "__init__"),
        *(f"csplade.commands.{name}" for name in ("ingest", "query", "evaluate")),
    ]
    found = loaded_after("\n".join(f"import {module}" for module in modules))
    assert "opensearchpy" in found
    assert found.isdisjoint(HEAVY)


def test_looking_at_training_data_needs_no_model(tmp_path: Path) -> None:
    found = loaded_after(run_of("data", write_pair(tmp_path)))
    assert "orjson" in found
    assert found.isdisjoint({"opensearchpy", "onnxruntime"} | HEAVY)


@pytest.mark.parametrize(
    "arguments",
    [
        ("adapt", "none.txt", "--backbone", "x", "--output", "y"),
        ("train", "none.jsonl", "--backbone", "x", "--output", "y"),
        ("train", "{pair}", "--backbone", "x", "--output", "y", "--recipe", "none"),
        ("train", "{pair}", "--backbone", "x", "--output", "y", "--set", "loss.kll=0"),
    ],
    ids=" ".join,
)
def test_a_wrong_command_line_of_training_is_told_before_torch_is_loaded(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    pair = write_pair(tmp_path)
    found = loaded_after(run_of(*(argument.format(pair=pair) for argument in arguments), code=2))
    assert found.isdisjoint(HEAVY)


@pytest.mark.cluster
def test_mining_by_bm25_without_a_teacher_needs_no_model(opensearch: str, index_name: str, tmp_path: Path) -> None:
    create_index(connect(opensearch), index_name, word_contract(), IndexOptions())
    where = ("--index", index_name, "--url", opensearch, "--output", str(tmp_path / "out.jsonl"))
    found = loaded_after(run_of("mine", write_pair(tmp_path), *where))
    assert (tmp_path / "out.jsonl").read_bytes().count(b"\n") == 1
    assert "opensearchpy" in found
    assert found.isdisjoint({"onnxruntime"} | HEAVY)


def write_pair(folder: Path) -> str:
    path = folder / "pairs.jsonl"
    path.write_bytes(b'{"query": "bread", "positive": "a loaf"}\n')
    return str(path)


@pytest.mark.model
def test_encoding_with_the_shipped_encoder_loads_no_training_library() -> None:
    if not (SHIPPED_ENCODER / "encoder.json").is_file():
        pytest.skip(f"there is no shipped encoder: {SHIPPED_ENCODER} is made by the export")
    found = loaded_after(
        "from csplade.commands.options import SHIPPED_ENCODER\n"
        "from csplade.pipelines.encode import Encoder\n"
        "encoder = Encoder.open(SHIPPED_ENCODER)\n"
        "assert [*encoder.queries(['fresh bread'])][0] and [*encoder.documents(['fresh bread'])][0]"
    )
    assert "onnxruntime" in found
    assert found.isdisjoint(HEAVY)
