"""The output folder of an adaptation: a plain Hugging Face model folder, with log and checkpoints beside.

`adaptation.json` says that the folder is ours, from before the first step on.
"""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
from csplade.pipelines.differences import as_json, differences
from csplade.pipelines.errors import SourceError, UsageError
from csplade.pipelines.folder_lock import contents
from csplade.pipelines.json_object import read_object
from csplade.pipelines.whole_file import replace_bytes
from transformers import PreTrainedModel, PreTrainedTokenizerFast

_OURS = "adaptation.json"
_CONFIG = "config.json"
CHECKPOINTS = "checkpoints"


def claim(folder: Path, resume: bool, fingerprint: Mapping[str, Any]) -> None:  # Any: JSON values
    """Make a folder, which is there, ours.

    Raises:
        SourceError: it holds an adaptation that was begun with something else; the message names what differs.
        UsageError: it holds something else, an adaptation that is not to be resumed, or nothing to resume.
    """
    check_free(folder, resume)
    if resume:
        _check_same(folder, fingerprint)
    else:
        replace_bytes(folder / _OURS, orjson.dumps(fingerprint, option=orjson.OPT_INDENT_2))


def check_free(folder: Path, resume: bool) -> None:
    """Refuse a folder that cannot take an adaptation, before anything is loaded.

    Raises:
        UsageError: as for `claim`.
    """
    ours = (folder / _OURS).is_file()
    if resume and not ours:
        raise UsageError(f"{folder} holds no adaptation to resume: leave --resume out, or correct --output")
    if ours and not resume:
        raise UsageError(f"{folder} holds an adaptation: go on with --resume, or name another --output")
    if not ours and contents(folder):
        raise UsageError(f"{folder} is not an empty folder: name another --output")


def _check_same(folder: Path, fingerprint: Mapping[str, Any]) -> None:
    if differing := differences(read_object(folder / _OURS), as_json(fingerprint)):
        raise SourceError(
            f"{folder} is of another adaptation: {'; '.join(differing)}: name what it was begun with, or another "
            "--output"
        )


def write_model(folder: Path, model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast) -> None:
    """Write model and tokenizer; a folder whose writing was stopped is no model yet, as its config comes last.

    Raises:
        SourceError: they cannot be written, mostly as the disk is full; the checkpoints are still there.
    """
    with tempfile.TemporaryDirectory(dir=folder, prefix=".model-") as fresh:
        try:
            model.save_pretrained(fresh)
            tokenizer.save_pretrained(fresh)
        # The tokenizer's own error has no base but this.
        except Exception as error:
            raise SourceError(
                f"the model cannot be written to {folder} ({error}): make room there, and run again with --resume"
            ) from error
        for path in sorted(Path(fresh).iterdir(), key=lambda path: path.name == _CONFIG):
            os.replace(path, folder / path.name)
