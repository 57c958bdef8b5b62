"""`csplade train` in processes of their own, on one thread each, to be killed or run several together."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import torch
from safetensors.torch import load_file
from torch import Tensor

WAIT_SECONDS = 400
# Settings under which a tiny model learns something in seconds.
QUICK = {
    "loss.kl": 0,
    "loss.contrastive": 1,
    "loss.bag_of_words": 1,
    "batch.one_source": "false",
    "batch.bf16": "false",
    "batch.queries": 8,
    "tune.learning_rate": 0.003,
    "tune.head_learning_rate": 0.01,
}


def settings(**changed: object) -> list[str]:
    """Return the quick settings as options; a changed one is written table__key=value."""
    chosen = {**QUICK, **{name.replace("__", "."): value for name, value in changed.items()}}
    return [part for name, value in chosen.items() for part in ("--set", f"{name}={value}")]


def start(
    *arguments: object,
    launcher: tuple[str, ...] = (),
    environment: Mapping[str, str] = MappingProxyType({}),
    module: str = "csplade.cli",
) -> "subprocess.Popen[str]":
    """Start `csplade train ARGUMENTS`; a launcher such as torchrun starts it several times; `module` is the program."""
    command = [sys.executable, *launcher, "-m", module, "train", *map(str, arguments)]
    chosen = {**os.environ, "OMP_NUM_THREADS": "1", **environment}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=chosen)


def wait_for_step(process: "subprocess.Popen[str]", log: Path, step: int) -> None:
    """Wait until the log has the line of a step."""
    ends = time.monotonic() + WAIT_SECONDS
    while not (log.exists() and f'"step":{step},' in log.read_text()):
        if process.poll() is not None:
            raise AssertionError(f"the training ended before step {step}: {process.communicate()[1]}")
        if time.monotonic() > ends:
            process.kill()
            raise AssertionError(f"no step {step} within {WAIT_SECONDS} s: {process.communicate()[1]}")
        time.sleep(0.01)


def weights(model: Path) -> dict[str, Tensor]:
    """Return all weights of a trained folder."""
    return {**load_file(model / "head.safetensors"), **load_file(model / "backbone" / "model.safetensors")}


def same_weights(one: Path, other: Path) -> bool:
    """Look whether two trained folders have the same weights, bit by bit."""
    left, right = weights(one), weights(other)
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)
