"""Ordinary programs of several languages, in `stock/`, which are run against the cluster and through the gateway."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson
from csplade.integration.clauses import sparse_clause
from csplade.integration.dialect import Dialect
from csplade.tests.gateway_searches import Json
from csplade.tests.gateway_shape import shape
from csplade.tests.word_encoder import word_vector
from opensearchpy import OpenSearch

TEXT = "fresh salted bread"
"""What all of them search for."""
_FOLDER = Path(__file__).parent / "stock"
_START: dict[str, Callable[[Path], Sequence[str]]] = {
    ".py": lambda folder: (sys.executable,),
    ".mjs": lambda folder: ("node",),
    ".java": lambda folder: ("java", "-cp", f"{folder}/*"),
}


@dataclass(frozen=True)
class Program:
    """A program that is given an address and the name of an index, and writes one JSON object."""

    file: str
    line: str
    """Of the servers that it is for."""
    fetch: Callable[..., Path] | None = None
    """What fetches its packages; None: they are installed."""
    packages: tuple[str, ...] = ()

    def run(self, url: str, index: str, given: str = "") -> Json:
        """Return what it writes, which is what `compare` reads; `given`: its input."""
        folder = _FOLDER if self.fetch is None else self.fetch(*self.packages)
        done = subprocess.run(
            [*_START[Path(self.file).suffix](folder), str(_FOLDER / self.file), url, index],
            cwd=folder,
            input=given,
            env={**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        found: Json = orjson.loads(done.stdout)
        return found


def compare(direct: Json, through: Json, weights: Mapping[str, Mapping[str, float]]) -> None:
    """Check that only the order of hits tells where a program was pointed; `weights` are those of each document."""
    assert through["same"] == direct["same"]
    assert shape(through["answers"]) == shape(direct["answers"])
    compare_shown(direct["shown"], through["shown"])
    assert len(through["ids"]) == len(direct["ids"]) == 20
    compare_order(direct["ids"], through["ids"], weights)


def compare_shown(direct: Mapping[str, object], through: Mapping[str, object]) -> None:
    """Check what hits show of themselves, such as their highlights: something each, and of the same hit the same."""
    assert all([*direct.values(), *through.values()])
    both = direct.keys() & through.keys()
    assert both
    assert {name: through[name] for name in both} == {name: direct[name] for name in both}


def compare_order(direct: Sequence[str], through: Sequence[str], weights: Mapping[str, Mapping[str, float]]) -> None:
    """Check that hits come in the order of their documents' `weights` through the gateway, and only there."""
    scores, others = (_scores(ids, weights) for ids in (through, direct))
    assert scores == sorted(scores, reverse=True)
    assert others != sorted(others, reverse=True)
    assert sum(scores) > sum(others)


def weighed_hits(client: OpenSearch, index: str, dialect: Dialect) -> list[str]:
    """Return what the weights of the text find that all programs write, which has no word of another document."""
    client.indices.refresh(index=index)
    query = sparse_clause(word_vector("written by a stock client"), dialect)
    return [hit["_id"] for hit in client.search(index=index, body={"query": query})["hits"]["hits"]]


def _scores(ids: Sequence[str], weights: Mapping[str, Mapping[str, float]]) -> list[float]:
    """Return the dot products by which hits have to be in order."""
    wanted = word_vector(TEXT)
    return [sum(weight * weights.get(name, {}).get(term, 0.0) for term, weight in wanted) for name in ids]
