"""The corpus of this Python: what must be in it, what must not, and that reading it does nothing else."""

import subprocess
import sys
from pathlib import Path

import pytest
from csplade.pipelines.docstrings import LONGEST_TEXT, Entry
from csplade.pipelines.errors import SourceError
from csplade.pipelines.standard_library import read_standard_library


@pytest.fixture(scope="module")
def corpus() -> dict[str, Entry]:
    return {item.id: item for item in read_standard_library()}


KNOWN = {
    # A builtin type's method, from C; from another type; a static method; a function.
    "str.removeprefix": "Return a str with the given prefix string removed if present.",
    "dict.setdefault": "Insert key with a value of default if key is not in the dictionary.",
    "str.maketrans": "Return a translation table usable for str.translate().",
    "sorted": "Return a new list containing all items from the iterable in ascending order.",
    # Modules, from C and from source; a module of a package.
    "math": "This module provides access to the mathematical functions",
    "shutil": "Utility functions for copying and archiving files and directory trees.",
    "urllib.parse": "Parse (absolute and relative) URLs.",
    # Functions and classes from source, from C, and those whose source has another name.
    "shutil.rmtree": "Recursively delete a directory tree.",
    "itertools.pairwise": "Return an iterator of overlapping pairs taken from the input iterator.",
    "os.path.basename": "Returns the final component of a pathname.",
    "os.path.exists": "Test whether a path exists.",
    "os.path.splitext": "Split the extension from a pathname.",
    "os.listdir": "Return a list containing the names of the files in the directory.",
    "collections.deque.rotate": "Rotate the deque n steps to the right",
    "datetime.date.isoformat": "Return the date formatted according to ISO.",
    # Under the name of the package that offers them, though written in a module of it, even a private one.
    "asyncio.gather": "Return a future aggregating results from the given coroutines/futures.",
    "json.JSONEncoder.encode": "Return a JSON string representation of a Python data structure.",
    "unittest.TestCase.assertEqual": "Fail if the two objects are unequal",
    "concurrent.futures.as_completed": "An iterator over the given futures that yields each as it completes.",
    "tomllib.loads": "Parse TOML from a string.",
    # A name that depends on the platform; a short text; two functions with one text.
    "shutil.disk_usage": "Return disk usage statistics about the given path.",
    "uuid.uuid4": "Generate a random UUID.",
    "tempfile.NamedTemporaryFile": "Create and return a temporary file.",
    "tempfile.TemporaryFile": "Create and return a temporary file.",
}


@pytest.mark.parametrize("identity", KNOWN)
def test_known_entries_are_there(corpus: dict[str, Entry], identity: str) -> None:
    assert corpus[identity].text.startswith(KNOWN[identity])


def test_there_are_a_few_thousand_short_entries(corpus: dict[str, Entry]) -> None:
    assert 2500 <= len(corpus) <= 3500
    words = [len(item.searchable.split()) for item in corpus.values()]
    assert sum(words) / len(words) < 30
    assert max(len(item.text) for item in corpus.values()) <= LONGEST_TEXT
    assert not any("\n" in item.text or "  " in item.text for item in corpus.values())


def test_reading_twice_gives_the_same_in_the_order_of_ids(corpus: dict[str, Entry]) -> None:
    again = read_standard_library()
    assert [item.id for item in again] == sorted(corpus)
    assert list(again) == list(corpus.values())


def test_no_text_is_there_twice_under_one_name(corpus: dict[str, Entry]) -> None:
    same = {(item.id.rpartition(".")[2], item.text) for item in corpus.values()}
    assert len(same) == len(corpus)
    assert "queue.Queue.put" in corpus


def test_no_private_names_and_no_aliases(corpus: dict[str, Entry]) -> None:
    assert [name for name in corpus if name.startswith("_") or "._" in name] == []
    assert "OSError" in corpus
    assert {"IOError", "EnvironmentError", "os.error"}.isdisjoint(corpus)


@pytest.mark.parametrize("name", ["test", "idlelib", "lib2to3", "tkinter", "this", "antigravity", "posixpath", "posix"])
def test_no_tests_programs_and_side_effects(corpus: dict[str, Entry], name: str) -> None:
    assert [found for found in corpus if found == name or found.startswith(f"{name}.")] == []


def test_a_module_says_nothing_of_what_it_does_not_export(corpus: dict[str, Entry]) -> None:
    assert "subprocess.run" in corpus
    assert "subprocess.list2cmdline" not in corpus


PROGRAM = """
import sys
before = set(sys.modules)
from csplade.pipelines.standard_library import read_standard_library
read_standard_library()
print(*sorted(set(sys.modules) - before), file=sys.stderr)
"""


def test_reading_imports_no_module_that_has_a_source_and_prints_nothing() -> None:
    program = [sys.executable, "-W", "error", "-c", PROGRAM]
    done = subprocess.run(program, capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout == ""
    loaded = set(done.stderr.split())
    assert "itertools" in loaded | set(sys.builtin_module_names)
    assert loaded.isdisjoint({"this", "antigravity", "shutil", "asyncio", "webbrowser", "unittest", "json", "tkinter"})


def test_a_python_without_sources_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("sysconfig.get_path", lambda _name: str(tmp_path))
    with pytest.raises(SourceError, match="has no sources of its standard library"):
        read_standard_library()
