"""`csplade adapt`: a language model and plain text in, a language model ready for sparse retrieval out.

With --json exactly one object, also when the run was stopped; loss, clm, relu and positive are of the last step, null
if there was none to do:

    {"output": text, "steps": number, "finished": true | false, "sequences": number, "loss": number | null,
     "clm": number | null, "relu": number | null, "positive": number | null, "seconds": number}
"""

import sys
import zlib
from collections.abc import Callable, Iterable
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from csplade.commands.given import OnlyWith, check_files, check_looked_at
from csplade.commands.options import json_option
from csplade.commands.output import notice, print_json, print_table
from csplade.pipelines.adapt_options import AdaptOptions
from csplade.pipelines.attention_kinds import Attention
from csplade.pipelines.errors import UsageError
from csplade.pipelines.training_options import Tuned

if TYPE_CHECKING:
    import numpy as np
    from csplade.pipelines.adapt import AdaptReport
    from numpy.typing import NDArray
    from tokenizers import Tokenizer
    from transformers import PreTrainedModel

_DEFAULT = AdaptOptions()
_SAME_WEIGHTS = ("save_every", "micro_batch", "checkpointing")
"""Options that a resumed adaptation may change."""
_LOOKED_AT = (
    OnlyWith("lora_rank", "tuned", (Tuned.LORA.value,)),
    OnlyWith("top_layers", "tuned", (Tuned.TOP.value,)),
    OnlyWith("mask_share", "attention", (Attention.BIDIRECTIONAL.value,)),
    OnlyWith("mask_token", "attention", (Attention.BIDIRECTIONAL.value,)),
)
_Command = TypeVar("_Command", bound=Callable[..., object])


def _setting(flag: str, kind: "click.ParamType[Any]", about: str) -> Callable[[_Command], _Command]:
    """Return the option for a field of `AdaptOptions`, with its default."""
    default = getattr(_DEFAULT, flag.removeprefix("--").replace("-", "_"))
    # The name that is typed, not the member's.
    shown = default.value if isinstance(default, StrEnum) else default
    return click.option(flag, default=shown, show_default=True, type=kind, help=about)


@click.command("adapt")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PATH...")
@click.option("--backbone", required=True, metavar="SPEC", help="Hub id, model folder, or .gguf file.")
@click.option("--output", required=True, type=click.Path(path_type=Path), metavar="FOLDER", help="Where it is written.")
@click.option(
    "--text-fields", default=None, metavar="NAMES", help="Of a record, joined. Default: title,text, else positive."
)
@_setting("--steps", click.IntRange(1), "Batches to learn from.")
@_setting("--batch", click.IntRange(1), "Sequences per step.")
@_setting("--length", click.IntRange(2), "Tokens per sequence.")
@_setting("--micro-batch", click.IntRange(0), "Sequences per pass; 0 for the batch at once.")
@_setting("--lambda-relu", click.FloatRange(0), "Weight of L_relu.")
@_setting(
    "--learning-rate",
    click.FloatRange(0, min_open=True),
    "The largest, at the end of the warm-up; then a cosine falls to 0.",
)
@_setting("--warm-up", click.FloatRange(0, 1), "Share of the steps.")
@_setting("--seed", click.IntRange(0, 2**31 - 1), "Another gives another order.")
@_setting(
    "--attention",
    click.Choice([Attention.CAUSAL.value, Attention.BIDIRECTIONAL.value]),
    "Bidirectional models predict hidden tokens.",
)
@_setting("--mask-share", click.FloatRange(0, 1, min_open=True), "Tokens hidden, with --attention bidirectional.")
@click.option(
    "--mask-token", default=None, metavar="PIECE", help="Hides tokens, likewise. Default: the tokenizer's own, else _."
)
@_setting(
    "--tuned",
    click.Choice([each.value for each in Tuned]),
    "All weights, adapters beside them that are merged at the end, or the last layers.",
)
@_setting("--lora-rank", click.IntRange(1), "With --tuned lora.")
@_setting("--top-layers", click.IntRange(1), "Layers, with --tuned top.")
@_setting("--save-every", click.IntRange(1), "Steps between checkpoints.")
@click.option("--checkpointing", is_flag=True, help="Compute activations again in the backward pass: less memory.")
@click.option("--bf16", is_flag=True, help="Compute in bfloat16; on a processor without it in float32.")
@click.option("--resume", is_flag=True, help="Go on with what --output holds.")
@json_option
def command(
    paths: tuple[Path, ...],
    backbone: str,
    output: Path,
    text_fields: str | None,
    mask_token: str | None,
    steps: int,
    batch: int,
    length: int,
    micro_batch: int,
    lambda_relu: float,
    learning_rate: float,
    warm_up: float,
    seed: int,
    attention: str,
    mask_share: float,
    tuned: str,
    lora_rank: int,
    top_layers: int,
    save_every: int,
    checkpointing: bool,
    bf16: bool,
    resume: bool,
    as_json: bool,
) -> None:
    """Adapt a language model to sparse retrieval, before it is trained.

    PATH is a text file (.txt, blank lines between texts), a file of JSON lines or CSV (.gz as well), a BEIR folder, or
    - for JSON lines on standard input; they are read in their order, as far as the steps need. FOLDER becomes a model
    folder that `csplade train --backbone` takes. Ctrl-C leaves a checkpoint.

    \b
    Example:
      csplade adapt notes.txt corpus.jsonl.gz --backbone HuggingFaceTB/SmolLM2-135M --output adapted
      csplade adapt pairs.jsonl --backbone SmolLM2.gguf --output adapted --length 128 --batch 8 --steps 200
      csplade adapt scifact --backbone ./llama --attention bidirectional --output adapted --resume
    """
    fields = _fields(text_fields)
    check_files(paths)
    check_looked_at(_LOOKED_AT)
    options = AdaptOptions(
        steps=steps,
        batch=batch,
        length=length,
        lambda_relu=lambda_relu,
        learning_rate=learning_rate,
        warm_up=warm_up,
        seed=seed,
        attention=Attention(attention),
        mask_share=mask_share,
        tuned=Tuned(tuned),
        lora_rank=lora_rank,
        top_layers=top_layers,
        save_every=save_every,
        micro_batch=micro_batch,
        checkpointing=checkpointing,
        bf16=bf16,
    )
    # It loads torch, which takes seconds: what is wrong with a command line is told before.
    from csplade.pipelines.devices import check_alone
    from csplade.pipelines.folder_lock import locked

    check_alone()
    with locked(output):
        report, sequences = _adapt(paths, fields, backbone, mask_token, options, output, resume)
    _print(report, sequences, output, as_json)
    if not report.finished:
        notice(f"Stopped after step {report.steps} of {options.steps}. The same command with --resume goes on.")
        raise click.Abort


def _adapt(
    paths: tuple[Path, ...],
    fields: tuple[str, ...],
    backbone: str,
    mask_token: str | None,
    options: AdaptOptions,
    output: Path,
    resume: bool,
) -> "tuple[AdaptReport, int]":
    """Return how the adaptation ended, and how many sequences there were to read."""
    from csplade.pipelines.adapt import check_options
    from csplade.pipelines.adapt_folder import check_free, claim, write_model
    from csplade.pipelines.adapt_texts import read_texts
    from csplade.pipelines.adapt_tokens import end_of_text, mask_id
    from csplade.pipelines.backbone import open_language_model
    from csplade.pipelines.fingerprint import weights_digest

    check_free(output, resume)
    texts = read_texts(paths, fields)
    model, tokenizer = open_language_model(backbone)
    check_options(options, model)
    hidden = mask_id(tokenizer, mask_token) if options.attention is Attention.BIDIRECTIONAL else 0
    separator = end_of_text(model, tokenizer, backbone)
    sequences = _packed(texts, tokenizer.backend_tokenizer, separator, options)
    fingerprint = _fingerprint({"name": backbone, "weights": weights_digest(model)}, options, sequences, hidden)
    claim(output, resume, fingerprint)
    report = _run(model, sequences, hidden, options, output, fingerprint)
    if report.finished:
        write_model(output, model, tokenizer)
    return report, len(sequences)


def _packed(texts: Iterable[str], tokenizer: "Tokenizer", separator: int, options: AdaptOptions) -> "NDArray[np.int32]":
    """Pack as many sequences as the steps read once each, behind a progress bar, and read no further."""
    from csplade.pipelines.packing import pack
    from tqdm import tqdm

    most = options.steps * options.batch
    # disable=None: no bar where standard error is not a terminal.
    with tqdm(desc="texts", total=most, unit=" sequences", disable=None, file=sys.stderr) as bar:

        def show(rows: int) -> None:
            bar.update(rows - bar.n)

        return pack(texts, tokenizer, separator, options.length, most, show)


def _run(
    model: "PreTrainedModel",
    sequences: "NDArray[np.int32]",
    mask_id: int,
    options: AdaptOptions,
    output: Path,
    fingerprint: dict[str, Any],  # Any: JSON values
) -> "AdaptReport":
    """Adapt behind a progress bar; Ctrl-C ends it after the step that runs."""
    from csplade.pipelines.adapt import AdaptStep, Place, adapt, device_here
    from csplade.pipelines.adapt_folder import CHECKPOINTS
    from csplade.pipelines.checkpoints import Checkpoints
    from csplade.pipelines.precision import FLOAT_INSTEAD, multiplies_bf16
    from csplade.pipelines.stopping import StopSignal
    from csplade.pipelines.training_log import LOG_FILE
    from tqdm import tqdm

    if options.bf16 and not multiplies_bf16(device_here()):
        notice(FLOAT_INSTEAD)
    place = Place(Checkpoints(output / CHECKPOINTS, fingerprint, keep=2), output / LOG_FILE)
    # disable=None: no bar where standard error is not a terminal.
    with StopSignal() as signal, tqdm(total=options.steps, unit=" steps", disable=None, file=sys.stderr) as bar:

        def show(step: AdaptStep) -> None:
            bar.update(step.step - bar.n)
            bar.set_postfix_str(
                f"loss {step.loss:.3f}, L_CLM {step.clm:.3f}, L_relu {step.relu:.3f}, positive {step.positive:.3f}"
            )

        return adapt(model, sequences, mask_id, options, place, show, lambda: signal.asked)


def _fields(names: str | None) -> tuple[str, ...]:
    found = () if names is None else tuple(name.strip() for name in names.split(","))
    if not all(found):
        raise UsageError(f"--text-fields {names!r} must be names with commas between them, like title,body")
    return found


def _fingerprint(
    backbone: dict[str, str], options: AdaptOptions, sequences: "NDArray[np.int32]", mask_id: int
) -> dict[str, Any]:  # Any: JSON values
    chosen = {name: value for name, value in asdict(options).items() if name not in _SAME_WEIGHTS}
    texts = {"sequences": len(sequences), "checksum": f"{zlib.crc32(sequences.data):08x}"}
    return {"backbone": backbone, "options": chosen, "mask_id": mask_id, "texts": texts}


def _print(report: "AdaptReport", sequences: int, output: Path, as_json: bool) -> None:
    names = ("loss", "clm", "relu", "positive")
    values = [None if report.last is None else getattr(report.last, name) for name in names]
    if as_json:
        shown = {"output": str(output), "steps": report.steps, "finished": report.finished, "sequences": sequences}
        print_json({**shown, **dict(zip(names, values, strict=True)), "seconds": report.seconds})
    else:
        row = (str(output), report.steps, sequences, *("" if v is None else v for v in values), f"{report.seconds:.1f}")
        columns = ("output", "steps", "sequences", "loss", "L_CLM", "L_relu", "positive", "seconds")
        print_table("", columns, [row])
