"""`csplade encode`: texts from files into sparse vectors, for use elsewhere or for `csplade ingest --vectors`."""

from pathlib import Path

import click
from csplade.commands.encode_choices import EncodeChoices, encode_options
from csplade.commands.engine_options import LOCAL
from csplade.commands.options import encoder_option, json_option
from csplade.pipelines.errors import UsageError


@click.command("encode")
@click.argument("sources", metavar="SOURCE...", nargs=-1, required=True)
@encode_options
@encoder_option
@json_option
def command(sources: tuple[str, ...], choices: EncodeChoices, encoder_folder: Path, as_json: bool) -> None:
    """Encode the texts of each SOURCE, and write a line of JSON for each: its id, and its vector of terms and weights.

    SOURCE is a file of JSON lines, CSV or TSV (.gz as well), a Parquet file, a BEIR folder, or - for standard input.
    With --output the file is whole or not there: a run that was stopped or killed leaves FILE.part, and the same
    command goes on in it. The summary goes to standard output with --output, else to standard error.

    \b
    Example:
      csplade encode articles.jsonl --output vectors.jsonl
      csplade encode questions.tsv --role query --id-field number --text-fields question
      zcat articles.jsonl.gz | csplade encode - | gzip > vectors.jsonl.gz
      csplade encode articles.parquet --output vectors.parquet --json
      csplade encode books.jsonl --stride 192 --deterministic --output books.vectors.jsonl
      csplade encode part-*.parquet --engine ray --workers 4 --gpus-per-worker 1 --output vectors
    """
    choices.check()
    if choices.output is not None and not choices.output.parent.is_dir():
        raise UsageError(f"there is no folder {choices.output.parent} for the vectors: create it, or name another")
    if choices.engine == LOCAL:
        from csplade.commands.encode_run import encode_here

        encode_here(sources, choices, encoder_folder, as_json)
    else:
        from csplade.commands.encode_spread import encode_on_ray

        encode_on_ray(sources, choices, encoder_folder, as_json)
