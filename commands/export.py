"""`csplade export`: from a trained model, ours or a published one, to an encoder folder.

With --json exactly one object

    {"output": folder, "layout": layout, "fingerprint": text, "terms": number, "golden": number, "largest": number,
     "largest_weight": number, "overlap": number, "pruned": {kind: number}}

where `largest` is the largest distance of vectors from those of the torch model, of golden texts and of two that are as
long as the model reads, `largest_weight` the largest difference of a term's weights, and `overlap` the least share of
such a vector's ten heaviest terms that the folder's vector has among its own ten.
"""

from collections.abc import Mapping
from pathlib import Path

import click
from csplade.commands.given import check_folder
from csplade.commands.options import json_option
from csplade.commands.output import notice, print_json, print_table
from csplade.pipelines.errors import MissingExtraError, UsageError
from csplade.pipelines.layout_kinds import Layout
from csplade.pipelines.prune_kinds import Pruned

_COUNT = click.IntRange(min=1)


@click.command("export")
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--output", required=True, type=click.Path(path_type=Path), metavar="FOLDER", help="A new folder.")
@click.option(
    "--int8",
    is_flag=True,
    help="Round weights to int8: a quarter of the size. What that costs in nDCG@10 is not measured here; "
    "`csplade quantize --precision int8-weights` measures it, and refuses what costs too much.",
)
@click.option(
    "--layout",
    type=click.Choice([each.value for each in Layout]),
    help="Whose layout MODEL has. Default: read from its files.",
)
@click.option("--name", help="Name in the contract. Default: that of the folder --output.")
@click.option("--licence", help="Licence in the contract and the model card.")
@click.option("--base", metavar="MODEL", help="Base model of an adapter. Default: the one that the adapter names.")
@click.option("--tokenizer", type=click.Path(path_type=Path), metavar="FOLDER", help="Where the tokenizer is.")
@click.option("--bos/--no-bos", default=None, help="Put BOS before each text (laconic and lion only).")
@click.option("--query-prefix", metavar="TEXT", help="What stands before each query.")
@click.option("--document-prefix", metavar="TEXT", help="What stands before each document.")
@click.option("--query-tokens", type=_COUNT, metavar="N", help="Tokens read of a query, at most.")
@click.option("--document-tokens", type=_COUNT, metavar="N", help="Tokens read of a document, at most.")
@click.option("--query-terms", type=_COUNT, metavar="N", help="Expansion terms kept of a query, at most.")
@click.option("--document-terms", type=_COUNT, metavar="N", help="Expansion terms kept of a document, at most.")
@click.option(
    "--prune",
    multiple=True,
    type=click.Choice([each.value for each in Pruned]),
    help="Vocabulary that is to be no term: special pieces, ids that no piece has, pieces of single bytes and broken "
    "letters. May be given several times; only where terms are pieces.",
)
@click.option("--opset", type=click.IntRange(17, 20), default=18, show_default=True, help="ONNX version of operators.")
@click.option(
    "--standard-operators",
    is_flag=True,
    help="Use no operator of ONNX Runtime's own: for other runtimes, and for float32 on a GPU. Slower on a processor.",
)
@json_option
def command(
    model: Path,
    output: Path,
    int8: bool,
    layout: str | None,
    name: str | None,
    licence: str | None,
    base: str | None,
    tokenizer: Path | None,
    bos: bool | None,
    query_prefix: str | None,
    document_prefix: str | None,
    query_tokens: int | None,
    document_tokens: int | None,
    query_terms: int | None,
    document_terms: int | None,
    prune: tuple[str, ...],
    opset: int,
    standard_operators: bool,
    as_json: bool,
) -> None:
    """Export the trained model in the folder MODEL to an encoder folder.

    MODEL is what csplade train wrote, a sentence-transformers SparseEncoder, a SPLADE-style masked language model,
    OpenSearch's doc-only model with its query weights, or LACONIC or Lion, whole or as an adapter. The options from
    --bos on change how the layout says that texts are read; the vectors are then no longer its makers'.

    \b
    Example:
      csplade export runs/first --output my-encoder
      csplade export runs/first --output my-encoder --int8 --licence Apache-2.0
      csplade export laconic-1b --tokenizer Llama-3.2-1B --output laconic --prune special --prune unused
    """
    if output.resolve() == model.resolve():
        raise UsageError(f"{output} is the model itself: name a new folder")
    check_folder(model, "MODEL, the folder of a trained model")
    check_folder(tokenizer, "--tokenizer")
    try:
        from csplade.pipelines.export_folder import GraphOptions, check_output, export_folder
        from csplade.pipelines.layout_policy import LayoutPolicy
        from csplade.pipelines.layouts import detect, read_layout
        from csplade.pipelines.prune import prune_terms
    except ModuleNotFoundError as error:
        raise MissingExtraError(error.name or "torch", "export") from error
    check_output(output)
    policy = LayoutPolicy(
        name=name or output.resolve().name,
        licence=licence,
        base=base,
        tokenizer=tokenizer,
        bos=bos,
        query_prefix=query_prefix,
        document_prefix=document_prefix,
        query_tokens=query_tokens,
        document_tokens=document_tokens,
        query_terms=query_terms,
        document_terms=document_terms,
    )
    kind = Layout(layout) if layout else detect(model)
    trained = read_layout(model, kind, policy)
    kinds = [Pruned(each) for each in prune]
    trained, counts = prune_terms(trained, kinds)
    for each, count in counts.items():
        notice(f"{count} of {len(trained.terms)} vocabulary ids are {each.said}, and no terms any more.")
    notice(f"{model} is read as {kind.value}; writing {output} takes a while.")
    exported = export_folder(trained, output, int8, graph=GraphOptions(opset, not standard_operators))
    told = {
        "output": str(output),
        "layout": kind.value,
        "fingerprint": exported.contract.fingerprint,
        "terms": len(trained.terms) - sum(counts.values()),
        "pruned": {each.value: count for each, count in counts.items()},
        "golden": len(exported.drifts),
        "largest": max(drift.distance for drift in exported.drifts),
        "largest_weight": max(drift.weight for drift in exported.drifts),
        "overlap": min(drift.shared for drift in exported.drifts),
    }
    if as_json:
        print_json(told)
    else:
        _print(told, counts)
    if int8:
        notice(
            "What int8 costs in nDCG@10 was not measured: `csplade quantize --precision int8-weights --collection "
            "FOLDER` does, from an export without --int8."
        )


def _print(told: Mapping[str, object], counts: Mapping[Pruned, int]) -> None:
    """Print the same as a table, in words."""
    names = {
        "pruned": "pruned terms",
        "golden": "texts compared",
        "largest": "largest distance from torch",
        "largest_weight": "largest weight difference",
        "overlap": "same top 10, at least",
    }
    shown = {
        **told,
        "pruned": ", ".join(f"{count} {each}" for each, count in counts.items()) or "none",
        "largest": f"{told['largest']:.2g}",
        "largest_weight": f"{told['largest_weight']:.2g}",
        "overlap": f"{told['overlap']:.0%}",
    }
    print_table("", ("exported", "value"), [(names.get(name, name), value) for name, value in shown.items()])
