"""`csplade mine`: training pairs and a live index become triples with hard negatives, one JSON line each.

Each line of the output is training data:

    {"query": text, "positive": text, "negatives": [text, ...], "scores": [number, ...]}

with the teacher's scores, the positive's first, or without `scores` where no teacher was asked, and without `negatives`
where none was found. With --json exactly one object is printed; what concerns earlier lines is `kept` only:

    {"output": path, "kept": number, "pairs": number, "negatives_per_pair": number, "false_negatives": number,
     "without_negatives": number, "repeated": number}
"""

import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click
from csplade.commands.connection import cluster_options, open_cluster
from csplade.commands.options import encoder_option, index_option, json_option
from csplade.commands.output import notice, print_json, print_table
from csplade.commands.search_options import MODES
from csplade.integration.query import Mode, Question
from csplade.pipelines.errors import CspladeError, UsageError

if TYPE_CHECKING:
    from csplade.integration.mine import Mined, MineOptions
    from csplade.integration.mine_output import Earlier
    from csplade.pipelines.teacher import Teacher
    from csplade.pipelines.training_data import Example
    from opensearchpy import OpenSearch


@click.command("mine")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PAIRS...")
@index_option
@click.option(
    "--output", required=True, type=click.Path(path_type=Path), metavar="FILE", help="The file of JSON lines to write."
)
@click.option("--resume", is_flag=True, help="Continue the output of a stopped run.")
@click.option(
    "--split", default="train", show_default=True, metavar="NAME", help="Of a BEIR folder: read qrels/NAME.tsv."
)
@click.option("--mode", default="bm25", show_default=True, type=click.Choice(MODES), help="What the index is asked by.")
@click.option(
    "--negatives", default=15, show_default=True, type=click.IntRange(min=1), help="Negatives per pair at most."
)
@click.option(
    "--depth",
    default=100,
    show_default=True,
    type=click.IntRange(1, 10_000),
    help="Hits of a query to look at; a teacher scores each.",
)
@click.option(
    "--skip-top",
    default=0,
    show_default=True,
    type=click.IntRange(min=0),
    metavar="N",
    help="Leave out the N best hits, the positives not counted: perhaps they answer the query as well.",
)
@click.option(
    "--teacher",
    "teachers",
    multiple=True,
    metavar="SPEC",
    help="dense:FOLDER, cross-encoder:FOLDER or bm25 (idf of the encoder); several with @WEIGHT behind them are a mix. "
    "It scores what is written, and leaves false negatives out.",
)
@click.option(
    "--margin",
    default=0.95,
    show_default=True,
    type=click.FloatRange(min=0, min_open=True),
    help="A hit is a false negative from this share of the positive's score on; with --teacher.",
)
@cluster_options
@encoder_option
@json_option
def command(
    paths: tuple[Path, ...],
    index: str,
    output: Path,
    resume: bool,
    split: str,
    mode: str,
    negatives: int,
    depth: int,
    skip_top: int,
    teachers: tuple[str, ...],
    margin: float,
    url: str | None,
    ca_certs: Path | None,
    encoder_folder: Path,
    as_json: bool,
) -> None:
    """Mine hard negatives for training from a live index.

    PAIRS are what `csplade data` reads; negatives that they hold already are not taken over. Ingest documents as they
    stand in the pairs, or a positive would be found and not be known as one.

    \b
    Example:
      csplade mine pairs.jsonl --index articles --output triples.jsonl
      csplade mine pairs.jsonl --index articles --output scored.jsonl --teacher dense:minilm --teacher bm25@0.3
      csplade mine pairs.jsonl --index articles --output harder.jsonl --mode sparse --encoder first-model --skip-top 2
    """
    from csplade.integration.mine import MineOptions
    from csplade.integration.mine_output import find_earlier
    from csplade.pipelines.teacher import parse_specs

    options = MineOptions(index, Mode(mode), negatives, depth, skip_top, margin)
    if teachers:
        parse_specs(teachers)
    _check_output(output, paths)
    earlier = find_earlier(output, resume, scored=bool(teachers))
    examples, repeated = _examples(paths, split)
    client = open_cluster(url, ca_certs)
    _check_index(client, options, encoder_folder)
    teacher = _teacher(teachers, encoder_folder)
    tally = _run(client, examples, encoder_folder, options, teacher, output, earlier)
    _print(tally, output, 0 if earlier is None else len(earlier.done), repeated, as_json)


def _check_output(output: Path, paths: Iterable[Path]) -> None:
    if any(path.exists() and output.exists() and output.samefile(path) for path in paths):
        raise UsageError(f"{output} cannot be read and written at once: name another --output")


def _examples(paths: Iterable[Path], split: str) -> "tuple[list[Example], int]":
    """Return the examples, each pair once, and how many more there were."""
    from csplade.pipelines.training_data import read_examples

    read = 0
    distinct: dict[tuple[str, str], Example] = {}
    for example in read_examples(tuple(paths), split):
        read += 1
        distinct.setdefault(_pair(example), example)
    return list(distinct.values()), read - len(distinct)


def _pair(example: "Example") -> tuple[str, str]:
    return example.query, example.documents[0]


def _check_index(client: "OpenSearch", options: "MineOptions", encoder_folder: Path) -> None:
    from csplade.integration.index import require_index
    from csplade.pipelines.contract import read_contract

    require_index(client, options.index, read_contract(encoder_folder) if options.mode.needs_vector else None)


def _teacher(specs: tuple[str, ...], encoder_folder: Path) -> "Teacher | None":
    from csplade.pipelines.teacher import BM25, open_teacher, parse_specs

    if not specs:
        return None
    if all(spec.kind != BM25 for spec in parse_specs(specs)):
        return open_teacher(specs)
    from csplade.pipelines.contract import read_contract
    from csplade.pipelines.folder import read_tables

    literal = read_contract(encoder_folder).literal
    if literal is None:
        raise UsageError(
            f"the teacher bm25 needs idf of words, and {encoder_folder} has none: name another encoder with --encoder "
            "or another teacher"
        )
    return open_teacher(specs, read_tables(encoder_folder).idf, literal.default_idf)


def _run(
    client: "OpenSearch",
    examples: "list[Example]",
    encoder_folder: Path,
    options: "MineOptions",
    teacher: "Teacher | None",
    output: Path,
    earlier: "Earlier | None",
) -> Counter[str]:
    """Write the examples that are not there yet; whatever stops it, say how to go on."""
    from csplade.integration.mine import mine, positives_of
    from csplade.integration.mine_output import open_output

    rest = [example for example in examples if earlier is None or _pair(example) not in earlier.done]
    asked = _asked(rest, encoder_folder if options.mode.needs_vector else None)
    tally = Counter[str]()
    with open_output(output, earlier) as file:
        try:
            for mined in _watched(mine(client, asked, positives_of(examples), options, teacher), len(rest)):
                file.add(mined)
                tally.update(_counts(mined))
        except (CspladeError, KeyboardInterrupt):
            notice(f"{tally['pairs']} pairs are written. The same command with --resume goes on behind them.")
            raise
    return tally


def _asked(examples: "list[Example]", encoder_folder: Path | None) -> "Iterator[tuple[Example, Question]]":
    """Give each example its question, with the vector if there is an encoder."""
    if encoder_folder is None:
        yield from ((example, Question(example.query)) for example in examples)
        return
    from csplade.pipelines.encode import Encoder

    vectors = Encoder.open(encoder_folder).queries(example.query for example in examples)
    for example, vector in zip(examples, vectors, strict=True):
        yield example, Question(example.query, vector)


def _counts(mined: "Mined") -> dict[str, int]:
    return {
        "pairs": 1,
        "negatives": len(mined.negatives),
        "false_negatives": mined.false_negatives,
        "without_negatives": int(not mined.negatives),
    }


def _watched(items: "Iterator[Mined]", total: int) -> "Iterator[Mined]":
    """Pass items through behind a progress bar."""
    from tqdm import tqdm

    # disable=None: no bar where standard error is not a terminal.
    yield from tqdm(items, desc="mine", total=total, unit=" pairs", disable=None, file=sys.stderr)


def _print(tally: Counter[str], output: Path, kept: int, repeated: int, as_json: bool) -> None:
    pairs, without = tally["pairs"], tally["without_negatives"]
    each = tally["negatives"] / pairs if pairs else 0.0
    if as_json:
        print_json(
            {
                "output": str(output),
                "kept": kept,
                "pairs": pairs,
                "negatives_per_pair": each,
                "false_negatives": tally["false_negatives"],
                "without_negatives": without,
                "repeated": repeated,
            }
        )
    else:
        columns = ("output", "pairs", "negatives each", "false negatives left out", "pairs without any")
        print_table("", columns, [(str(output), pairs, each, tally["false_negatives"], without)])
    if kept:
        notice(f"{kept} pairs were written by an earlier run.")
    if repeated:
        notice(f"{repeated} pairs came more than once; each is written once.")
    if without:
        notice(
            f"{without} pairs have no negative and are written as pairs: look deeper with --depth or another --mode."
        )
