"""What gates and expansion of an encoder are worth, by exact dot products, and how many terms they make of a text.

    python benchmarks/parts.py ENCODER BEIR_FOLDER [BEIR_FOLDER...]

The graph runs once for each text; what it said is changed for each row of the table. The literal path with all gates at
1 is BM25 with the encoder's idf over broad text.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

import click
import numpy as np
from csplade.commands.output import notice, print_json, print_table
from csplade.pipelines.contract import read_contract
from csplade.pipelines.development import Development, read_development
from csplade.pipelines.encode import Encoder
from csplade.pipelines.folder import MODEL_FILE, TOKENIZER_FILE, read_tables
from csplade.pipelines.graph import Graph, GraphOutput, Role, Runs
from csplade.pipelines.quantize_measure import encoded, ndcg
from csplade.pipelines.words import split_words
from numpy.typing import NDArray

Change = Callable[[GraphOutput, Role], GraphOutput]
_WHOLE = "gates and expansion"


class _Row(NamedTuple):
    term_ids: NDArray[np.int64]
    weights: NDArray[np.float32]
    gates: NDArray[np.float32]


class Remembered:
    """Runs a graph once for each text."""

    def __init__(self, graph: Runs) -> None:
        self._graph = graph
        self._rows: dict[tuple[Role, tuple[int, ...]], _Row] = {}

    def run(self, token_ids: Sequence[Sequence[int]], role: Role) -> GraphOutput:
        """Run the texts that were not run before."""
        keys = [(role, tuple(ids)) for ids in token_ids]
        fresh = [ids for _, ids in dict.fromkeys(key for key in keys if key not in self._rows)]
        if fresh:
            found = self._graph.run(fresh, role)
            for ids, *row in zip(fresh, found.term_ids, found.weights, found.gates, strict=True):
                self._rows[role, ids] = _Row(row[0], row[1], row[2][: len(ids)])
        rows = [self._rows[key] for key in keys]
        longest = max(map(len, token_ids))
        gates = np.stack([np.pad(row.gates, (0, longest - len(row.gates))) for row in rows])
        return GraphOutput(np.stack([row.term_ids for row in rows]), np.stack([row.weights for row in rows]), gates)


class Changed:
    """Runs a graph and changes what it says."""

    def __init__(self, graph: Runs, change: Change) -> None:
        self._graph, self._change = graph, change

    def run(self, token_ids: Sequence[Sequence[int]], role: Role) -> GraphOutput:
        """Run one batch of texts."""
        return self._change(self._graph.run(token_ids, role), role)


def _changed(output: GraphOutput, gate: float | None, expands: bool) -> GraphOutput:
    """Return the output with all gates set, if there is one, and without expansion, if there is to be none."""
    gates = output.gates if gate is None else np.full_like(output.gates, gate)
    return dataclasses.replace(
        output, gates=gates, weights=output.weights if expands else np.zeros_like(output.weights)
    )


ROWS: Mapping[str, Change] = {
    "literal path, all gates at 1": lambda output, _: _changed(output, 1.0, False),
    "with the trained gates": lambda output, _: _changed(output, None, False),
    "gates at 1, with the expansion": lambda output, _: _changed(output, 1.0, True),
    _WHOLE: lambda output, _: output,
    "the expansion alone": lambda output, _: _changed(output, 0.0, True),
    "gates and expansion, queries by table": lambda output, role: (
        output if role is Role.DOCUMENT else _changed(output, 1.0, False)
    ),
}


@dataclass(frozen=True)
class Measured:
    """What an encoder makes of a collection."""

    ndcg: Mapping[str, float]
    """For each of `ROWS`."""
    document_terms: float
    added_terms: float
    """Terms of a document that it does not hold itself."""
    query_terms: float


def measured(folder: Path, development: Development) -> Measured:
    """Encode a collection with and without each part."""
    contract, tables = read_contract(folder), read_tables(folder)
    tokenizer = (folder / TOKENIZER_FILE).read_text(encoding="utf-8")
    graph = Remembered(Graph.open(folder / MODEL_FILE))
    vectors = {
        name: encoded(Encoder(contract, tokenizer, Changed(graph, change), tables), development)
        for name, change in ROWS.items()
    }
    documents, queries = vectors[_WHOLE].documents, vectors[_WHOLE].queries
    assert contract.literal, "an encoder without a literal path has no parts"
    own = (split_words(text, contract.literal.analysis) for text in development.documents.values())
    added = [
        len(vector.weights.keys() - {word.key for word in words})
        for vector, words in zip(documents.values(), own, strict=True)
    ]
    return Measured(
        {name: ndcg(each, development) for name, each in vectors.items()},
        fmean(map(len, documents.values())),
        fmean(added),
        fmean(map(len, queries.values())),
    )


@click.command()
@click.argument("encoder", type=click.Path(path_type=Path, exists=True))
@click.argument("collections", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--most", default=100_000, show_default=True, help="Documents of one, at most; the judged ones always.")
@click.option("--json", "as_json", is_flag=True)
def main(encoder: Path, collections: tuple[Path, ...], most: int, as_json: bool) -> None:
    """Print the tables."""
    found: dict[str, Measured] = {}
    for folder in collections:
        notice(f"measuring {folder.name}")
        found[folder.name] = measured(encoder, read_development(folder, most))
    if as_json:
        print_json({name: dataclasses.asdict(each) for name, each in found.items()})
        return
    table = [(name, *(scores := [each.ndcg[name] for each in found.values()]), fmean(scores)) for name in ROWS]
    print_table("nDCG@10", ("", *found, "mean"), table)
    terms = [(name, *(f"{one:.0f}" for one in _terms(each))) for name, each in found.items()]
    print_table("Terms", ("", "of a document", "not its own", "of a query"), terms)


def _terms(each: Measured) -> tuple[float, float, float]:
    return each.document_terms, each.added_terms, each.query_terms


if __name__ == "__main__":
    main()
