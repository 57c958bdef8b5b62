"""nDCG@10 of each precision of one model on several judged collections, by exact dot products.

    python benchmarks/precisions.py TRAINED --work FOLDER COLLECTION...
    python benchmarks/precisions.py TRAINED --work FOLDER cranfield cisi cacm --precisions int8,int4 --json

TRAINED is a folder `model/` that `csplade train` wrote. In FOLDER it is exported and quantized, once; `encode.py` may
have done so. Nothing that is shown is timed, so other work beside it does no harm.
"""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import click
from csplade.benchmarks.encode_material import make
from csplade.commands.output import notice, print_json, print_table
from csplade.pipelines.development import read_development
from csplade.pipelines.quantize_kinds import Precision
from csplade.pipelines.quantize_measure import Measured, compared, lost

_EVERY = ",".join(each.value for each in Precision)


def table(found: Mapping[str, Sequence[Measured]]) -> list[tuple[object, ...]]:
    """Return a row for each precision: nDCG@10 and what is lost by collection, and the same of the means."""
    names = [each.precision for each in next(iter(found.values()))]
    exact = statistics.mean(rows[0].ndcg for rows in found.values())
    made: list[tuple[object, ...]] = []
    for place, name in enumerate(names):
        rows = [each[place] for each in found.values()]
        mean = statistics.mean(row.ndcg for row in rows)
        cells = [_cell(row.ndcg, row.loss, place) for row in rows]
        made.append((name, *cells, _cell(mean, lost(exact, mean), place), *_changes(rows)))
    return made


def _cell(ndcg: float, loss: float, place: int) -> str:
    return f"{ndcg:.4f} ({loss:+.2%})" if place else f"{ndcg:.4f}"


def _changes(rows: Sequence[Measured]) -> tuple[str, str]:
    """Return how far vectors are from the exact ones, and how many of ten heaviest terms they share with them."""
    difference = statistics.mean(row.difference for row in rows)
    overlap = statistics.mean(row.overlap for row in rows)
    return f"{difference:.2%}", f"{overlap:.1%}"


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("trained", type=click.Path(path_type=Path, exists=True))
@click.argument("collections", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--work", required=True, type=click.Path(path_type=Path), help="Where forms of the model are kept.")
@click.option("--most", default=2000, show_default=True, help="Documents of each, at most; the judged ones always.")
@click.option("--precisions", default=_EVERY, show_default=True)
@click.option("--json", "as_json", is_flag=True)
def main(trained: Path, collections: tuple[Path, ...], work: Path, most: int, precisions: str, as_json: bool) -> None:
    """Print the table."""
    work.mkdir(parents=True, exist_ok=True)
    folders = make(trained, work, [Precision(each) for each in precisions.split(",")]).folders
    found: dict[str, list[Measured]] = {}
    for collection in collections:
        notice(f"measuring nDCG@10 on {collection.name}")
        found[collection.name] = compared(folders, read_development(collection, most))
        notice("; ".join(f"{each.precision} {each.ndcg:.4f}" for each in found[collection.name]))
    if as_json:
        print_json({name: [asdict(each) for each in rows] for name, rows in found.items()})
    else:
        columns = ("precision", *found, "mean", "vectors apart", "same top 10")
        print_table("nDCG@10 (and what of float32's is lost)", columns, table(found))


if __name__ == "__main__":
    main()
