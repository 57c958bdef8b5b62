"""`csplade inspect`: what an encoder folder promises, and whether it keeps its promise on this machine.

With --json exactly one object, the contract with its fingerprint and

    "machine": {"device": "cpu" | "cuda" | null, "processor": text | null, "sums": "fit" | "overflow" | null}

where the device is what the graph runs on here (null without a runtime), and the sums are those of the encoder's
integer products (null where the processor is unknown); with --check also

    "check": {"passed": true | false, "tolerance": number, "largest": number,
              "golden": [{"role": "document" | "query", "text": text, "distance": number, "expansion": number,
                          "shared": number}, ...]}
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource
from csplade.commands.options import encoder_option, json_option
from csplade.commands.output import notice, print_json, print_table
from csplade.pipelines.contract import Contract, check_files, read_contract
from csplade.pipelines.errors import EncoderError, MissingExtraError, UsageError

if TYPE_CHECKING:
    from csplade.pipelines.golden import Drift

_TEXT_WIDTH = 60


@click.command("inspect")
@click.argument("folder", required=False, type=click.Path(path_type=Path))
@click.option("--check", is_flag=True, help="Encode the golden texts here and compare with their vectors.")
@encoder_option
@json_option
def command(folder: Path | None, check: bool, encoder_folder: Path, as_json: bool) -> None:
    """Show what an encoder folder promises; FOLDER is short for --encoder FOLDER.

    The files are always compared with the checksums of the contract.

    \b
    Example:
      csplade inspect
      csplade inspect my-encoder --check
      csplade inspect --encoder my-encoder --json
    """
    folder = _chosen(folder, encoder_folder)
    contract = read_contract(folder)
    check_files(folder, contract)
    found = _check(folder) if check else []
    if as_json:
        shown = {"fingerprint": contract.fingerprint, **contract.to_json(), "machine": _machine(contract)}
        print_json(shown | ({"check": _check_json(found, contract)} if check else {}))
    else:
        _print(contract, found)
    if not _passed(found, contract):
        raise EncoderError(
            f"{folder} gives other vectors here than its contract allows (a distance above {contract.tolerance}, or "
            f"{contract.expansion_tolerance} of the expansion): copy the folder again, or export it on this machine"
        )
    if check:
        notice(f"All {len(found)} golden vectors agree within the contract's tolerance of {contract.tolerance}.")


def _chosen(short: Path | None, encoder_folder: Path) -> Path:
    source = click.get_current_context().get_parameter_source("encoder_folder")
    if short is not None and source is ParameterSource.COMMANDLINE and short != encoder_folder:
        raise UsageError(f"{short} and --encoder {encoder_folder} are two encoders: name one of them")
    return short or encoder_folder


def _machine(contract: Contract) -> dict[str, str | None]:
    """Return what the graph runs on here, and what the processor can do for it."""
    from csplade.pipelines.encode_processor import adds_up, read_processor
    from csplade.pipelines.runtime import usable_device

    processor = read_processor()
    try:
        device = str(usable_device(contract.quantization))
    except MissingExtraError:
        # A folder can be looked at where nothing is encoded.
        device = None
    if processor is None:
        return {"device": device, "processor": None, "sums": None}
    sums = "fit" if adds_up(contract, processor) else "overflow"
    return {"device": device, "processor": str(processor), "sums": sums}


def _check(folder: Path) -> "list[Drift]":
    from csplade.pipelines.encode import Encoder
    from csplade.pipelines.golden import drifts, read_golden

    return drifts(Encoder.open(folder), read_golden(folder))


def _passed(found: "list[Drift]", contract: Contract) -> bool:
    if not found:
        return True
    from csplade.pipelines.golden import allowed

    return all(allowed(drift, contract) for drift in found)


def _check_json(found: "list[Drift]", contract: Contract) -> dict[str, Any]:  # Any: a JSON object
    rows = [
        {
            "role": drift.golden.role.name.lower(),
            "text": drift.golden.text,
            "distance": drift.distance,
            "expansion": drift.expansion,
            "shared": drift.shared,
        }
        for drift in found
    ]
    largest = max((drift.distance for drift in found), default=0.0)
    passed = _passed(found, contract)
    return {"passed": passed, "tolerance": contract.tolerance, "largest": largest, "golden": rows}


def _print(contract: Contract, found: "list[Drift]") -> None:
    here = {f"here: {name}": value or "unknown" for name, value in _machine(contract).items()}
    print_table("", ("contract", "value"), list({**_rows(contract), **here}.items()))
    if found:
        rows = [
            (
                drift.golden.role.name.lower(),
                drift.golden.text[:_TEXT_WIDTH],
                drift.distance,
                drift.expansion,
                f"{drift.shared:.0%}",
            )
            for drift in found
        ]
        print_table("Golden vectors", ("side", "text", "distance", "expansion", "same top 10"), rows)


def _rows(contract: Contract) -> dict[str, str]:
    sides = (("document", contract.document), ("query", contract.query))
    literal = contract.literal
    return {
        "name": contract.name,
        "fingerprint": contract.fingerprint,
        "base model": f"{contract.base_model} ({contract.base_revision})",
        "attention": contract.attention,
        "BOS, EOS": f"{_yes(contract.add_bos)}, {_yes(contract.add_eos)}",
        "lower case": _yes(contract.lowercase),
        "pooling": contract.pooling,
        "term space": contract.term_space,
        "literal path": "none" if literal is None else f"k1 {literal.k1}, b {literal.b}, {literal.analysis} words",
        **{
            name: f"at most {side.max_tokens} tokens, {side.top_k} expansion terms, prefix {side.prefix!r}"
            for name, side in sides
        },
        "last resort": contract.last_resort or "none",
        "vocabulary": str(contract.vocabulary_size),
        "quantization": contract.quantization,
        "opset": str(contract.opset),
        "tolerance": f"{contract.tolerance}, of the expansion {contract.expansion_tolerance}",
        "licence": contract.licence,
        "training data": "; ".join(contract.training),
        "scores": ", ".join(f"{name} {value:.4f}" for name, value in contract.scores.items()),
    }


def _yes(value: bool) -> str:
    return "yes" if value else "no"
