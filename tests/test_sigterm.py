"""SIGTERM, by which service managers and containers stop a program, ends it as Ctrl-C does: nothing is left."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from csplade.tests.cluster_lines import ClusterLine
from csplade.tests.versioned_index import add_version, fill, versioned_once
from opensearchpy import OpenSearch

__all__ = ["versioned_once"]

# The program, in which one function stands still.
_PROGRAM = """
import importlib, sys, time
module, _, name = sys.argv.pop(1).rpartition(".")

def stand_still(*given, **named):
    print("it stands still", flush=True)
    time.sleep(600)

setattr(importlib.import_module(module), name, stand_still)
from csplade.cli import main
main()
"""


def standing_still(where: str, *arguments: object) -> subprocess.Popen[str]:
    """Start `csplade ARGUMENTS`, and return it when it has come to that function."""
    command = [sys.executable, "-c", _PROGRAM, where, *map(str, arguments)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "it stands still\n", process.communicate()
    return process


def stopped(process: subprocess.Popen[str]) -> None:
    """Stop it, and see that it ends as by Ctrl-C."""
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (1, "")
    assert err.splitlines()[-1] == "Stopped."
    assert "Traceback" not in err


def copies(client: OpenSearch, alias: str) -> list[str]:
    return list(client.indices.get_alias(index=f"{alias}*-sizes-*", params={"expand_wildcards": "all"}))


@pytest.mark.cluster
def test_copies_of_documents_are_deleted(versioned_once: ClusterLine, tmp_path: Path) -> None:
    line = versioned_once
    index = add_version(line)
    fill(line, index, tmp_path)
    asked = ("index", "status", index, "--sizes-of-sample", "--url", line.url)
    process = standing_still("csplade.integration.size_estimate.merge_into_one", *asked)
    assert len(copies(line.client, line.index)) == 3
    stopped(process)
    assert copies(line.client, line.index) == []


@pytest.mark.model
def test_no_half_encoder_is_left_beside_the_output(tmp_path: Path) -> None:
    # These import torch.
    from csplade.pipelines.trained_folder import write_trained
    from csplade.tests.tiny_trained import tiny_trained

    write_trained(tmp_path / "model", tiny_trained())
    asked = ("export", tmp_path / "model", "--output", tmp_path / "encoder")
    process = standing_still("csplade.pipelines.export_folder.export_graph", *asked)
    half, model = sorted(os.listdir(tmp_path))
    assert (half.startswith(".encoder."), model) == (True, "model")
    stopped(process)
    assert os.listdir(tmp_path) == ["model"]
