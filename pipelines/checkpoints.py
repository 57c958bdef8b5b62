"""Checkpoints of a training: what has changed since its start, so that a stopped run goes on as if never stopped.

One file per checkpoint, `step-N.pt`: the trained weights, the optimizer, the step, and the run's fingerprint, which
says of what recipe, backbone and data it is. Random numbers are drawn anew from seed and step in each step, so they are
no part of it. Beside the files stands `best.json`: the step that did best on the development collection.
"""

import pickle
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import torch
from csplade.pipelines.differences import as_json, differences
from csplade.pipelines.errors import SourceError
from csplade.pipelines.whole_file import remove_unfinished, replace_bytes, replace_file
from torch import Tensor

_NAME = re.compile(r"step-(\d+)\.pt")
_BEST_FILE = "best.json"


@dataclass(frozen=True)
class Checkpoint:
    """A training after a number of steps."""

    step: int
    """Steps done."""
    weights: Mapping[str, Tensor]
    """Trained weights by name."""
    optimizer: Mapping[str, Any]  # Any: torch's own format
    """The optimizer's state_dict."""
    fingerprint: Mapping[str, Any]  # Any: JSON values
    """What the run is of; nested JSON objects."""


@dataclass(frozen=True)
class Best:
    """The best step so far."""

    step: int
    quality: float
    """nDCG@10 on the development collection."""


class Checkpoints:
    """The checkpoints of one run, in a folder."""

    def __init__(self, folder: Path, fingerprint: Mapping[str, Any], keep: int) -> None:
        self.folder = folder
        self._fingerprint = as_json(fingerprint)
        self._keep = keep

    def steps(self) -> list[int]:
        """Return the steps of the checkpoints that are there, ascending."""
        names = (_NAME.fullmatch(path.name) for path in self.folder.glob("step-*.pt"))
        return sorted(int(name[1]) for name in names if name)

    def newest_path(self) -> Path | None:
        """Return the file of the newest checkpoint, None if there is none."""
        steps = self.steps()
        return self.path(steps[-1]) if steps else None

    def path(self, step: int) -> Path:
        """Return the file of a step."""
        return self.folder / f"step-{step:06d}.pt"

    def save(self, step: int, weights: Mapping[str, Tensor], optimizer: Mapping[str, Any]) -> Path:
        """Write a checkpoint, then delete those that are neither among the newest nor the best.

        What a killed save has left goes as well, so that only one process at a time may do this.

        Raises:
            SourceError: the folder cannot be written.
        """
        content = {
            "step": step,
            "weights": {name: value.detach().cpu() for name, value in weights.items()},
            "optimizer": dict(optimizer),
            "fingerprint": self._fingerprint,
        }
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            # Before, as each is as large as what is written now.
            remove_unfinished(self.folder)
            replace_file(self.path(step), lambda file: torch.save(content, file), sync=True)
        except (OSError, RuntimeError) as error:
            raise SourceError(f"no checkpoint can be written to {self.folder} ({error}): make room there") from error
        self._prune()
        return self.path(step)

    def newest(self) -> Checkpoint | None:
        """Return the checkpoint of most steps, None if there is none.

        Raises:
            SourceError: it is damaged, or of another recipe, backbone or data; the message names what differs.
        """
        steps = self.steps()
        return self.load(steps[-1]) if steps else None

    def load(self, step: int) -> Checkpoint:
        """Read the checkpoint of a step.

        Raises:
            SourceError: as for `newest`.
        """
        path = self.path(step)
        try:
            content = torch.load(path, map_location="cpu", weights_only=True)
            found = Checkpoint(content["step"], content["weights"], content["optimizer"], content["fingerprint"])
        except (OSError, RuntimeError, EOFError, KeyError, TypeError, pickle.UnpicklingError) as error:
            said = str(error).split("\n")[0]
            raise SourceError(f"the checkpoint {path} cannot be read ({said}): delete it to go on before it") from error
        differing = differences(found.fingerprint, self._fingerprint)
        if differing:
            raise SourceError(
                f"the checkpoint {path} is of another training: {'; '.join(differing)}: "
                "name what it was begun with, or another --output"
            )
        return found

    def best(self) -> Best | None:
        """Return the best step so far, None before the first measurement."""
        path = self.folder / _BEST_FILE
        if not path.is_file():
            return None
        try:
            return Best(**orjson.loads(path.read_bytes()))
        except (OSError, TypeError, orjson.JSONDecodeError) as error:
            raise SourceError(f"{path} cannot be read ({error}): delete it to choose among later steps") from error

    def note_best(self, best: Best) -> None:
        """Remember the best step; its checkpoint is kept from now on."""
        replace_bytes(self.folder / _BEST_FILE, orjson.dumps({"step": best.step, "quality": best.quality}))

    def _prune(self) -> None:
        best = self.best()
        for step in self.steps()[: -self._keep]:
            if best is None or step != best.step:
                self.path(step).unlink()
