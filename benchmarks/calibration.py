"""What weighing queries for a collection gives: nDCG@10 by exact dot products, by share of the collection's own idf.

    python benchmarks/calibration.py ENCODER BEIR_FOLDER [BEIR_FOLDER...]

With share s a term's idf becomes idf^(1 - s) own^s, idf over broad text, own over the collection. `csplade calibrate`
takes a half of each. The literal path is that of the contract with all gates at 1, so that it needs no model.
"""

import random
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import fmean

import click
import numpy as np
from csplade.commands.output import notice, print_json, print_table
from csplade.pipelines.calibration import Calibration, calibration_of
from csplade.pipelines.contract import Literal, read_contract
from csplade.pipelines.development import Development, read_development
from csplade.pipelines.encode import Encoder
from csplade.pipelines.folder import Tables, read_tables
from csplade.pipelines.literal import document_weights, frequencies, query_weights
from csplade.pipelines.quantize_measure import Encoded, encoded, ndcg
from csplade.pipelines.sparse import SparseVector
from csplade.pipelines.words import find_words

SHARES = {
    "broad text alone": 0.0,
    "a quarter": 0.25,
    "a half": 0.5,
    "three quarters": 0.75,
    "the collection alone": 1.0,
}
"""Share of the collection's idf; a half is what is shipped."""
_SAMPLE = 500

Fit = Callable[[SparseVector], SparseVector]


def literal_vectors(development: Development, tables: Tables, literal: Literal) -> Encoded:
    """Return the vectors of the literal path alone, all gates at 1."""

    def counted(text: str) -> tuple[dict[str, float], int]:
        keys = find_words(text, literal.analysis).keys
        return frequencies(keys, np.ones(len(keys), dtype=np.float32)), len(keys)

    return Encoded(
        {
            key: SparseVector.from_pairs(document_weights(*counted(text), tables.idf, literal).items())
            for key, text in development.documents.items()
        },
        {
            key: SparseVector.from_pairs(query_weights(counted(text)[0], tables.idf, literal).items())
            for key, text in development.collection.queries.items()
        },
    )


def fits(development: Development, tables: Tables, literal: Literal) -> dict[str, Fit]:
    """Return by name what makes a query fit the collection."""
    texts = list(development.documents.values())
    whole = calibration_of(texts, tables.idf, literal)
    drawn = random.Random(0).sample(texts, min(_SAMPLE, len(texts)))
    found: dict[str, Fit] = {name: _power(whole, 2 * share) for name, share in SHARES.items()}
    found[f"a half, counted in {_SAMPLE} documents"] = calibration_of(drawn, tables.idf, literal).applied
    return found


def _power(calibration: Calibration, power: float) -> Fit:
    factors = {term: factor**power for term, factor in calibration.factors.items()}
    return Calibration(factors, calibration.other**power, calibration.documents).applied


def scores(vectors: Encoded, fitted: Mapping[str, Fit], development: Development) -> dict[str, float]:
    """Return nDCG@10 by the name of the fit."""
    return {
        name: ndcg(Encoded(vectors.documents, {key: fit(query) for key, query in vectors.queries.items()}), development)
        for name, fit in fitted.items()
    }


@click.command()
@click.argument("encoder", type=click.Path(path_type=Path, exists=True))
@click.argument("collections", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--most", default=100_000, show_default=True, help="Documents of one, at most; the judged ones always.")
@click.option("--literal-only", is_flag=True, help="Run no model.")
@click.option("--json", "as_json", is_flag=True)
def main(encoder: Path, collections: tuple[Path, ...], most: int, literal_only: bool, as_json: bool) -> None:
    """Print the tables."""
    contract, tables = read_contract(encoder), read_tables(encoder)
    if contract.literal is None:
        raise click.UsageError(f"{encoder} has no literal path")
    found: dict[str, dict[str, dict[str, float]]] = {"literal path": {}, contract.name: {}}
    for folder in collections:
        notice(f"measuring {folder.name}")
        development = read_development(folder, most)
        fitted = fits(development, tables, contract.literal)
        plain = literal_vectors(development, tables, contract.literal)
        found["literal path"][folder.name] = scores(plain, fitted, development)
        if not literal_only:
            found[contract.name][folder.name] = scores(encoded(Encoder.open(encoder), development), fitted, development)
    if as_json:
        print_json(found)
        return
    for what, each in found.items():
        _show(what, each)


def _show(what: str, each: dict[str, dict[str, float]]) -> None:
    if each:
        names = next(iter(each.values()))
        rows = [
            (name, *(one[name] for one in each.values()), fmean(one[name] for one in each.values())) for name in names
        ]
        print_table(f"nDCG@10 of {what}", ("share of the collection's idf", *each, "mean"), rows)


if __name__ == "__main__":
    main()
