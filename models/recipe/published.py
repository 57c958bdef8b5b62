"""Go on from a published folder: what its rounded weights stand for, as if a stage of step 5 had just ended.

Float weights are not published. Those of the frozen layers and the embedding come from the language model's own file.

    python -m csplade.models.recipe.published GGUF_FILE WORK_FOLDER ENCODER_FOLDER STAGE
"""

from pathlib import Path
from typing import cast

import click
import onnx
import torch
from csplade.models.recipe import arguments
from csplade.models.recipe.dictionary import read_dictionary
from csplade.models.recipe.expansion import read_expansion
from csplade.models.recipe.llama import Llama
from csplade.models.recipe.pupil import Pupil, build
from csplade.models.recipe.reader import open_reader
from csplade.models.recipe.train import keep_stage
from csplade.pipelines.errors import UsageError
from csplade.pipelines.folder import MODEL_FILE, read_tables
from csplade.pipelines.model import SparseEncoderModel
from onnx import numpy_helper
from torch import Tensor

_PRODUCTS = (
    ("heads_in", "self_attn/MatMul"),
    ("heads_out", "self_attn/o_proj/MatMul"),
    ("inner_out", "mlp/down_proj/MatMul"),
)
_NORMS = ("input_layernorm", "post_attention_layernorm")


class Rounded:
    """The weights of an int8 graph that `csplade quantize` wrote."""

    def __init__(self, file: Path) -> None:
        graph = onnx.load(str(file)).graph
        self._named = {tensor.name: tensor for tensor in graph.initializer}
        self.gate = next(name for node in graph.node if node.name == "/gate/MatMul" for name in node.input[1:])

    def __contains__(self, name: str) -> bool:
        return name in self._named

    def plain(self, name: str) -> Tensor:
        """Return a weight that was not rounded."""
        return torch.from_numpy(numpy_helper.to_array(self._named[name]).copy())

    def product(self, node: str) -> Tensor:
        """Return the weight of a linear layer, (outputs, inputs), from its integers and one scale for each output."""
        integers = self.plain(f"{node}.weight").float()
        return (integers * self.plain(f"{node}.scales")).T.contiguous()


def layers_from(rounded: Rounded, llama: Llama) -> None:
    """Set the layers that were trained."""
    for number, layer in list(enumerate(llama.layers))[llama.frozen :]:
        start = f"/backbone/layers.{number}/"
        for ours, theirs in _PRODUCTS:
            getattr(layer, ours).data.copy_(rounded.product(start + theirs))
        halves = [rounded.product(f"{start}mlp/{part}_proj/MatMul") for part in ("gate", "up")]
        layer.inner_in.data.copy_(torch.cat(halves))
        layer.norms.data.copy_(
            torch.stack([rounded.plain(f"backbone.layers.{number}.{norm}.weight") for norm in _NORMS])
        )
    llama.norm.data.copy_(rounded.plain("backbone.norm.weight"))


def head_from(rounded: Rounded, model: SparseEncoderModel) -> None:
    """Set head, shifts, strengths and gates."""
    chunks = ["/MatMul"]
    while f"/MatMul_{len(chunks)}.weight" in rounded:
        chunks.append(f"/MatMul_{len(chunks)}")
    model.head.data.copy_(torch.cat([rounded.product(chunk) for chunk in chunks]))
    for name in ("shift", "strength"):
        getattr(model, name).data.copy_(rounded.plain(name))
    model.gate.weight.data.copy_(rounded.plain(rounded.gate).T)
    model.gate.bias.data.copy_(rounded.plain("gate.bias"))


def restore(gguf: Path, work: Path, folder: Path) -> Pupil:
    """Return the pupil with the folder's weights.

    Raises:
        UsageError: the folder's terms are not those of the work folder.
    """
    terms = read_expansion(work).terms
    if terms != tuple(read_tables(folder).terms):
        raise UsageError(f"the terms of {folder} are not those that step 3 chose for {work}: run steps 1 to 3 again")
    pupil = build(gguf, open_reader(gguf, work, terms))
    rounded = Rounded(folder / MODEL_FILE)
    layers_from(rounded, cast(Llama, pupil.model.backbone))
    head_from(rounded, pupil.model)
    return pupil


@click.command(cls=arguments.Step)
@arguments.gguf
@arguments.work
@click.argument("folder", metavar="ENCODER_FOLDER", type=click.Path(exists=True, path_type=Path))
@click.argument("stage", type=click.IntRange(min=1))
def main(gguf: Path, work: Path, folder: Path, stage: int) -> None:
    """Write `stage-STAGE.pt`; the scale of scores, which no folder holds, is the dictionary's."""
    if (path := work / f"stage-{stage}.pt").exists():
        raise UsageError(f"{path} is there, and may hold float weights: move it away, or name another work folder")
    pupil, dictionary = restore(gguf, work, folder), read_dictionary(work)
    keep_stage(path, pupil.model, dictionary.log_scale, dictionary)


if __name__ == "__main__":
    main()
