"""`csplade mine`: training pairs and a live index become triples with hard negatives, one JSON line each.

Each line of the output is training data:

    {"query": text, "positive": text, "negatives": [text, ...], "scores": [number, ...]}

with the teacher's scores, the positive's first, or without `scores` where no teacher was asked, and without `negatives`
where none was found. With --json exactly one object is printed; what concerns earlier lines is `kept` only:

    {"output": path, "kept": number, "pairs": number, "negatives_per_pair": number, "false_negatives": number,
     "without_negatives": number, "short": number, "dropped": number, "repeated": number}

`pairs` are the lines that were written, `short` those of them with fewer than --negatives, `without_negatives` those
with none; `dropped` are the pairs that --drop-short left out.
"""

from collections import Counter
from pathlib import Path

import click
from csplade.commands.connection import Connection, cluster_options, open_cluster
from csplade.commands.given import check_files
from csplade.commands.options import encoder_option, index_option, json_option
from csplade.commands.output import notice, print_json, print_table
from csplade.commands.search_options import MODES
from csplade.integration.query import Mode
from csplade.pipelines.errors import UsageError
from csplade.pipelines.number_of import number_of


@click.command("mine")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PAIRS...")
@index_option
@click.option(
    "--output", required=True, type=click.Path(path_type=Path), metavar="FILE", help="The file of JSON lines to write."
)
@click.option("--resume", is_flag=True, help="Continue the output of a run with the same options.")
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
    "--drop-short",
    is_flag=True,
    help="Leave out pairs with fewer than --negatives, which a training that takes so many would refuse.",
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
    type=click.FloatRange(min=0, min_open=True),
    help="A hit is a false negative from this share of the positive's score on; with --teacher. Default: 0.95.",
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
    drop_short: bool,
    teachers: tuple[str, ...],
    margin: float | None,
    connection: Connection,
    encoder_folder: Path,
    as_json: bool,
) -> None:
    """Mine hard negatives for training from a live index.

    PAIRS are what `csplade data` reads; negatives that they hold already are not taken over. Ingest documents as they
    stand in the pairs, or a positive would be found and not be known as one.

    \b
    Example:
      csplade mine pairs.jsonl --index articles --output triples.jsonl
      csplade mine pairs.jsonl --index articles --output triples.jsonl --negatives 7 --drop-short
      csplade mine pairs.jsonl --index articles --output scored.jsonl --teacher dense:minilm --teacher bm25@0.3
      csplade mine pairs.jsonl --index articles --output harder.jsonl --mode sparse --encoder first-model --skip-top 2
    """
    from csplade.commands.mine_run import MineRun, distinct_examples, for_index, job_of, open_mine_teacher, run_mine
    from csplade.integration.mine import DEFAULT_MARGIN, MineOptions
    from csplade.integration.mine_job import check_job
    from csplade.integration.mine_output import find_earlier
    from csplade.pipelines.teacher import parse_specs

    if margin is not None and not teachers:
        raise UsageError("--margin is a share of a teacher's score: name a --teacher, or leave --margin out")
    options = MineOptions(index, Mode(mode), negatives, depth, skip_top, DEFAULT_MARGIN if margin is None else margin)
    if teachers:
        parse_specs(teachers)
    check_files(paths)
    if any(path.exists() and output.exists() and output.samefile(path) for path in paths):
        raise UsageError(f"{output} cannot be read and written at once: name another --output")
    least = negatives if drop_short else 0
    earlier = find_earlier(output, resume, scored=bool(teachers), least=least)
    job = job_of(options, teachers, encoder_folder)
    if earlier is not None and earlier.size:
        check_job(output, job)
    examples, repeated = distinct_examples(paths, split)
    client = open_cluster(connection)
    options = for_index(client, options, encoder_folder)
    teacher = open_mine_teacher(teachers, encoder_folder)
    tally = run_mine(MineRun(client, options, encoder_folder, teacher, output, earlier, job, least), examples)
    _print(tally, output, 0 if earlier is None else len(earlier.done), repeated, as_json)
    _advise(tally, negatives)


def _print(tally: Counter[str], output: Path, kept: int, repeated: int, as_json: bool) -> None:
    pairs = tally["pairs"]
    each = tally["negatives"] / pairs if pairs else 0.0
    if as_json:
        counts = {name: tally[name] for name in ("false_negatives", "without_negatives", "short", "dropped")}
        shown = {"output": str(output), "kept": kept, "pairs": pairs, "negatives_per_pair": each}
        print_json({**shown, **counts, "repeated": repeated})
    else:
        columns = ("output", "pairs", "negatives each", "false negatives left out", "pairs with fewer", "pairs dropped")
        counted = (tally["false_negatives"], tally["short"], tally["dropped"])
        print_table("", columns, [(str(output), pairs, each, *counted)])
    if kept:
        notice(f"{number_of(kept, 'pair was', 'pairs were')} written by an earlier run.")
    if repeated:
        notice(f"{number_of(repeated, 'pair')} came more than once; each is written once.")


def _advise(tally: Counter[str], negatives: int) -> None:
    """Say what to do about pairs for which too little was found."""
    deeper = "look deeper with --depth or another --mode"
    if tally["dropped"]:
        fewer = f"with fewer than {number_of(negatives, 'negative')}"
        left_out = number_of(tally["dropped"], f"pair {fewer} is", f"pairs {fewer} are")
        notice(f"{left_out} left out: {deeper} to keep more.")
    if tally["short"]:
        notice(
            f"{number_of(tally['short'], 'pair has', 'pairs have')} fewer than {number_of(negatives, 'negative')}, "
            f"{tally['without_negatives']} of them none; a training that takes {negatives} refuses the file: "
            f"{deeper}, or leave them out with --drop-short."
        )
