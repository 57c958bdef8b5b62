"""A trained encoder on disk, between training and export; needs torch.

training.json        format version, reading, head, about, and the recipe as it ran
backbone/            the language model without its head, as transformers saves it, LoRA merged
head.safetensors     what stands on it: head rows, calibration, gates, groups
tokenizer.json       the exact tokenizer
terms.json.gz        term number -> term key
idf.json.gz          term key -> idf
"""

import dataclasses
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import torch
from csplade.pipelines.attention_kinds import Attention
from csplade.pipelines.errors import EncoderError, SourceError
from csplade.pipelines.fold import Fold
from csplade.pipelines.folder import TOKENIZER_FILE, Tables, read_tables, write_tables
from csplade.pipelines.model import HeadOptions, SparseEncoderModel
from csplade.pipelines.trained import About, Trained
from csplade.pipelines.training_options import QueryPath, ReadingOptions, TermSpace
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch import Tensor
from transformers import AutoModel, PreTrainedModel

TRAINING_FILE = "training.json"
FORMAT_VERSION = 1

_BACKBONE = "backbone"
_HEAD_FILE = "head.safetensors"
_Json = dict[str, Any]  # Any: JSON values


def is_trained(folder: Path) -> bool:
    """Look whether the folder was written by `write_trained`."""
    return (folder / TRAINING_FILE).is_file()


def write_trained(folder: Path, trained: Trained, recipe: Mapping[str, Any] | None = None) -> None:
    """Write the folder, or replace one that was written before; a stop leaves the old one or the new one.

    Killed between two renames, the old one has `.before` behind its name.

    `recipe` is a JSON object for readers, nothing depends on it.

    Raises:
        SourceError: something else stands there, or the disk is full.
    """
    if folder.exists() and not is_trained(folder):
        raise SourceError(f"{folder} is there and holds no trained model: name a new folder")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as work:
            fresh = Path(work) / "new"
            fresh.mkdir()
            _write(fresh, trained, recipe)
            _exchange(folder, fresh, Path(work))
    except (OSError, SafetensorError) as error:
        raise SourceError(f"the trained model cannot be written to {folder} ({error}): make room there") from error


def _exchange(folder: Path, fresh: Path, work: Path) -> None:
    """Put the fresh folder in the place of the other, which ends in `work`; at any moment one of both is whole."""
    # Not `work`, which is removed if something fails.
    before = folder.with_name(f"{folder.name}.before")
    if folder.exists():
        _away(before, work / "older")
        folder.rename(before)
    try:
        fresh.rename(folder)
    except BaseException:
        _away(before, folder)
        raise
    _away(before, work / "old")


def _away(before: Path, target: Path) -> None:
    if is_trained(before):
        before.rename(target)


def read_trained(folder: Path) -> Trained:
    """Open a folder of `write_trained`.

    Raises:
        SourceError: it is no such folder, of another version, incomplete or damaged.
    """
    described = _described(folder)
    try:
        reading, head = _reading(described["reading"]), _head(described["head"])
        about = About(**{**described["about"], "training": tuple(described["about"]["training"])})
        tables = read_tables(folder)
        tokenizer = Tokenizer.from_file(str(folder / TOKENIZER_FILE))
        model = _model(folder, tuple(tables.terms), head)
        default_idf, average_words = float(described["default_idf"]), float(described["average_words"])
    except EncoderError as error:
        raise SourceError(f"{folder} holds no whole trained model: {error}") from error
    # The tokenizer's reader raises a bare Exception of its own.
    except Exception as error:
        raise SourceError(f"{folder} cannot be read ({_said(error)}): train again, or copy the folder again") from error
    return Trained(model, tokenizer, reading, tuple(tables.terms), dict(tables.idf), default_idf, average_words, about)


def _described(folder: Path) -> _Json:
    path = folder / TRAINING_FILE
    if not path.is_file():
        raise SourceError(f"{folder} holds no {TRAINING_FILE}: name the folder model/ that csplade train wrote")
    try:
        described = orjson.loads(path.read_bytes())
        version = described["format_version"]
    except (OSError, orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise SourceError(f"{path} cannot be read ({_said(error)}): train again, or copy the folder again") from error
    if version != FORMAT_VERSION:
        raise SourceError(
            f"{path} has format {version}, this csplade reads {FORMAT_VERSION}: "
            "export it with the csplade that wrote it"
        )
    found: _Json = described
    return found


def _write(folder: Path, trained: Trained, recipe: Mapping[str, Any] | None) -> None:
    described = {
        "format_version": FORMAT_VERSION,
        "reading": dataclasses.asdict(trained.reading),
        "head": dataclasses.asdict(trained.model.options),
        "about": dataclasses.asdict(trained.about),
        "default_idf": trained.default_idf,
        "average_words": trained.average_words,
        "recipe": None if recipe is None else dict(recipe),
    }
    backbone: PreTrainedModel = trained.model.backbone
    backbone.save_pretrained(folder / _BACKBONE)
    save_file(head_state(trained.model), folder / _HEAD_FILE)
    # Not by `Tokenizer.save`, whose error of a full disk is of no kind of its own.
    (folder / TOKENIZER_FILE).write_text(trained.tokenizer.to_str(pretty=True), encoding="utf-8")
    write_tables(folder, Tables(trained.terms, trained.idf))
    (folder / TRAINING_FILE).write_bytes(orjson.dumps(described, option=orjson.OPT_INDENT_2) + b"\n")


def head_state(model: SparseEncoderModel) -> dict[str, Tensor]:
    """Return the weights and buffers that stand on the language model, by name."""
    state = {name: value for name, value in model.state_dict().items() if not name.startswith("backbone.")}
    return {name: value.detach().cpu().contiguous() for name, value in {"groups": model.groups, **state}.items()}


def _model(folder: Path, terms: tuple[str, ...], options: HeadOptions) -> SparseEncoderModel:
    backbone = AutoModel.from_pretrained(folder / _BACKBONE, dtype=torch.float32, attn_implementation="eager")
    state = load_file(folder / _HEAD_FILE)
    # The rows are already chosen and centred, so the fold that chose them is the identity here.
    rows = np.arange(len(state["head"]), dtype=np.int64)
    model = SparseEncoderModel(backbone, state["head"], Fold(rows, terms, state["groups"].numpy()), options)
    model.load_state_dict(state | {f"backbone.{name}": value for name, value in backbone.state_dict().items()})
    return model.eval()


def _reading(raw: _Json) -> ReadingOptions:
    kinds = {"attention": Attention, "term_space": TermSpace, "query_path": QueryPath}
    return ReadingOptions(**{**raw, **{name: kind(raw[name]) for name, kind in kinds.items()}})


def _head(raw: _Json) -> HeadOptions:
    return HeadOptions(**{**raw, "attention": Attention(raw["attention"])})


def _said(error: Exception) -> str:
    return f"it has no {error}" if isinstance(error, KeyError) else str(error).split("\n")[0]
